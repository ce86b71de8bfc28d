import type { MemberTable } from "../model/members";
import type { Layout, Viewport } from "./layout";
import type { Movers } from "./movers";

/** The drawing's colours, from the style sheet. */
export interface Palette {
  paper: string;
  ink: string;
  soft: string;
  faint: string;
  line: string;
  band: string;
  bandAlt: string;
  bar: string;
  accent: string;
  good: string;
  busy: string;
  bad: string;
  info: string;
}

/** What is selected: a member with its pointers, the member or bin under the pointer, a lookup's path, an arc. */
export interface Selection {
  selected: number; // slot, or -1
  hovered: number;
  hoveredBin: number; // or -1
  predecessor: number; // slot, or -1
  successors: Uint32Array; // slots
  fingers: Uint32Array; // slots of distinct targets
  hoveredFinger: number; // index into fingers, or -1
  path: Float64Array; // turns of the chosen lookup's members, initiator first
  pathKey: number; // turn of the chosen lookup's key; -1: none
  violated: Uint32Array; // slots of the members that violations name, without healed violations
  arcFrom: number; // start of the arc being marked, in turns; -1: none
  arcTo: number;
}

/**
 * A Renderer draws the ring from typed arrays. Each method redraws only its own layer: ring after a change of the data
 * or the camera, selection after a change of the choice, motion in every frame in which something moves.
 */
export interface Renderer {
  resize(view: Viewport, density: number): void;
  setPalette(palette: Palette): void;
  ring(table: MemberTable, layout: Layout): void;
  selection(table: MemberTable, layout: Layout, selection: Selection): void;
  /** With still, for readers who prefer reduced motion, nothing moves: each mover is shown as a still mark. */
  motion(layout: Layout, movers: Movers, now: number, still: boolean): void;
}

/** The part of CanvasRenderingContext2D that drawing uses. Tests pass a Recorder instead. */
export type Context = Pick<
  CanvasRenderingContext2D,
  | "arc"
  | "beginPath"
  | "clearRect"
  | "closePath"
  | "fill"
  | "fillRect"
  | "fillText"
  | "lineTo"
  | "measureText"
  | "moveTo"
  | "quadraticCurveTo"
  | "restore"
  | "save"
  | "setLineDash"
  | "setTransform"
  | "stroke"
  | "strokeText"
> & {
  fillStyle: CanvasRenderingContext2D["fillStyle"];
  strokeStyle: CanvasRenderingContext2D["strokeStyle"];
  lineWidth: number;
  lineCap: CanvasLineCap;
  lineJoin: CanvasLineJoin;
  globalAlpha: number;
  font: string;
  textAlign: CanvasTextAlign;
  textBaseline: CanvasTextBaseline;
};
