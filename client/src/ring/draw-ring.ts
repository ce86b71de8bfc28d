import { type MemberTable, present } from "../model/members";
import { chord, newCurve } from "./curve";
import { glyph, repairMark, uncertainMark } from "./glyph";
import { type Layout, pointAt, type Viewport, visibleArc, Worst } from "./layout";
import type { Context, Palette } from "./renderer";

const TAU = 2 * Math.PI;
/** The canvas measures angles from three o'clock; the ring starts at twelve. */
const TOP = TAU / 4;

/** Distances of the parts of the drawing from the circle, outwards, in pixels. */
export const BAND = 4;
export const BAR_FROM = 13;
export const BAR_LENGTH = 36;
export const LABEL_FROM = 60;

const curve = newCurve();

export function glyphSize(layout: Layout): number {
  return Math.max(2.5, Math.min(8.5, layout.spacing * 0.17));
}

/** drawMembers draws every member: its range, its keys, its status. */
export function drawMembers(ctx: Context, p: Palette, table: MemberTable, layout: Layout, view: Viewport): void {
  arcs(ctx, p, table, layout);
  loads(ctx, p, table, layout);
  wrongPointers(ctx, p, table, layout);
  const size = glyphSize(layout);
  for (const pass of [false, true]) {
    for (let i = 0; i < layout.n; i++) {
      const slot = layout.slot[i];
      if (present(table.status[slot]) !== pass) continue;
      const [x, y] = [layout.x[i], layout.y[i]];
      if (x < -20 || y < -20 || x > view.width + 20 || y > view.height + 20) continue;
      glyph(ctx, p, table.status[slot], x, y, size);
      if (table.error[slot] > 0) repairMark(ctx, p, x, y, size);
      if (table.uncertain[slot]) uncertainMark(ctx, p, x, y, size);
    }
  }
}

/** arcs draws the members' ranges in two alternating colours, so that neighbouring ranges can be distinguished. */
function arcs(ctx: Context, p: Palette, table: MemberTable, layout: Layout): void {
  ctx.lineWidth = 2 * BAND;
  for (let tint = 0; tint < 2; tint++) {
    ctx.strokeStyle = tint ? p.bandAlt : p.band;
    ctx.beginPath();
    for (let i = 0; i < layout.n; i++) {
      const slot = layout.slot[i];
      const from = table.rangeFrom[slot];
      if (i % 2 !== tint || from < 0 || !present(table.status[slot])) continue;
      sweep(ctx, layout, from, table.turn[slot]);
    }
    ctx.stroke();
  }
}

function sweep(ctx: Context, layout: Layout, from: number, to: number): void {
  const end = to > from ? to : to + 1;
  const [x, y] = pointAt(layout, from, layout.r);
  ctx.moveTo(x, y);
  ctx.arc(layout.cx, layout.cy, layout.r, from * TAU - TOP, end * TAU - TOP);
}

function loads(ctx: Context, p: Palette, table: MemberTable, layout: Layout): void {
  ctx.strokeStyle = p.bar;
  ctx.lineWidth = Math.max(2, Math.min(7, layout.spacing * 0.3));
  ctx.beginPath();
  for (let i = 0; i < layout.n; i++) {
    const slot = layout.slot[i];
    if (table.keys[slot] === 0 || !present(table.status[slot])) continue;
    radial(ctx, layout, table.turn[slot], BAR_FROM, BAR_FROM + BAR_LENGTH * (table.keys[slot] / layout.maxKeys));
  }
  ctx.stroke();
}

/** wrongPointers draws the target of each successor pointer that is not the next member clockwise. */
function wrongPointers(ctx: Context, p: Palette, table: MemberTable, layout: Layout): void {
  ctx.strokeStyle = p.busy;
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  for (let i = 0; i < layout.n; i++) {
    const slot = layout.slot[i];
    if (table.error[slot] === 0 || !present(table.status[slot])) continue;
    const to = table.slotOf(table.successor[slot]);
    if (to < 0 || to === slot || to === nextPresent(table, layout, i)) continue;
    chord(layout, table.turn[slot], table.turn[to], curve);
    ctx.moveTo(curve.ax, curve.ay);
    ctx.quadraticCurveTo(curve.bx, curve.by, curve.x, curve.y);
  }
  ctx.stroke();
}

function nextPresent(table: MemberTable, layout: Layout, i: number): number {
  for (let step = 1; step <= layout.n; step++) {
    const slot = layout.slot[(i + step) % layout.n];
    if (present(table.status[slot])) return slot;
  }
  return -1;
}

/** drawBins draws the overview: for each bin its worst state, and a bar for its keys. */
export function drawBins(ctx: Context, p: Palette, layout: Layout, view: Viewport): void {
  const total = layout.binTotal;
  const [from, length] = visibleArc(view, layout);
  const first = Math.floor(from * total);
  const n = Math.min(total, Math.ceil(length * total) + 1);
  const width = (TAU * layout.r) / total;
  const tones = [p.band, p.info, p.busy, p.soft, p.busy, p.soft, p.bad];

  ctx.lineWidth = width * 0.55;
  ctx.strokeStyle = p.bar;
  ctx.beginPath();
  for (let k = 0; k < n; k++) {
    const bin = (first + k) % total;
    const keys = layout.binKeys[bin];
    if (keys > 0) radial(ctx, layout, (bin + 0.5) / total, 12, 12 + 44 * (keys / layout.binMaxKeys));
  }
  ctx.stroke();

  ctx.lineWidth = width + 0.4;
  for (let worst = 0; worst < tones.length; worst++) {
    ctx.strokeStyle = tones[worst];
    ctx.beginPath();
    for (let k = 0; k < n; k++) {
      const bin = (first + k) % total;
      if (layout.binWorst[bin] !== worst || (worst === 0 && layout.binMembers[bin] === 0)) continue;
      radial(ctx, layout, (bin + 0.5) / total, -7, 7);
    }
    ctx.stroke();
  }
  for (let k = 0; k < n; k++) {
    const bin = (first + k) % total;
    if (layout.binWorst[bin] >= Worst.joining) binMark(ctx, p, layout, bin);
  }
}

/** binMark repeats a bin's worst state as a small shape inside the circle. */
function binMark(ctx: Context, p: Palette, layout: Layout, bin: number): void {
  const [x, y] = pointAt(layout, (bin + 0.5) / layout.binTotal, layout.r - 16);
  const s = 3;
  ctx.lineWidth = 1.4;
  switch (layout.binWorst[bin]) {
    case Worst.failed:
      ctx.strokeStyle = p.bad;
      ctx.beginPath();
      ctx.moveTo(x - s, y - s);
      ctx.lineTo(x + s, y + s);
      ctx.moveTo(x + s, y - s);
      ctx.lineTo(x - s, y + s);
      ctx.stroke();
      return;
    case Worst.repairing:
      ctx.strokeStyle = p.busy;
      ctx.beginPath();
      ctx.moveTo(x, y - s - 1);
      ctx.lineTo(x + s + 1, y);
      ctx.lineTo(x, y + s + 1);
      ctx.lineTo(x - s - 1, y);
      ctx.closePath();
      ctx.stroke();
      return;
    default: {
      const worst = layout.binWorst[bin];
      ctx.strokeStyle = worst === Worst.joining ? p.info : worst === Worst.leaving ? p.busy : p.soft;
      if (worst === Worst.uncertain || worst === Worst.silent) ctx.setLineDash([1.5, 1.5]);
      ctx.beginPath();
      ctx.arc(x, y, s, 0, worst === Worst.leaving ? TAU / 2 : TAU);
      ctx.stroke();
      ctx.setLineDash([]);
    }
  }
}

/** drawTrack draws the circle without members: the line, the position of zero, and the direction of growing identifiers. */
export function drawTrack(ctx: Context, p: Palette, layout: Layout, scale: number): void {
  ctx.strokeStyle = p.line;
  ctx.lineWidth = 1;
  ctx.beginPath();
  ctx.arc(layout.cx, layout.cy, layout.r, 0, TAU);
  ctx.stroke();
  if (scale > 1.5) return;
  ctx.strokeStyle = p.faint;
  ctx.beginPath();
  radial(ctx, layout, 0, -61, -51);
  const r = layout.r - 56;
  ctx.moveTo(...pointAt(layout, 0.006, r));
  ctx.arc(layout.cx, layout.cy, r, 0.006 * TAU - TOP, 0.03 * TAU - TOP);
  const [x, y] = pointAt(layout, 0.03, r);
  ctx.moveTo(x - 5, y - 4);
  ctx.lineTo(x, y);
  ctx.lineTo(x - 6, y + 2);
  ctx.stroke();
  ctx.fillStyle = p.faint;
  ctx.font = "500 11px 'Inter Variable', system-ui, sans-serif";
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  ctx.fillText("0", layout.cx - 6, layout.cy - r);
}

export function radial(ctx: Context, layout: Layout, turn: number, from: number, to: number): void {
  const sin = Math.sin(turn * TAU);
  const cos = Math.cos(turn * TAU);
  ctx.moveTo(layout.cx + (layout.r + from) * sin, layout.cy - (layout.r + from) * cos);
  ctx.lineTo(layout.cx + (layout.r + to) * sin, layout.cy - (layout.r + to) * cos);
}
