import type { MemberTable } from "../model/members";
import { drawMotion } from "./draw-motion";
import { drawBins, drawMembers, drawTrack } from "./draw-ring";
import { drawSelection } from "./draw-selection";
import type { Layout, Viewport } from "./layout";
import type { Movers } from "./movers";
import type { Context, Palette, Renderer, Selection } from "./renderer";

/** The three canvases, one over the other, and the function that resizes them. */
export interface Layers {
  ring: Context;
  selection: Context;
  motion: Context;
  resize(width: number, height: number, density: number): void;
}

/** Canvas2D draws with the browser's 2D canvas, which needs no GPU, and is fast enough since most layers seldom change. */
export class Canvas2D implements Renderer {
  private view: Viewport = { width: 0, height: 0, left: 0, right: 0, bottom: 0 };
  private density = 1;
  private palette: Palette | undefined;
  private movedLast = false;
  private choseLast = false;
  private readonly layers: Layers;

  constructor(layers: Layers) {
    this.layers = layers;
  }

  resize(view: Viewport, density: number): void {
    const same = view.width === this.view.width && view.height === this.view.height && density === this.density;
    this.view = view;
    this.density = density;
    if (!same) this.layers.resize(view.width, view.height, density);
  }

  setPalette(palette: Palette): void {
    this.palette = palette;
  }

  ring(table: MemberTable, layout: Layout): void {
    const ctx = this.clear(this.layers.ring);
    const p = this.palette;
    if (!p) return;
    drawTrack(ctx, p, layout, layout.r / Math.max(1, Math.min(this.view.width, this.view.height) / 2));
    if (layout.bins) drawBins(ctx, p, layout, this.view);
    else drawMembers(ctx, p, table, layout, this.view);
  }

  selection(table: MemberTable, layout: Layout, selection: Selection): void {
    const chosen = anything(selection);
    if (!chosen && !this.choseLast) return;
    this.choseLast = chosen;
    const ctx = this.clear(this.layers.selection);
    if (this.palette) drawSelection(ctx, this.palette, table, layout, selection);
  }

  motion(layout: Layout, movers: Movers, now: number, still: boolean): void {
    if (movers.count === 0 && !this.movedLast) return;
    const ctx = this.clear(this.layers.motion);
    this.movedLast = movers.count > 0;
    if (this.palette) drawMotion(ctx, this.palette, layout, movers, now, still);
  }

  private clear(ctx: Context): Context {
    ctx.setTransform(this.density, 0, 0, this.density, 0, 0);
    ctx.clearRect(0, 0, this.view.width, this.view.height);
    return ctx;
  }
}

/** anything reports whether the selection layer has anything to draw. */
function anything(s: Selection): boolean {
  return (
    s.selected >= 0 ||
    s.hovered >= 0 ||
    s.hoveredBin >= 0 ||
    s.arcFrom >= 0 ||
    s.pathKey >= 0 ||
    s.path.length > 0 ||
    s.violated.length > 0
  );
}

/** layersOf returns the layers of three canvas elements that lie one over the other. */
export function layersOf(elements: HTMLCanvasElement[]): Layers {
  const [ring, selection, motion] = elements.map((element) => {
    const ctx = element.getContext("2d");
    if (!ctx) throw new Error("this browser cannot draw on a canvas");
    return ctx;
  });
  return {
    ring,
    selection,
    motion,
    resize(width, height, density) {
      for (const element of elements) {
        element.width = Math.round(width * density);
        element.height = Math.round(height * density);
      }
    },
  };
}
