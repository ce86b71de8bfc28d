import { pastWorld, type RingJson } from "../model/past";
import { lastNewsBefore, nextNewsAfter } from "../model/verdict";
import { callJson, messageOf } from "../wire/api";
import { stepReplay, useReplay } from "./replay";
import { goLive, useRing } from "./ring";

/** Looking back: every instant is asked for by itself, so a link to one shows the same thing to everybody. */

/** How often playing moves on, in milliseconds of the reader's time. */
const STEP = 250;

/** Called when playing has moved on from one instant to a later one: what happened between may be shown to move. */
let onReplay: (from: number, to: number) => void = () => {};
export function replayWith(show: typeof onReplay): void {
  onReplay = show;
}

let asked: AbortController | undefined;
let player: ReturnType<typeof setTimeout> | undefined;

/** seek shows an instant of the past; one request is under way at most, and the latest wish wins. */
export async function seek(at: number, playing = 0): Promise<void> {
  clearTimeout(player);
  asked?.abort();
  const mine = new AbortController();
  asked = mine;
  useRing.setState((s) => ({
    view: { mode: "past", at, playing, loading: true, error: "" },
    // Until the answer is there the picture stands still: it must not run on under a past date.
    shown: s.view.mode === "live" ? s.live.clone() : s.shown,
  }));
  try {
    const json = await callJson<RingJson>(`/api/ring?at=${encodeURIComponent(new Date(at).toISOString())}`, {
      signal: mine.signal,
    });
    if (mine.signal.aborted) return;
    const before = Number(useRing.getState().shown.ring.timeMs);
    useRing.setState((s) => ({
      shown: pastWorld(json, s.live),
      rev: s.rev + 1,
      view: { mode: "past", at, playing, loading: false, error: "" },
    }));
    if (playing !== 0) onReplay(before, at);
    if (playing !== 0) player = setTimeout(() => advance(at + STEP * playing, playing), STEP);
  } catch (err) {
    if (mine.signal.aborted) return;
    useRing.setState({ view: { mode: "past", at, playing: 0, loading: false, error: messageOf(err) } });
  }
}

function advance(at: number, playing: number): void {
  if (at >= now()) returnToLive();
  else void seek(at, playing);
}

/** play moves on from the instant shown at a multiple of real time; 0 stands still. */
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

/** step goes to the event before or after the instant shown; after the last one that a replay has played, to its next. */
export function step(direction: 1 | -1): void {
  const { view, live } = useRing.getState();
  if (direction > 0 && view.mode === "live" && useReplay.getState().replay) {
    void stepReplay();
    return;
  }
  const at = view.mode === "live" ? now() : view.at;
  const event = direction > 0 ? nextNewsAfter(live.events, at) : lastNewsBefore(live.events, at);
  if (event) void seek(Number(event.timeMs));
  else if (direction > 0) returnToLive();
}

function now(): number {
  return Number(useRing.getState().live.ring.timeMs) || Date.now();
}
