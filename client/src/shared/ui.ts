import { create } from "zustand";
import { type Camera, FIT } from "../model/camera";
import type { Lookup } from "../wire/hub_pb";
import { FEED, type FeedChoice, HOME, type Sort, type Tab, type Theme } from "./url";

/** What the reader has chosen. The address carries most of it. */
export interface UiStore {
  selected: string; // 40 hex digits, or ""
  cursor: string; // the member under the keyboard cursor, 40 hex digits, or ""
  trace: string; // trace of the chosen lookup, or ""; the lookup may not have been received yet
  lookup: Lookup | null; // the chosen lookup, kept even after the list has dropped it
  key: string; // the key that the reader typed for the chosen lookup, or ""
  tab: Tab;
  theme: Theme;
  camera: Camera;
  motion: number; // the most lookups per second that move on the ring
  dialog: "" | "keys" | "token";
  tour: number; // the tour's step, or -1
  notice: Notice | null;
  arc: Arc | null;
  drawing: boolean; // the next drag draws an arc
  feed: readonly FeedChoice[]; // the feed's filter
  sort: Sort; // of the member table
}

/** An Arc of the circle, clockwise, in turns: its members are to be partitioned from the rest. */
export interface Arc {
  from: number;
  to: number;
}

/** A Notice is a command's result, shown until the next notice or until the reader dismisses it. */
export interface Notice {
  kind: "done" | "failed";
  text: string;
  serial: number;
}

export const useUi = create<UiStore>(() => ({
  selected: HOME.member,
  cursor: "",
  trace: HOME.trace,
  lookup: null,
  key: "",
  tab: HOME.tab,
  theme: HOME.theme,
  camera: FIT,
  motion: 12,
  dialog: "",
  tour: -1,
  notice: null,
  arc: null,
  drawing: false,
  feed: HOME.feed,
  sort: HOME.sort,
}));

let serial = 0;

export function notify(kind: Notice["kind"], text: string): void {
  useUi.setState({ notice: { kind, text, serial: ++serial } });
}

export function select(hex: string): void {
  useUi.setState({ selected: hex, cursor: "" });
}

export function toggleFeed(choice: FeedChoice): void {
  useUi.setState(({ feed }) => ({ feed: FEED.filter((c) => feed.includes(c) !== (c === choice)) }));
}

export function chooseLookup(lookup: Lookup | null, key = ""): void {
  useUi.setState({ lookup, key, trace: lookup?.traceId ?? "" });
}

export function setTheme(theme: Theme): void {
  useUi.setState({ theme });
}
