import { Status } from "../model/members";
import type { Context, Palette } from "./renderer";

const TAU = 2 * Math.PI;

/**
 * glyph draws one member. Every status has its own shape, so that colour is not the only difference:
 * disc active, dotted circle joining, half disc leaving, thin circle left, cross failed, broken circle silent.
 */
export function glyph(ctx: Context, p: Palette, status: number, x: number, y: number, size: number): void {
  ctx.lineWidth = Math.max(1, size * 0.28);
  switch (status) {
    case Status.JOINING:
      disc(ctx, x, y, size, p.paper, p.info);
      dot(ctx, x, y, size * 0.38, p.info);
      return;
    case Status.LEAVING:
      disc(ctx, x, y, size, p.paper, p.busy);
      ctx.fillStyle = p.busy;
      ctx.beginPath();
      ctx.arc(x, y, size, TAU / 4, (3 * TAU) / 4);
      ctx.closePath();
      ctx.fill();
      return;
    case Status.LEFT:
      ctx.lineWidth = 1;
      disc(ctx, x, y, size * 0.8, p.paper, p.faint);
      return;
    case Status.FAILED:
      ctx.strokeStyle = p.bad;
      ctx.lineWidth = Math.max(1.5, size * 0.42);
      ctx.lineCap = "round";
      ctx.beginPath();
      for (const side of [1, -1]) {
        ctx.moveTo(x - size * 0.8, y - side * size * 0.8);
        ctx.lineTo(x + size * 0.8, y + side * size * 0.8);
      }
      ctx.stroke();
      ctx.lineCap = "butt";
      return;
    case Status.SILENT:
      ctx.setLineDash([size * 0.6, size * 0.45]);
      disc(ctx, x, y, size, p.paper, p.soft);
      ctx.setLineDash([]);
      return;
    default:
      dot(ctx, x, y, size + Math.min(1.5, size * 0.3), p.paper);
      dot(ctx, x, y, size, p.ink);
  }
}

/** uncertainMark is a circle of dots around a member whose fields may be stale. */
export function uncertainMark(ctx: Context, p: Palette, x: number, y: number, size: number): void {
  ctx.setLineDash([1.5, 3]);
  ctx.lineWidth = 1.5;
  ctx.strokeStyle = p.soft;
  ctx.beginPath();
  ctx.arc(x, y, size + 4.5, 0, TAU);
  ctx.stroke();
  ctx.setLineDash([]);
}

/** repairMark is a diamond around a member with a wrong pointer. */
export function repairMark(ctx: Context, p: Palette, x: number, y: number, size: number): void {
  const d = size * 1.25 + 4;
  ctx.lineWidth = 1.5;
  ctx.strokeStyle = p.busy;
  ctx.beginPath();
  ctx.moveTo(x, y - d);
  ctx.lineTo(x + d, y);
  ctx.lineTo(x, y + d);
  ctx.lineTo(x - d, y);
  ctx.closePath();
  ctx.stroke();
}

export function dot(ctx: Context, x: number, y: number, radius: number, fill: string): void {
  ctx.fillStyle = fill;
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, TAU);
  ctx.fill();
}

function disc(ctx: Context, x: number, y: number, radius: number, fill: string, stroke: string): void {
  ctx.fillStyle = fill;
  ctx.strokeStyle = stroke;
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, TAU);
  ctx.fill();
  ctx.stroke();
}
