import { create } from "@bufbuild/protobuf";
import { apiId, bytesOf } from "../model/id";
import { pastWorld } from "../model/past";
import { NEWS } from "../model/verdict";
import { goLive, useRing } from "../shared/ring";
import { notify, useUi } from "../shared/ui";
import { ApiError, callJson, callMessage, messageOf } from "../transport/api";
import { type FeedEvent, FeedEventSchema, type NodeDetail, NodeDetailSchema, SnapshotSchema } from "../wire/hub_pb";
import { stepReplay, useReplay } from "./replay";

/** Past instants. Each is requested separately, so that a link to an instant shows the same to every reader. */

/** The interval between two instants while playing, in milliseconds of real time. */
const STEP = 250;
/** How many events from before the page was opened are requested and shown on the timeline. */
const EARLIER = 1000;

/** Called after playback has moved to a later instant, so that the events in between can be animated. */
let onReplay: (from: number, to: number) => void = () => {};
export function replayWith(show: typeof onReplay): void {
  onReplay = show;
}

let asked: AbortController | undefined;
let player: ReturnType<typeof setTimeout> | undefined;

const instant = (ms: number) => encodeURIComponent(new Date(ms).toISOString());

/** seek shows an instant of the past. It aborts the request of an earlier call that has not been answered. */
export async function seek(at: number, playing = 0): Promise<void> {
  clearTimeout(player);
  asked?.abort();
  const mine = new AbortController();
  asked = mine;
  useRing.setState((s) => ({
    view: { mode: "past", at, playing, loading: true, error: "" },
    // The picture is frozen until the answer arrives, since it must not show later changes under a past date.
    shown: s.view.mode === "live" ? s.live.clone() : s.shown,
  }));
  try {
    const { selected } = useUi.getState();
    const [snapshot, detail] = await Promise.all([
      callMessage(`/api/ring?at=${instant(at)}`, SnapshotSchema, { signal: mine.signal }),
      selected ? detailAt(selected, at, mine.signal) : null,
    ]);
    if (mine.signal.aborted) return;
    const before = Number(useRing.getState().shown.ring.timeMs);
    const world = pastWorld(snapshot, useRing.getState().live);
    world.detail = detail;
    useRing.setState((s) => ({
      shown: world,
      rev: s.rev + 1,
      view: { mode: "past", at, playing, loading: false, error: "" },
    }));
    // Meanwhile the reader has selected another member.
    if (useUi.getState().selected !== selected) void lookBackAt(useUi.getState().selected);
    if (playing !== 0) onReplay(before, at);
    if (playing !== 0) player = setTimeout(() => advance(at + STEP * playing, playing), STEP);
  } catch (err) {
    if (mine.signal.aborted) return;
    useRing.setState({ view: { mode: "past", at, playing: 0, loading: false, error: messageOf(err) } });
  }
}

/** detailAt fetches a member's details at an instant; null if the ring did not have that member then. */
async function detailAt(hex: string, at: number, signal?: AbortSignal): Promise<NodeDetail | null> {
  const { bits } = useRing.getState().live.ring;
  try {
    return await callMessage(`/api/ring/nodes/${apiId(hex, bits)}?at=${instant(at)}`, NodeDetailSchema, { signal });
  } catch (err) {
    if (err instanceof ApiError && err.status === 404) return null;
    throw err;
  }
}

/** lookBackAt fetches the details of a member that is selected while the page is paused or shows the past. */
export async function lookBackAt(hex: string): Promise<void> {
  const { view, shown, live } = useRing.getState();
  if (view.mode === "live" || shown === live) return;
  shown.detail = null;
  if (!hex || Number(live.ring.historyFromMs) === 0) return;
  try {
    const detail = await detailAt(hex, view.at);
    if (useRing.getState().shown !== shown || useUi.getState().selected !== hex) return;
    shown.detail = detail;
    useRing.setState((s) => ({ rev: s.rev + 1 }));
  } catch (err) {
    notify("failed", messageOf(err));
  }
}

function advance(at: number, playing: number): void {
  if (at >= now()) returnToLive();
  else void seek(at, playing);
}

/** play plays the history from the instant shown, at the given multiple of real time; 0 stops. */
export function play(speed: number): void {
  const { view } = useRing.getState();
  const at = view.mode === "live" ? now() - 10_000 : view.at;
  void seek(at, speed);
}

export function returnToLive(): void {
  clearTimeout(player);
  asked?.abort();
  goLive();
}

/** The fields of the answer to GET /api/events that are used here. */
interface EventsAnswer {
  events: {
    kind: string;
    id: string;
    peer?: string;
    arrived?: string;
    time: string;
    text: string;
    warning?: boolean;
  }[];
  /** A damaged section of the history, which the request covers and because of which events are missing. */
  damaged?: { from?: string; until?: string; cause: string };
}

const kinds = `kind=${NEWS.join()}`;

/** shownFrom returns the first whole millisecond after an event's receipt: snapshots from then on contain the event. */
const shownFrom = (e: EventsAnswer["events"][number]) => {
  const text = e.arrived ?? e.time;
  const whole = Date.parse(text);
  return /\.\d{3}\d*[1-9]/.test(text) ? whole + 1 : whole;
};

/**
 * step shows the event before or after the instant shown. At the newest instant of a replay it plays the next event. It
 * skips repeated reports of a failure, of which every neighbour emits one.
 */
export async function step(direction: 1 | -1): Promise<void> {
  const { view } = useRing.getState();
  if (direction > 0 && view.mode === "live" && useReplay.getState().replay) return stepReplay();
  const at = view.mode === "live" ? now() : view.at;
  try {
    const where = direction > 0 ? `since=${instant(at)}` : `until=${instant(at - 1)}`;
    const { events, damaged } = await callJson<EventsAnswer>(`/api/events?${where}&limit=1&repeats=false&${kinds}`);
    const found = events.at(0);
    if (found) await seek(shownFrom(found));
    else if (damaged) notify("failed", `Cannot read the history there: ${damaged.cause}`);
    else if (direction > 0) returnToLive();
    else notify("failed", "No earlier events are recorded.");
  } catch (err) {
    notify("failed", messageOf(err));
  }
}

/** loadEarlier fetches membership events from before the page was opened, if the conductor keeps a history. */
export async function loadEarlier(): Promise<void> {
  const { ring } = useRing.getState().live;
  if (Number(ring.historyFromMs) === 0) return;
  try {
    const { events } = await callJson<EventsAnswer>(
      `/api/events?until=${instant(Number(ring.timeMs))}&limit=${EARLIER}&${kinds}`,
    );
    useRing.setState((s) => ({ earlier: events.map(feedEvent), rev: s.rev + 1 }));
  } catch (err) {
    // The timeline then starts with the events that the page has received; the reader's next request shows the error.
    if (!(err instanceof ApiError)) throw err;
  }
}

/** feedEvent converts an event of the API to the message that the hub sends for events. */
function feedEvent(e: EventsAnswer["events"][number]): FeedEvent {
  const none = new Uint8Array(0);
  return create(FeedEventSchema, {
    timeMs: BigInt(Date.parse(e.time)),
    arrivedMs: BigInt(shownFrom(e)),
    kind: e.kind,
    id: bytesOf(e.id) ?? none,
    peer: bytesOf(e.peer ?? "") ?? none,
    text: e.text,
    warning: e.warning,
  });
}

function now(): number {
  return Number(useRing.getState().live.ring.timeMs) || Date.now();
}
