import type { Layout } from "./layout";

const TAU = 2 * Math.PI;

/** A quadratic curve: start, control point, end. Callers reuse a Curve, so that drawing allocates no memory. */
export interface Curve {
  ax: number;
  ay: number;
  bx: number;
  by: number;
  x: number;
  y: number;
}

export const newCurve = (): Curve => ({ ax: 0, ay: 0, bx: 0, by: 0, x: 0, y: 0 });

type Circle = Pick<Layout, "cx" | "cy" | "r">;

/**
 * chord sets out to a curve inside the circle from one turn to another: near the rim between neighbours, through the
 * centre between opposite turns.
 */
export function chord(c: Circle, from: number, to: number, out: Curve, inset = 0): Curve {
  const r = c.r - inset;
  const half = halfAngle(from, to);
  const depth = Math.max(0, Math.cos(half) - 0.35 * Math.sin(half));
  return place(c, from, to, r, r * depth, out);
}

/**
 * arch sets out to a curve outside the circle from one turn to another, for keys that move between neighbours. If the
 * two are more than a quarter turn apart, the curve is the chord.
 */
export function arch(c: Circle, from: number, to: number, height: number, out: Curve, outset = 0): Curve {
  const half = halfAngle(from, to);
  if (half > TAU / 8) return chord(c, from, to, out);
  const r = c.r + outset;
  return place(c, from, to, r, r / Math.cos(half) + height, out);
}

/** along returns the point of the curve at a share of the way from its start (0) to its end (1). */
export function along(curve: Curve, share: number): [number, number] {
  const rest = 1 - share;
  const a = rest * rest;
  const b = 2 * rest * share;
  const c = share * share;
  return [a * curve.ax + b * curve.bx + c * curve.x, a * curve.ay + b * curve.by + c * curve.y];
}

/** part sets out to the piece of a curve between two shares of the way (de Casteljau's algorithm). */
export function part(curve: Curve, from: number, to: number, out: Curve): Curve {
  const [ax, ay] = along(curve, from);
  const [x, y] = along(curve, to);
  const mix = (p: number, q: number, s: number) => p + (q - p) * s;
  out.bx = mix(mix(curve.ax, curve.bx, from), mix(curve.bx, curve.x, from), to);
  out.by = mix(mix(curve.ay, curve.by, from), mix(curve.by, curve.y, from), to);
  out.ax = ax;
  out.ay = ay;
  out.x = x;
  out.y = y;
  return out;
}

/** distanceTo returns a point's distance from the curve, measured at sixteen points: exact enough for a mouse pointer. */
export function distanceTo(curve: Curve, px: number, py: number): number {
  let best = Number.POSITIVE_INFINITY;
  let [x0, y0] = [curve.ax, curve.ay];
  for (let i = 1; i <= 16; i++) {
    const [x1, y1] = along(curve, i / 16);
    const dx = x1 - x0;
    const dy = y1 - y0;
    const t = Math.max(0, Math.min(1, ((px - x0) * dx + (py - y0) * dy) / (dx * dx + dy * dy || 1)));
    best = Math.min(best, Math.hypot(x0 + t * dx - px, y0 + t * dy - py));
    [x0, y0] = [x1, y1];
  }
  return best;
}

function halfAngle(from: number, to: number): number {
  let d = Math.abs(to - from);
  if (d > 0.5) d = 1 - d;
  return (d * TAU) / 2;
}

function place(c: Circle, from: number, to: number, r: number, control: number, out: Curve): Curve {
  let middle = (from + to) / 2;
  if (Math.abs(to - from) > 0.5) middle += 0.5;
  out.ax = c.cx + r * Math.sin(from * TAU);
  out.ay = c.cy - r * Math.cos(from * TAU);
  out.bx = c.cx + control * Math.sin(middle * TAU);
  out.by = c.cy - control * Math.cos(middle * TAU);
  out.x = c.cx + r * Math.sin(to * TAU);
  out.y = c.cy - r * Math.cos(to * TAU);
  return out;
}
