import { create } from "zustand";
import type { Camera } from "../canvas/layout";
import { FIT } from "../canvas/layout";
import { HOME, type Tab, type Theme } from "./url";

/** What the reader has chosen. The address carries most of it. */
export interface UiStore {
  selected: string; // 40 hex digits, or ""
  trace: string; // of the chosen lookup, or ""
  tab: Tab;
  theme: Theme;
  camera: Camera;
  motion: number; // lookups per second that may move on the ring
  dialog: "" | "keys" | "token" | "tour";
  notice: Notice | null;
}

/** A Notice says how a command went, until the next one or until it is dismissed. */
export interface Notice {
  kind: "done" | "failed";
  text: string;
  serial: number;
}

export const useUi = create<UiStore>(() => ({
  selected: HOME.member,
  trace: HOME.trace,
  tab: HOME.tab,
  theme: HOME.theme,
  camera: FIT,
  motion: 12,
  dialog: "",
  notice: null,
}));

let serial = 0;

export function notify(kind: Notice["kind"], text: string): void {
  useUi.setState({ notice: { kind, text, serial: ++serial } });
}

export function select(hex: string): void {
  useUi.setState({ selected: hex });
}

export function setTheme(theme: Theme): void {
  useUi.setState({ theme });
}
