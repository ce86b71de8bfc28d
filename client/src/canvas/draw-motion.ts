import { along, arch, chord, newCurve, part } from "./curve";
import { dot } from "./glyph";
import { type Layout, pointAt } from "./layout";
import { Kind, type Movers, Pointer, Tone } from "./movers";
import type { Context, Palette } from "./renderer";

const TAU = 2 * Math.PI;
const curve = newCurve();
const tail = newCurve();

/** drawMotion draws everything that moves at this instant: hops, keys on their way, and pulses where something happened. */
export function drawMotion(
  ctx: Context,
  p: Palette,
  layout: Layout,
  movers: Movers,
  now: number,
  still: boolean,
): void {
  for (let i = 0; i < movers.count; i++) {
    const share = (now - movers.start[i]) / movers.length[i];
    if (share < 0 || share > 1) continue;
    const tone = toneOf(p, movers.tone[i]);
    if (still) inPlace(ctx, p, tone, layout, movers, i);
    else if (movers.kind[i] === Kind.hop) hop(ctx, tone, layout, movers, i, share);
    else if (movers.kind[i] === Kind.keys) keys(ctx, p, tone, layout, movers, i, share);
    else pulse(ctx, tone, layout, movers.from[i], share);
  }
  ctx.globalAlpha = 1;
}

function toneOf(p: Palette, tone: number): string {
  return [p.accent, p.busy, p.bad, p.good, p.soft][tone] ?? p.accent;
}

/** Without motion a hop is its whole chord, a key move stands in the middle of its way, a pulse is a ring. */
function inPlace(ctx: Context, p: Palette, tone: string, layout: Layout, m: Movers, i: number): void {
  if (m.kind[i] === Kind.keys) {
    keys(ctx, p, tone, layout, m, i, 0.5);
  } else if (m.kind[i] === Kind.pulse) {
    pulse(ctx, tone, layout, m.from[i], 0.4);
  } else {
    chord(layout, m.from[i], m.to[i], curve);
    ctx.strokeStyle = tone;
    ctx.lineWidth = 1.6;
    ctx.globalAlpha = 0.75;
    ctx.beginPath();
    ctx.moveTo(curve.ax, curve.ay);
    ctx.quadraticCurveTo(curve.bx, curve.by, curve.x, curve.y);
    ctx.stroke();
    ctx.globalAlpha = 1;
  }
}

/** A hop is a drop that runs along the chord, with the way it came fading behind it. */
function hop(ctx: Context, tone: string, layout: Layout, m: Movers, i: number, share: number): void {
  chord(layout, m.from[i], m.to[i], curve);
  // The drop takes the first two thirds; the rest is the afterglow.
  const head = ease(Math.min(1, share * 1.5));
  const back = ease(Math.max(0, share * 1.5 - 0.5));
  if (back < head) {
    part(curve, back, head, tail);
    ctx.globalAlpha = 0.75;
    ctx.strokeStyle = tone;
    ctx.lineWidth = 1.6;
    if (m.pointer[i] === Pointer.cache) ctx.setLineDash([5, 4]);
    else if (m.pointer[i] === Pointer.successor) ctx.setLineDash([1.6, 3]);
    ctx.beginPath();
    ctx.moveTo(tail.ax, tail.ay);
    ctx.quadraticCurveTo(tail.bx, tail.by, tail.x, tail.y);
    ctx.stroke();
    ctx.setLineDash([]);
  }
  ctx.globalAlpha = 1;
  if (share < 2 / 3) {
    const [x, y] = along(curve, head);
    if (m.tone[i] === Tone.bad) cross(ctx, tone, x, y);
    else dot(ctx, x, y, m.tone[i] === Tone.busy ? 3.6 : 3, tone);
  } else if (m.last[i]) {
    ring(ctx, tone, curve.x, curve.y, 5 + 12 * (share * 3 - 2), 1 - (share * 3 - 2));
  }
}

/** Keys travel outside the rim, as a square with their number beside it. */
function keys(ctx: Context, p: Palette, tone: string, l: Layout, m: Movers, i: number, share: number): void {
  arch(l, m.from[i], m.to[i], 46, curve, 8);
  ctx.globalAlpha = Math.min(1, 4 * share, 4 * (1 - share));
  ctx.strokeStyle = tone;
  ctx.lineWidth = 1.4;
  ctx.beginPath();
  ctx.moveTo(curve.ax, curve.ay);
  ctx.quadraticCurveTo(curve.bx, curve.by, curve.x, curve.y);
  ctx.stroke();
  const [x, y] = along(curve, ease(share));
  ctx.fillStyle = tone;
  ctx.fillRect(x - 4, y - 4, 8, 8);
  const label = m.label[i];
  if (!label) return;
  ctx.font = "600 11px 'Inter Variable', system-ui, sans-serif";
  ctx.textBaseline = "middle";
  const right = curve.bx >= l.cx;
  ctx.textAlign = right ? "left" : "right";
  ctx.lineWidth = 3;
  ctx.strokeStyle = p.paper;
  ctx.strokeText(label, x + (right ? 9 : -9), y);
  ctx.fillStyle = p.ink;
  ctx.fillText(label, x + (right ? 9 : -9), y);
}

/** A pulse says: something just happened here. */
function pulse(ctx: Context, tone: string, layout: Layout, turn: number, share: number): void {
  const [x, y] = pointAt(layout, turn, layout.r);
  const start = layout.bins ? 3 : 8;
  ring(ctx, tone, x, y, start + 22 * ease(share), 1 - share);
}

function ring(ctx: Context, tone: string, x: number, y: number, radius: number, alpha: number): void {
  ctx.globalAlpha = Math.max(0, alpha);
  ctx.strokeStyle = tone;
  ctx.lineWidth = 2;
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, TAU);
  ctx.stroke();
  ctx.globalAlpha = 1;
}

function cross(ctx: Context, tone: string, x: number, y: number): void {
  ctx.strokeStyle = tone;
  ctx.lineWidth = 2;
  ctx.beginPath();
  ctx.moveTo(x - 4, y - 4);
  ctx.lineTo(x + 4, y + 4);
  ctx.moveTo(x + 4, y - 4);
  ctx.lineTo(x - 4, y + 4);
  ctx.stroke();
}

const ease = (t: number): number => t * t * (3 - 2 * t);
