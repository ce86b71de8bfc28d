import { lowerBound } from "../model/arcs";
import type { Camera } from "../model/camera";
import type { MemberTable } from "../model/members";
import { present, Status } from "../model/members";

/** The size of the picture and the insets that panels over the picture cover, in CSS pixels. */
export interface Viewport {
  width: number;
  height: number;
  left: number;
  right: number;
  bottom: number;
}

/** Margin around the ring for load bars and labels, in CSS pixels. Labels are wider than high. */
const MARGIN_X = 118;
const MARGIN_Y = 84;
/** The smallest width, in CSS pixels, at which there is room for members' names. */
const ROOMY = 520;
/** With a smaller average distance between members, in CSS pixels, bins are drawn instead of members. */
export const SINGLE_SPACING = 10;
/** Width of a bin along the circle, in CSS pixels. */
const BIN_PIXELS = 5;

const TAU = 2 * Math.PI;

/** Severity of a member's state. A bin shows the worst state of its members. */
export const Worst = { fine: 0, joining: 1, leaving: 2, uncertain: 3, repairing: 4, silent: 5, failed: 6 };

/** A Layout is the position of everything on the screen: members, or bins where there are too many members. */
export interface Layout {
  cx: number; // centre and radius of the circle in CSS pixels
  cy: number;
  r: number;
  spacing: number; // average distance between members in pixels
  bins: boolean;
  maxKeys: number;
  /** Members to draw one by one, clockwise. Empty when bins are drawn. */
  n: number;
  slot: Uint32Array;
  x: Float32Array;
  y: Float32Array;
  /** Bins, clockwise from the top: bin i covers the turns from i/binTotal to (i+1)/binTotal. */
  binTotal: number;
  binMembers: Uint16Array;
  binWorst: Uint8Array;
  binKeys: Float64Array;
  binMaxKeys: number;
}

/** widthOf returns the part of the view's width that the ring may use. */
const widthOf = (view: Viewport): number => Math.max(80, view.width - view.left - view.right);

/** roomy reports whether there is room for members' names. */
export const roomy = (view: Viewport): boolean => widthOf(view) >= ROOMY;

/** circle returns the ring's centre and radius on the screen. */
export function circle(view: Viewport, camera: Camera): { cx: number; cy: number; r: number } {
  const width = widthOf(view);
  const height = Math.max(80, view.height - view.bottom);
  const side = roomy(view) ? MARGIN_X : Math.min(MARGIN_X, 0.165 * width);
  const radius = Math.max(20, Math.min(width / 2 - side, height / 2 - Math.min(MARGIN_Y, 0.16 * height)));
  const r = radius * camera.scale;
  return { cx: view.left + width / 2 - camera.x * r, cy: height / 2 - camera.y * r, r };
}

/** visibleArc returns the part of the circle that may be on the screen, as [from, length] in turns. */
export function visibleArc(view: Viewport, c: { cx: number; cy: number; r: number }): [number, number] {
  const pad = MARGIN_X;
  const inside = c.cx > -pad && c.cx < view.width + pad && c.cy > -pad && c.cy < view.height + pad;
  if (inside) return [0, 1];
  // The centre is outside the screen, so the screen's corners span less than half a turn around it.
  const mid = turnAt(c, view.width / 2, view.height / 2);
  let reach = 0;
  for (const x of [-pad, view.width + pad]) {
    for (const y of [-pad, view.height + pad]) {
      const off = turnAt(c, x, y) - mid;
      reach = Math.max(reach, Math.abs(off - Math.round(off)));
    }
  }
  return [(mid - reach + 1) % 1, Math.min(1, 2 * reach)];
}

/** turnAt returns the direction from the centre to a point of the screen, in turns clockwise from the top. */
export function turnAt(c: { cx: number; cy: number }, x: number, y: number): number {
  const turn = Math.atan2(x - c.cx, c.cy - y) / TAU;
  return turn < 0 ? turn + 1 : turn;
}

/** pointAt returns the point of the screen in the direction of a turn, at a distance in pixels from the centre. */
export function pointAt(c: { cx: number; cy: number }, turn: number, distance: number): [number, number] {
  const angle = turn * TAU;
  return [c.cx + distance * Math.sin(angle), c.cy - distance * Math.cos(angle)];
}

/** severity ranks a member's state for its bin. */
export function severity(table: MemberTable, slot: number): number {
  switch (table.status[slot]) {
    case Status.FAILED:
      return Worst.failed;
    case Status.SILENT:
      return Worst.silent;
    case Status.LEFT:
      return Worst.fine; // a member that left gracefully is no problem
  }
  if (table.error[slot] > 0) return Worst.repairing;
  if (table.uncertain[slot]) return Worst.uncertain;
  if (table.status[slot] === Status.LEAVING) return Worst.leaving;
  return table.status[slot] === Status.JOINING ? Worst.joining : Worst.fine;
}

/** layOut places all members. */
export function layOut(table: MemberTable, view: Viewport, camera: Camera): Layout {
  const c = circle(view, camera);
  const order = table.order();
  const spacing = order.length ? (TAU * c.r) / order.length : Number.POSITIVE_INFINITY;
  const bins = spacing < SINGLE_SPACING;
  let maxKeys = 1;
  for (let i = 0; i < table.count; i++) {
    if (table.keys[i] > maxKeys && present(table.status[i])) maxKeys = table.keys[i];
  }
  const layout: Layout = { ...c, spacing, bins, maxKeys, ...NOTHING };
  if (bins) fillBins(layout, table, order);
  else placeMembers(layout, table, order, view);
  return layout;
}

const NOTHING = {
  n: 0,
  slot: new Uint32Array(0),
  x: new Float32Array(0),
  y: new Float32Array(0),
  binTotal: 0,
  binMembers: new Uint16Array(0),
  binWorst: new Uint8Array(0),
  binKeys: new Float64Array(0),
  binMaxKeys: 1,
};

function placeMembers(layout: Layout, table: MemberTable, order: Uint32Array, view: Viewport): void {
  const [from, length] = visibleArc(view, layout);
  const first = length < 1 ? lowerBound(table, order, from) : 0;
  const slot = new Uint32Array(order.length);
  const x = new Float32Array(order.length);
  const y = new Float32Array(order.length);
  let n = 0;
  for (let i = 0; i < order.length; i++) {
    const at = order[(first + i) % order.length];
    const turn = table.turn[at];
    if (length < 1 && (turn - from + 1) % 1 > length) break;
    slot[n] = at;
    x[n] = layout.cx + layout.r * Math.sin(turn * TAU);
    y[n] = layout.cy - layout.r * Math.cos(turn * TAU);
    n++;
  }
  layout.n = n;
  layout.slot = slot.subarray(0, n);
  layout.x = x.subarray(0, n);
  layout.y = y.subarray(0, n);
}

function fillBins(layout: Layout, table: MemberTable, order: Uint32Array): void {
  const total = Math.max(60, Math.round((TAU * layout.r) / BIN_PIXELS));
  layout.binTotal = total;
  layout.binMembers = new Uint16Array(total);
  layout.binWorst = new Uint8Array(total);
  layout.binKeys = new Float64Array(total);
  for (let i = 0; i < order.length; i++) {
    const slot = order[i];
    const bin = Math.min(total - 1, Math.floor(table.turn[slot] * total));
    if (present(table.status[slot])) {
      layout.binMembers[bin]++;
      layout.binKeys[bin] += table.keys[slot];
    }
    const worst = severity(table, slot);
    if (worst > layout.binWorst[bin]) layout.binWorst[bin] = worst;
  }
  for (const keys of layout.binKeys) if (keys > layout.binMaxKeys) layout.binMaxKeys = keys;
}
