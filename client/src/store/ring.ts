import { create as message } from "@bufbuild/protobuf";
import { create } from "zustand";
import { type FeedEvent, type Settings, SettingsSchema } from "../gen/hub_pb";
import { World } from "../model/world";

/** How the page stands with the conductor. */
export interface Link {
  state: "connecting" | "open" | "lost";
  attempt: number;
  retryAt: number;
  /** What happened at the last opening: "first" snapshot, "resumed" where it was, "fresh" after a gap, conductor "restarted". */
  opened: "" | "first" | "resumed" | "fresh" | "restarted";
  openedAt: number;
}

/** Which instant the page shows. Intake goes on in every mode. */
export type View =
  | { mode: "live" }
  | { mode: "paused"; at: number }
  | { mode: "past"; at: number; playing: number; loading: boolean; error: string };

export interface RingStore {
  link: Link;
  settings: Settings;
  epoch: string;
  /** What arrives. */
  live: World;
  /** What is shown: live itself, or a world of its own while paused or in the past. */
  shown: World;
  /** Grows whenever shown changed: worlds change in place, so this is what the canvas watches. */
  rev: number;
  /** Follows rev a few times a second: what components watch. */
  told: number;
  view: View;
  /** Who came, went or failed before the page came, oldest first, as the history tells it; the rest is in live. */
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
    told: 0,
    view: { mode: "live" },
    earlier: [],
  };
});

/** pause freezes what is shown; the intake goes on behind it. */
export function pause(): void {
  useRing.setState((s) => {
    if (s.view.mode !== "live") return s;
    return { shown: s.live.clone(), view: { mode: "paused", at: Number(s.live.ring.timeMs) || Date.now() } };
  });
}

/** goLive shows what arrives again. */
export function goLive(): void {
  useRing.setState((s) => ({ shown: s.live, view: { mode: "live" }, rev: s.rev + 1 }));
}

export function togglePause(): void {
  if (useRing.getState().view.mode === "live") pause();
  else goLive();
}

/**
 * Components follow the picture at this interval, in milliseconds. Patches come three times as often; nobody reads that
 * fast, and the frames between belong to what moves.
 */
const TELL = 220;
/** At least so long after a change, too, so that the canvas has drawn it before the components take their time. */
const YIELD = 30;

let telling: ReturnType<typeof setTimeout> | undefined;
let toldAt = Number.NEGATIVE_INFINITY;

/** tell lets the components see what is shown, now. */
export function tell(): void {
  clearTimeout(telling);
  telling = undefined;
  toldAt = performance.now();
  useRing.setState((s) => (s.told === s.rev ? s : { told: s.rev }));
}

useRing.subscribe((now, before) => {
  if (now.rev === before.rev) return;
  telling ??= setTimeout(tell, Math.max(YIELD, toldAt + TELL - performance.now()));
});

/** useShown re-renders as the shown world changes, and returns it. */
export function useShown(): World {
  useRing((s) => s.told);
  return useRing((s) => s.shown);
}
