import { groupOf } from "../model/feed";
import { clock } from "../model/words";
import type { World } from "../model/world";
import type { FeedEvent } from "../wire/hub_pb";

/** drawTrack draws a span of time: the ring error as an area, events as ticks, a scenario's phases as named bands. */
export function drawTrack(
  canvas: HTMLCanvasElement,
  world: World,
  earlier: readonly FeedEvent[],
  from: number,
  to: number,
): void {
  const ctx = canvas.getContext("2d");
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!ctx || width === 0) return;
  canvas.width = width * devicePixelRatio;
  canvas.height = height * devicePixelRatio;
  ctx.scale(devicePixelRatio, devicePixelRatio);
  const style = getComputedStyle(canvas);
  const color = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const x = (ms: number) => (width * (ms - from)) / Math.max(1, to - from);
  const base = height - 13;

  ctx.font = "400 10px 'Inter Variable', system-ui, sans-serif";
  phases(ctx, color, world, x, base, width);

  damaged(ctx, color, world, from, to, x, base);

  ctx.strokeStyle = color("line");
  ctx.beginPath();
  ctx.moveTo(0, base + 0.5);
  ctx.lineTo(width, base + 0.5);
  ctx.stroke();

  const top = Math.max(24, ...world.samples.map((s) => Number(s.error)));
  ctx.fillStyle = color("busy");
  ctx.globalAlpha = 0.35;
  let before = 0;
  for (const s of world.samples) {
    const ms = Number(s.timeMs);
    // One second wide, but shorter if it would overlap the one before, since the tint would be darker there.
    const left = x(Math.max(ms - 1000, before));
    before = ms;
    if (ms < from || s.error === 0n) continue;
    const h = (base - 2) * Math.sqrt(Number(s.error) / top);
    ctx.fillRect(left, base - h, Math.max(1, x(ms) - left), h);
  }
  ctx.globalAlpha = 1;

  const tones = { bad: color("bad"), calm: color("ink-3") };
  const tick = ({ kind, timeMs, warning }: FeedEvent) => {
    const ms = Number(timeMs);
    if (ms < from || groupOf(kind) !== "membership" || kind === "chord.node.started") return;
    ctx.fillStyle = warning ? tones.bad : tones.calm;
    // Ticks of failures are longer too, so that colour is not the only difference.
    ctx.fillRect(x(ms) - 0.5, base - (warning ? 13 : 6), warning ? 2 : 1, warning ? 13 : 6);
  };
  const remembered = world.events[0]?.timeMs ?? BigInt(to);
  for (const e of earlier) if (e.timeMs < remembered) tick(e);
  for (const e of world.events) tick(e);
  times(ctx, color, from, to, x, height, width);
}

function times(
  ctx: CanvasRenderingContext2D,
  color: (name: string) => string,
  from: number,
  to: number,
  x: (ms: number) => number,
  height: number,
  width: number,
): void {
  const span = to - from;
  const steps = [10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000];
  const every = steps.find((s) => (width * s) / span > 90) ?? steps[steps.length - 1];
  ctx.fillStyle = color("ink-3");
  ctx.textAlign = "center";
  for (let ms = Math.ceil(from / every) * every; ms < to; ms += every) {
    if (x(ms) > 26 && x(ms) < width - 26) ctx.fillText(clock(ms).replace(/:00$/, ""), x(ms), height - 2);
  }
}

/** damaged hatches the sections of the history that cannot be read. */
function damaged(
  ctx: CanvasRenderingContext2D,
  color: (name: string) => string,
  world: World,
  from: number,
  to: number,
  x: (ms: number) => number,
  base: number,
): void {
  ctx.save();
  ctx.strokeStyle = color("bad");
  ctx.globalAlpha = 0.6;
  for (const section of world.ring.historyDamage) {
    const left = x(Math.max(from, Number(section.fromMs)));
    const right = x(Math.min(to, section.untilMs === 0n ? to : Number(section.untilMs)));
    if (right <= left) continue;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, 0, Math.max(2, right - left), base);
    ctx.clip();
    ctx.beginPath();
    for (let at = left - base; at < right; at += 6) {
      ctx.moveTo(at, base);
      ctx.lineTo(at + base, 0);
    }
    ctx.stroke();
    ctx.restore();
  }
  ctx.restore();
}

function phases(
  ctx: CanvasRenderingContext2D,
  color: (name: string) => string,
  world: World,
  x: (ms: number) => number,
  base: number,
  width: number,
): void {
  const s = world.simulation;
  const start = world.simulationStart;
  if (!s || start === 0) return;
  ctx.textAlign = "left";
  for (const phase of s.phases) {
    const left = x(start + phase.atS * 1000);
    const right = Math.max(left + 2, x(start + (phase.atS + phase.forS) * 1000));
    if (right < 0 || left > width) continue;
    ctx.fillStyle = color("info-wash");
    ctx.fillRect(left, 0, right - left, base);
    ctx.fillStyle = color("info");
    ctx.fillText(phase.name, Math.max(2, left + 3), 10);
  }
}
