import { FIT } from "../model/camera";
import { bytesOf } from "../model/id";
import { motion, movers } from "../ring/motion";
import { type Link, publish, useRing } from "../shared/ring";
import { useUi } from "../shared/ui";
import { formatAddress, parseAddress } from "../shared/url";
import { loadEarlier, lookBackAt, replayWith, seek } from "../timeline/past";
import { loadReplay } from "../timeline/replay";
import { call } from "../transport/api";
import { Connection } from "../transport/connection";
import { subprotocols, takeToken } from "../transport/token";

/** The session owns the page's only connection to the conductor, feeds the store and updates the page's address. */

let connection: Connection | undefined;
/** The instant that the page's address asks for, shown as soon as a snapshot has been received. */
let startAt = 0;

export function startSession(): () => void {
  takeToken();
  readAddress();
  const stops = [paintTheme(), clearMotion(), watchSelected(), writeAddress(), useUi.subscribe(limitMotion)];
  replayWith((from, to) => motion.replay(useRing.getState().shown, from, to, performance.now()));
  connection = new Connection({
    url: new URL("ws", document.baseURI).href.replace(/^http/, "ws"), // beside the page
    protocols: subprotocols,
    position: () => ({ epoch: useRing.getState().epoch, seq: useRing.getState().live.seq }),
    listener: {
      connecting: (attempt) => setLink({ state: "connecting", attempt }),
      lost(retryAt, attempt) {
        // A browser hides why a WebSocket was refused; the API returns the reason, and a 401 opens the token dialog.
        const refused = attempt === 1 && useRing.getState().link.state === "connecting";
        setLink({ state: "lost", attempt, retryAt });
        if (refused) call("/api/stats").catch(() => {});
      },
      welcome(welcome) {
        const { epoch } = useRing.getState();
        const opened = welcome.resumed ? "resumed" : !epoch ? "first" : epoch === welcome.epoch ? "fresh" : "restarted";
        useRing.setState((s) => ({ epoch: welcome.epoch, settings: welcome.settings ?? s.settings }));
        setLink({ state: "open", opened, openedAt: Date.now() });
        loadReplay();
      },
      snapshot(snapshot) {
        useRing.getState().live.applySnapshot(snapshot);
        movers.clear();
        changed();
        void loadEarlier();
        if (startAt) void seek(startAt);
        startAt = 0;
      },
      patch(patch) {
        const { live, view } = useRing.getState();
        live.applyPatch(patch);
        if (view.mode === "live" && !document.hidden) motion.take(patch, live, performance.now());
        changed();
      },
      detail(detail) {
        const { live, shown, view } = useRing.getState();
        live.detail = detail;
        // A paused picture takes a member's details from the history; without a history, from the present.
        if (view.mode === "paused" && !shown.detail && Number(live.ring.historyFromMs) === 0) {
          shown.detail = detail;
          useRing.setState((s) => ({ rev: s.rev + 1 }));
        }
        changed();
        publish(); // without a delay: the reader has just selected this member
      },
    },
  });
  connection.open();
  const online = () => connection?.retryNow();
  addEventListener("online", online);
  return () => {
    removeEventListener("online", online);
    for (const stop of stops) stop();
    connection?.close();
    connection = undefined;
  };
}

function limitMotion(ui: { motion: number }): void {
  motion.limit = ui.motion;
}

/** reconnect opens a new connection immediately, with the token stored now. */
export function reconnect(): void {
  connection?.restart();
}

function changed(): void {
  const { trace, lookup } = useUi.getState();
  if (trace && !lookup) {
    const found = useRing.getState().live.lookups.findLast((l) => l.traceId === trace);
    if (found) useUi.setState({ lookup: found });
  }
  useRing.setState((s) => (s.view.mode === "live" ? { rev: s.rev + 1 } : {}));
}

function setLink(link: Partial<Link>): void {
  useRing.setState((s) => ({ link: { ...s.link, ...link } }));
}

/** paintTheme sets the document's theme before the first drawing, so that nothing appears in the wrong colours. */
function paintTheme(): () => void {
  const paint = ({ theme }: { theme: string }) => {
    document.documentElement.dataset.theme = theme;
  };
  paint(useUi.getState());
  return useUi.subscribe(paint);
}

/** clearMotion removes the movers when the page switches between the present and the past. */
function clearMotion(): () => void {
  return useRing.subscribe((now, before) => {
    if ((now.view.mode === "past") !== (before.view.mode === "past")) movers.clear();
  });
}

function watchSelected(): () => void {
  let watched = "";
  const watch = (selected: string) => {
    if (selected === watched) return;
    watched = selected;
    useRing.getState().live.detail = null;
    connection?.watch(bytesOf(selected) ?? new Uint8Array(0));
    void lookBackAt(selected);
  };
  queueMicrotask(() => watch(useUi.getState().selected));
  return useUi.subscribe((s) => watch(s.selected));
}

function readAddress(): void {
  const address = parseAddress(location.search);
  useUi.setState({
    selected: address.member,
    tab: address.tab,
    theme: address.theme,
    trace: address.trace,
    camera: address.camera ?? FIT,
    feed: address.feed,
    sort: address.sort,
  });
  startAt = address.at;
}

/** writeAddress updates the page's address with the choices, after a delay: browsers limit how often it may change. */
function writeAddress(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const write = () => {
    timer = undefined;
    const { selected, tab, theme, trace, camera, feed, sort } = useUi.getState();
    const { view } = useRing.getState();
    const search = formatAddress({
      member: selected,
      tab,
      theme,
      trace,
      feed,
      sort,
      camera: camera.scale === 1 && camera.x === 0 && camera.y === 0 ? null : camera,
      at: view.mode === "past" ? view.at : 0,
    });
    if (search !== location.search) history.replaceState(history.state, "", location.pathname + search + location.hash);
  };
  const later = () => {
    timer ??= setTimeout(write, 300);
  };
  const stops = [useUi.subscribe(later), useRing.subscribe((s, before) => s.view !== before.view && later())];
  return () => {
    clearTimeout(timer);
    for (const stop of stops) stop();
  };
}
