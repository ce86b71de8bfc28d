import type { MemberTable } from "../model/members";
import { chord, newCurve } from "./curve";
import { BAND, glyphSize, radial } from "./draw-ring";
import { dot } from "./glyph";
import { type Layout, pointAt } from "./layout";
import type { Context, Palette, Selection } from "./renderer";

const TAU = 2 * Math.PI;
const TOP = TAU / 4;
const curve = newCurve();

/** drawSelection draws the selection over the ring: range, pointers, the chosen lookup, violations. */
export function drawSelection(ctx: Context, p: Palette, table: MemberTable, layout: Layout, s: Selection): void {
  if (s.arcFrom >= 0) markedArc(ctx, p, layout, s.arcFrom, s.arcTo);
  for (const slot of s.violated) violation(ctx, p, table, layout, slot);
  if (s.hoveredBin >= 0 && layout.bins) lens(ctx, p, layout, s.hoveredBin);
  if (s.selected >= 0) {
    range(ctx, p, table, layout, s.selected);
    fingers(ctx, p, table, layout, s);
    neighbours(ctx, p, table, layout, s);
    marker(ctx, p, table, layout, s.selected, true);
  }
  if (s.path.length) path(ctx, p, layout, s);
  if (s.hovered >= 0 && s.hovered !== s.selected) marker(ctx, p, table, layout, s.hovered, false);
}

function range(ctx: Context, p: Palette, table: MemberTable, layout: Layout, slot: number): void {
  const from = table.rangeFrom[slot];
  if (from < 0) return;
  const to = table.turn[slot] > from ? table.turn[slot] : table.turn[slot] + 1;
  ctx.strokeStyle = p.accent;
  ctx.lineWidth = 2 * BAND;
  ctx.globalAlpha = 0.55;
  ctx.beginPath();
  ctx.arc(layout.cx, layout.cy, layout.r, from * TAU - TOP, to * TAU - TOP);
  ctx.stroke();
  ctx.globalAlpha = 1;
}

function fingers(ctx: Context, p: Palette, table: MemberTable, layout: Layout, s: Selection): void {
  for (let i = 0; i < s.fingers.length; i++) {
    const hot = i === s.hoveredFinger;
    ctx.strokeStyle = p.accent;
    ctx.globalAlpha = hot ? 1 : s.hoveredFinger >= 0 ? 0.25 : 0.6;
    ctx.lineWidth = hot ? 2.4 : 1.2;
    chord(layout, table.turn[s.selected], table.turn[s.fingers[i]], curve);
    ctx.beginPath();
    ctx.moveTo(curve.ax, curve.ay);
    ctx.quadraticCurveTo(curve.bx, curve.by, curve.x, curve.y);
    ctx.stroke();
    dot(ctx, curve.x, curve.y, hot ? 5 : 3, p.accent);
  }
  ctx.globalAlpha = 1;
}

/** neighbours draws a dotted line outside the rim along the successor list, and one inside it to the predecessor. */
function neighbours(ctx: Context, p: Palette, table: MemberTable, layout: Layout, s: Selection): void {
  const from = table.turn[s.selected];
  ctx.lineWidth = 1.5;
  ctx.strokeStyle = p.ink;
  if (s.successors.length) {
    const last = table.turn[s.successors[s.successors.length - 1]];
    ctx.beginPath();
    ctx.arc(layout.cx, layout.cy, layout.r + 10, from * TAU - TOP, (last > from ? last : last + 1) * TAU - TOP);
    for (const slot of s.successors) radial(ctx, layout, table.turn[slot], 7, 13);
    ctx.stroke();
  }
  if (s.predecessor >= 0 && s.predecessor !== s.selected) {
    const back = table.turn[s.predecessor];
    ctx.setLineDash([3, 3]);
    ctx.beginPath();
    ctx.arc(layout.cx, layout.cy, layout.r - 11, (back < from ? back : back - 1) * TAU - TOP, from * TAU - TOP);
    ctx.stroke();
    ctx.setLineDash([]);
    const [x, y] = pointAt(layout, back, layout.r - 11);
    dot(ctx, x, y, 2.5, p.ink);
  }
}

function marker(ctx: Context, p: Palette, table: MemberTable, layout: Layout, slot: number, strong: boolean): void {
  const [x, y] = pointAt(layout, table.turn[slot], layout.r);
  const size = layout.bins ? 4 : glyphSize(layout);
  if (layout.bins) dot(ctx, x, y, size, p.ink);
  ctx.strokeStyle = strong ? p.accent : p.soft;
  ctx.lineWidth = strong ? 2.5 : 1.5;
  ctx.beginPath();
  ctx.arc(x, y, size + 4, 0, TAU);
  ctx.stroke();
}

/** path draws the chosen lookup: its hops, which the labels number, and a notch outside the rim for its key. */
function path(ctx: Context, p: Palette, layout: Layout, s: Selection): void {
  ctx.lineWidth = 2;
  for (let i = 1; i < s.path.length; i++) {
    chord(layout, s.path[i - 1], s.path[i], curve);
    ctx.strokeStyle = p.accent;
    ctx.beginPath();
    ctx.moveTo(curve.ax, curve.ay);
    ctx.quadraticCurveTo(curve.bx, curve.by, curve.x, curve.y);
    ctx.stroke();
  }
  for (const turn of s.path) {
    const [x, y] = pointAt(layout, turn, layout.r);
    dot(ctx, x, y, 5.5, p.paper);
    dot(ctx, x, y, 4, p.accent);
  }
  if (s.pathKey < 0) return;
  const [x, y] = pointAt(layout, s.pathKey, layout.r + 8);
  const [ax, ay] = pointAt(layout, s.pathKey - 5 / (TAU * layout.r), layout.r + 18);
  const [bx, by] = pointAt(layout, s.pathKey + 5 / (TAU * layout.r), layout.r + 18);
  ctx.fillStyle = p.accent;
  ctx.beginPath();
  ctx.moveTo(x, y);
  ctx.lineTo(ax, ay);
  ctx.lineTo(bx, by);
  ctx.closePath();
  ctx.fill();
}

/** markedArc marks the arc of the members to be partitioned: a hatched band with a line at both ends. */
function markedArc(ctx: Context, p: Palette, layout: Layout, from: number, to: number): void {
  const end = to > from ? to : to + 1;
  ctx.strokeStyle = p.bad;
  ctx.lineWidth = 26;
  ctx.globalAlpha = 0.3;
  ctx.setLineDash([2, 4]);
  ctx.beginPath();
  ctx.arc(layout.cx, layout.cy, layout.r, from * TAU - TOP, end * TAU - TOP);
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.globalAlpha = 1;
  ctx.lineWidth = 2;
  ctx.beginPath();
  radial(ctx, layout, from, -22, 22);
  radial(ctx, layout, to, -22, 22);
  ctx.stroke();
}

/** violation draws a wedge inside the rim at a member that a violated condition names. */
function violation(ctx: Context, p: Palette, table: MemberTable, layout: Layout, slot: number): void {
  const turn = table.turn[slot];
  const wide = 5.5 / (TAU * layout.r);
  ctx.fillStyle = p.bad;
  ctx.beginPath();
  ctx.moveTo(...pointAt(layout, turn, layout.r - 14));
  ctx.lineTo(...pointAt(layout, turn - wide, layout.r - 25));
  ctx.lineTo(...pointAt(layout, turn + wide, layout.r - 25));
  ctx.closePath();
  ctx.fill();
}

/** lens outlines the bin under the pointer; the tooltip lists its members. */
function lens(ctx: Context, p: Palette, layout: Layout, bin: number): void {
  const half = 0.5 / layout.binTotal;
  const middle = (bin + 0.5) / layout.binTotal;
  ctx.strokeStyle = p.ink;
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  ctx.moveTo(...pointAt(layout, middle - half, layout.r - 10));
  ctx.lineTo(...pointAt(layout, middle - half, layout.r + 60));
  ctx.lineTo(...pointAt(layout, middle + half, layout.r + 60));
  ctx.lineTo(...pointAt(layout, middle + half, layout.r - 10));
  ctx.closePath();
  ctx.stroke();
}
