import { create as message } from "@bufbuild/protobuf";
import { create } from "zustand";
import { World } from "../model/world";
import { type FeedEvent, type Settings, SettingsSchema } from "../wire/hub_pb";

/** The state of the connection to the conductor. */
export interface Link {
  state: "connecting" | "open" | "lost";
  attempt: number;
  retryAt: number;
  /** The last opening's kind: "first" snapshot, "resumed" without loss, "fresh" after a gap, conductor "restarted". */
  opened: "" | "first" | "resumed" | "fresh" | "restarted";
  openedAt: number;
}

/** The instant that the page shows. The page keeps receiving in every mode. */
export type View =
  | { mode: "live" }
  | { mode: "paused"; at: number }
  | { mode: "past"; at: number; playing: number; loading: boolean; error: string };

export interface RingStore {
  link: Link;
  settings: Settings;
  epoch: string;
  /** The view of all that has been received. */
  live: World;
  /** The world shown: live itself, or a world of its own while paused or in the past. */
  shown: World;
  /** Grows whenever shown changes: worlds change in place, so the canvas watches this. */
  rev: number;
  /** Follows rev a few times a second; components watch this. */
  published: number;
  view: View;
  /** Membership events from before the page was opened, oldest first, from the history; later ones are in live. */
  earlier: FeedEvent[];
}

export const useRing = create<RingStore>(() => {
  const world = new World();
  return {
    link: { state: "connecting", attempt: 0, retryAt: 0, opened: "", openedAt: 0 },
    settings: message(SettingsSchema),
    epoch: "",
    live: world,
    shown: world,
    rev: 0,
    published: 0,
    view: { mode: "live" },
    earlier: [],
  };
});

/** pause freezes the world shown; the page keeps receiving. */
export function pause(): void {
  useRing.setState((s) => {
    if (s.view.mode !== "live") return s;
    return { shown: s.live.clone(), view: { mode: "paused", at: Number(s.live.ring.timeMs) || Date.now() } };
  });
}

/** goLive shows the live world again. */
export function goLive(): void {
  useRing.setState((s) => ({ shown: s.live, view: { mode: "live" }, rev: s.rev + 1 }));
}

export function togglePause(): void {
  if (useRing.getState().view.mode === "live") pause();
  else goLive();
}

/**
 * Components are rendered at this interval, in milliseconds. Patches come three times as often, faster than a reader
 * reads, and the frames between are needed for motion.
 */
const PUBLISH = 220;
/** The least delay after a change, so that the canvas is drawn before the slower components. */
const YIELD = 30;

let publishing: ReturnType<typeof setTimeout> | undefined;
let publishedAt = Number.NEGATIVE_INFINITY;

/** publish renders the components now. */
export function publish(): void {
  clearTimeout(publishing);
  publishing = undefined;
  publishedAt = performance.now();
  useRing.setState((s) => (s.published === s.rev ? s : { published: s.rev }));
}

useRing.subscribe((now, before) => {
  if (now.rev === before.rev) return;
  publishing ??= setTimeout(publish, Math.max(YIELD, publishedAt + PUBLISH - performance.now()));
});

/** useShown re-renders as the shown world changes, and returns it. */
export function useShown(): World {
  useRing((s) => s.published);
  return useRing((s) => s.shown);
}
