import { useEffect, useRef } from "react";
import { distancesLeft, sameLookup } from "../model/lookups";
import { duration } from "../model/words";
import { chooseLookup, useUi } from "../shared/ui";
import { useThemeSerial } from "../shared/useTheme";
import { type Lookup, Lookup_Outcome } from "../wire/hub_pb";

const HEIGHT = 128;
const PAD = { left: 8, right: 8, top: 18, bottom: 18 };
/** How many of the newest lookups are drawn. */
const SHOWN = 160;

/** The point where a lookup's line ends, so that a click near it chooses the lookup. */
interface End {
  x: number;
  y: number;
  lookup: Lookup;
}

/**
 * StripPlot draws each lookup as a line: to the right the time since its start, downwards the distance still left to the
 * key, both on logarithmic scales. In a healthy ring every hop about halves the distance, so the lines descend steadily.
 */
export function StripPlot({ lookups, bits, members }: { lookups: Lookup[]; bits: number; members: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const ends = useRef<End[]>([]);
  const theme = useThemeSerial();
  const chosen = useUi((s) => s.lookup);
  const last = lookups.at(-1);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the list grows in place; its last entry marks a change
  useEffect(() => {
    if (canvas.current) ends.current = draw(canvas.current, lookups.slice(-SHOWN), bits, members, chosen);
  }, [last, lookups.length, bits, members, theme, chosen]);

  const pick = (e: React.MouseEvent) => {
    const box = e.currentTarget.getBoundingClientRect();
    const [x, y] = [e.clientX - box.left, e.clientY - box.top];
    let best: End | null = null;
    for (const end of ends.current)
      if (!best || Math.hypot(end.x - x, end.y - y) < Math.hypot(best.x - x, best.y - y)) best = end;
    if (best && Math.hypot(best.x - x, best.y - y) < 24) chooseLookup(best.lookup);
  };
  return (
    <figure className="strip">
      <canvas
        ref={canvas}
        style={{ height: HEIGHT }}
        onClick={pick}
        role="img"
        aria-label="Recent lookups: the distance left to the key over time. The list below contains the same lookups."
      />
    </figure>
  );
}

function draw(
  canvas: HTMLCanvasElement,
  lookups: Lookup[],
  bits: number,
  members: number,
  chosen: Lookup | null,
): End[] {
  const ctx = canvas.getContext("2d");
  const width = canvas.clientWidth;
  if (!ctx || width === 0) return [];
  canvas.width = width * devicePixelRatio;
  canvas.height = HEIGHT * devicePixelRatio;
  ctx.scale(devicePixelRatio, devicePixelRatio);
  const style = getComputedStyle(canvas);
  const color = (name: string) => style.getPropertyValue(`--${name}`).trim();

  const slowest = Math.max(1000, ...lookups.map((l) => Number(l.durationUs)));
  const floor = Math.log2(Math.max(4, members)) + 3; // after this many halvings, a distance is drawn as 0
  const inner = { w: width - PAD.left - PAD.right, h: HEIGHT - PAD.top - PAD.bottom };
  const x = (us: number) => PAD.left + (inner.w * Math.log1p(us / 100)) / Math.log1p(slowest / 100);
  const y = (left: number) => PAD.top + inner.h * Math.min(1, left > 0 ? -Math.log2(left) / floor : 1);

  axes(ctx, color, width, slowest, x);
  const tones: Record<number, string> = {
    [Lookup_Outcome.SUCCESS]: color("accent"),
    [Lookup_Outcome.TIMEOUTS]: color("busy"),
    [Lookup_Outcome.FAILED]: color("bad"),
  };
  const ends: End[] = [];
  for (const lookup of lookups) {
    const strong = sameLookup(lookup, chosen);
    const lefts = distancesLeft(lookup, bits);
    ctx.strokeStyle = ctx.fillStyle = tones[lookup.outcome] ?? color("ink-3");
    ctx.globalAlpha = strong ? 1 : lookup.outcome === Lookup_Outcome.SUCCESS ? 0.28 : 0.8;
    ctx.lineWidth = strong ? 2 : 1;
    ctx.beginPath();
    let [px, py] = [PAD.left, PAD.top];
    for (let i = 0; i < lefts.length; i++) {
      [px, py] = [x(Number(lookup.hops[i].atUs)), y(lefts[i])];
      if (i === 0) ctx.moveTo(px, py);
      else ctx.lineTo(px, py);
    }
    ctx.stroke();
    mark(ctx, lookup.outcome, px, py);
    ends.push({ x: px, y: py, lookup });
  }
  return ends;
}

function axes(
  ctx: CanvasRenderingContext2D,
  color: (name: string) => string,
  width: number,
  slowest: number,
  x: (us: number) => number,
): void {
  ctx.strokeStyle = color("line");
  ctx.fillStyle = color("ink-3");
  ctx.font = "400 11px 'Inter Variable', system-ui, sans-serif";
  ctx.textAlign = "center";
  for (const us of [1000, 10_000, 100_000, 1_000_000]) {
    if (us > slowest * 1.05) break;
    ctx.beginPath();
    ctx.moveTo(x(us), PAD.top);
    ctx.lineTo(x(us), HEIGHT - PAD.bottom);
    ctx.stroke();
    ctx.fillText(duration(us / 1000).replace(".0", ""), Math.min(x(us), width - 20), HEIGHT - 5);
  }
  ctx.textAlign = "right";
  ctx.fillText("time since the lookup's start", width - PAD.right, 11);
  ctx.textAlign = "left";
  ctx.fillText("far from the key", PAD.left, 11);
  ctx.fillText("found", PAD.left, HEIGHT - 5);
}

function mark(ctx: CanvasRenderingContext2D, outcome: Lookup_Outcome, x: number, y: number): void {
  ctx.beginPath();
  if (outcome === Lookup_Outcome.FAILED) {
    ctx.lineWidth = 2;
    ctx.moveTo(x - 3.5, y - 3.5);
    ctx.lineTo(x + 3.5, y + 3.5);
    ctx.moveTo(x + 3.5, y - 3.5);
    ctx.lineTo(x - 3.5, y + 3.5);
    ctx.stroke();
  } else if (outcome === Lookup_Outcome.TIMEOUTS) {
    ctx.moveTo(x, y - 4);
    ctx.lineTo(x + 4, y + 3);
    ctx.lineTo(x - 4, y + 3);
    ctx.fill();
  } else {
    ctx.arc(x, y, 2, 0, 2 * Math.PI);
    ctx.fill();
  }
}
