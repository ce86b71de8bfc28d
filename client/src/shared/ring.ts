import { create as message } from "@bufbuild/protobuf";
import { create } from "zustand";
import { World } from "../model/world";
import { type FeedEvent, type Settings, SettingsSchema } from "../wire/hub_pb";

/** The state of the connection to the conductor. */
export interface Link {
  state: "connecting" | "open" | "lost";
  attempt: number;
  retryAt: number;
  /**
   * How the last connection began: "first" of the page, "resumed" without missed updates, "fresh" with a new snapshot,
   * or "restarted": of a new process of the conductor.
   */
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
  /** The world that contains everything received. */
  live: World;
  /** The world shown: live, or another world while the view is paused or shows the past. */
  shown: World;
  /** Grows whenever shown changes. The canvas watches rev, since worlds change in place. */
  rev: number;
  /** Set to rev a few times a second. Components watch published. */
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

/** pause freezes the world shown, while the page keeps receiving. */
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
 * Components are rendered at this interval, in milliseconds. Patches are received more often, faster than
 * anyone reads, and motion needs the time between.
 */
const PUBLISH = 220;
/** The shortest delay after a change, in milliseconds, so that the canvas is drawn before the slower components. */
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

/** useShown returns the world shown, and re-renders the component after the world changes. */
export function useShown(): World {
  useRing((s) => s.published);
  return useRing((s) => s.shown);
}
