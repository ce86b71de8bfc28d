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

/** The selection: the selected member with its pointers, the hovered one, and the chosen lookup's path. */
export interface Selection {
  selected: number; // slot, or -1
  hovered: number;
  hoveredBin: number; // or -1
  predecessor: number; // slot, or -1
  successors: Uint32Array; // slots
  fingers: Uint32Array; // slots of distinct targets
  hoveredFinger: number; // index into fingers, or -1
  path: Float64Array; // turns of the chosen lookup's members, initiator first
  pathKey: number; // turn of its key; -1: none
  violated: Uint32Array; // slots named by violations that still hold
  arcFrom: number; // an arc being marked, in turns; -1: none
  arcTo: number;
}

/**
 * A Renderer draws the ring from typed arrays. It keeps layers, so that each method redraws only its own: the ring when
 * the data or the camera changed, the selection when the choice did, the motion on every frame with something moving.
 */
export interface Renderer {
  resize(view: Viewport, density: number): void;
  setPalette(palette: Palette): void;
  ring(table: MemberTable, layout: Layout): void;
  selection(table: MemberTable, layout: Layout, selection: Selection): void;
  /** still: for readers who prefer reduced motion, events are shown in place and do not move. */
  motion(layout: Layout, movers: Movers, now: number, still: boolean): void;
}

/** The part of CanvasRenderingContext2D in use; a test passes one that records calls. */
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
