import { along, arch, chord, newCurve, part } from "./curve";
import { type Layout, pointAt } from "./layout";
import { CAPACITY, Kind, type Movers, Pointer, Tone } from "./movers";
import type { Context, Palette } from "./renderer";

const TAU = 2 * Math.PI;
const curve = newCurve();
const tail = newCurve();

/**
 * With more movers than this, lines are only one pixel wide: many thin lines hide less, and without a GPU a thin line
 * takes a third of a wide line's time, a dotted one a fifth.
 */
const CROWD = 48;

/** A line has one of TONES × POINTERS styles. Movers of one style are drawn together. */
const TONES = Object.keys(Tone).length;
const POINTERS = Object.keys(Pointer).length;
const DASHES: Record<number, number[]> = { [Pointer.successor]: [1.6, 3] };

/** The indices of the movers that move at this instant. Reused, so that drawing allocates no memory. */
const active = new Uint16Array(CAPACITY);

/** drawMotion draws all movers of this instant: hops, moving keys, and pulses at the members of events. */
export function drawMotion(
  ctx: Context,
  p: Palette,
  layout: Layout,
  movers: Movers,
  now: number,
  still: boolean,
): void {
  let n = 0;
  let styles = 0;
  for (let i = 0; i < movers.count; i++) {
    if (now < movers.start[i] || now > movers.start[i] + movers.length[i]) continue;
    active[n++] = i;
    if (movers.kind[i] === Kind.hop) styles |= 1 << styleOf(movers, i);
  }
  const colors = [p.accent, p.busy, p.bad, p.good, p.soft];
  const line = n > CROWD ? 1 : 1.6;
  for (let style = 0; style < TONES * POINTERS; style++) {
    if (!(styles & (1 << style))) continue;
    ctx.strokeStyle = ctx.fillStyle = colors[Math.floor(style / POINTERS)];
    ctx.lineWidth = line;
    hops(ctx, layout, movers, n, style, now, still);
  }
  for (let k = 0; k < n; k++) {
    const i = active[k];
    const tone = colors[movers.tone[i]];
    const share = (now - movers.start[i]) / movers.length[i];
    if (movers.kind[i] === Kind.keys) keys(ctx, p, tone, layout, movers, i, still ? 0.5 : share);
    else if (movers.kind[i] === Kind.pulse) pulse(ctx, tone, layout, movers.from[i], still ? 0.4 : share, line);
    else if (!still && movers.last[i] && share >= 2 / 3) arrival(ctx, tone, layout, movers.to[i], share * 3 - 2, line);
  }
  ctx.globalAlpha = 1;
}

const styleOf = (m: Movers, i: number): number => m.tone[i] * POINTERS + m.pointer[i];

/**
 * hops draws the hops of one style. A hop is a dot that moves along the chord with a tail behind it; with reduced motion
 * the hop is the whole chord.
 */
function hops(ctx: Context, layout: Layout, m: Movers, n: number, style: number, now: number, still: boolean): void {
  ctx.globalAlpha = 0.75;
  const dash = still ? undefined : DASHES[style % POINTERS];
  if (dash) ctx.setLineDash(dash);
  ctx.beginPath();
  for (let k = 0; k < n; k++) {
    const i = active[k];
    if (m.kind[i] !== Kind.hop || styleOf(m, i) !== style) continue;
    // The dot moves during the first two thirds of the time; the last third shows the end of the tail.
    const share = still ? 1 : ((now - m.start[i]) / m.length[i]) * 1.5;
    const head = ease(Math.min(1, share));
    const back = still ? 0 : ease(Math.max(0, share - 0.5));
    if (back >= head) continue;
    part(chord(layout, m.from[i], m.to[i], curve), back, head, tail);
    ctx.moveTo(tail.ax, tail.ay);
    ctx.quadraticCurveTo(tail.bx, tail.by, tail.x, tail.y);
  }
  ctx.stroke();
  if (dash) ctx.setLineDash([]);
  ctx.globalAlpha = 1;
  if (!still) drops(ctx, layout, m, n, style, now);
}

/** drops draws the dots of one style's hops: discs, or crosses if the lookup failed. */
function drops(ctx: Context, layout: Layout, m: Movers, n: number, style: number, now: number): void {
  const tone = Math.floor(style / POINTERS);
  const radius = tone === Tone.busy ? 3.6 : 3;
  ctx.beginPath();
  for (let k = 0; k < n; k++) {
    const i = active[k];
    const share = (now - m.start[i]) / m.length[i];
    if (m.kind[i] !== Kind.hop || styleOf(m, i) !== style || share >= 2 / 3) continue;
    const [x, y] = along(chord(layout, m.from[i], m.to[i], curve), ease(share * 1.5));
    if (tone === Tone.bad) {
      ctx.moveTo(x - 4, y - 4);
      ctx.lineTo(x + 4, y + 4);
      ctx.moveTo(x + 4, y - 4);
      ctx.lineTo(x - 4, y + 4);
    } else {
      ctx.moveTo(x + radius, y);
      ctx.arc(x, y, radius, 0, TAU);
    }
  }
  if (tone !== Tone.bad) {
    ctx.fill();
    return;
  }
  ctx.lineWidth = 2;
  ctx.stroke();
}

/** keys draws a transfer of keys as a square that moves outside the rim, with the number of keys beside it. */
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

/** pulse marks the position of an event's member. */
function pulse(ctx: Context, tone: string, layout: Layout, turn: number, share: number, line: number): void {
  const start = layout.bins ? 3 : 8;
  ripple(ctx, tone, layout, turn, start + 22 * ease(share), 1 - share, line);
}

/** arrival draws the end of a lookup at the key's owner. */
function arrival(ctx: Context, tone: string, layout: Layout, turn: number, share: number, line: number): void {
  ripple(ctx, tone, layout, turn, 5 + 12 * share, 1 - share, line);
}

function ripple(
  ctx: Context,
  tone: string,
  layout: Layout,
  turn: number,
  radius: number,
  alpha: number,
  line: number,
): void {
  const [x, y] = pointAt(layout, turn, layout.r);
  ctx.globalAlpha = Math.max(0, alpha);
  ctx.strokeStyle = tone;
  ctx.lineWidth = line;
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, TAU);
  ctx.stroke();
}

const ease = (t: number): number => t * t * (3 - 2 * t);
