import type { Camera } from "../model/camera";
import { useRing } from "../shared/ring";
import { select, useUi } from "../shared/ui";
import { Canvas2D, layersOf } from "./canvas2d";
import { chord, distanceTo, newCurve } from "./curve";
import { listen } from "./gestures";
import { type Hit, hitTest } from "./hit";
import { type Box, LabelLayer } from "./labels";
import { type Layout, layOut, type Viewport } from "./layout";
import { movers } from "./motion";
import type { Selection } from "./renderer";
import { labelsFor, selectionOf } from "./select";
import { readPalette } from "./theme";

/** What the pointer is over, for the tooltip. */
export interface Hover {
  x: number;
  y: number;
  hit: Hit;
  finger: number; // slot of the hovered finger's target, or -1
}

/** The choices that the selection layer shows. */
const SELECTS = ["selected", "lookup", "cursor", "arc"] as const;

/** The shortest interval between two drawings of bins, in milliseconds: a summary need not change more often. */
const BINS_MS = 120;

interface Elements {
  root: HTMLElement;
  canvases: HTMLCanvasElement[];
  labels: HTMLElement;
}

/**
 * Stage connects the store and the renderer: it lays out and draws what changed, at most once a frame, and requests no
 * frames while nothing moves. A Stage belongs to one mounted element.
 */
export class Stage {
  private readonly renderer: Canvas2D;
  private readonly labels: LabelLayer;
  private view: Viewport = { width: 0, height: 0, left: 0, right: 0, bottom: 0 };
  private layout: Layout | undefined;
  private selection: Selection | undefined;
  private frame = 0;
  private dirty = { ring: true, data: true, selection: true };
  private ringAt = 0;
  private taken: Box[] = [];
  private hover: Hover | null = null;
  private frozenAt = 0;
  private readonly calm = matchMedia("(prefers-reduced-motion: reduce)");
  private readonly stops: (() => void)[] = [];
  private readonly elements: Elements;
  private readonly onHover: (hover: Hover | null, layout: Layout | undefined) => void;

  constructor(elements: Elements, onHover: (hover: Hover | null, layout: Layout | undefined) => void) {
    this.elements = elements;
    this.onHover = onHover;
    this.renderer = new Canvas2D(layersOf(elements.canvases));
    this.labels = new LabelLayer(elements.labels);
    this.repaint();
    const over = [...elements.root.querySelectorAll<HTMLElement>("[data-over]")];
    const sizes = new ResizeObserver(() => {
      // The browser calls observers after its layout, so reading positions here causes no second one.
      this.taken = over.map((e) => [
        e.offsetLeft,
        e.offsetTop,
        e.offsetLeft + e.offsetWidth,
        e.offsetTop + e.offsetHeight,
      ]);
      this.resize();
    });
    for (const element of [elements.root, ...over]) sizes.observe(element);
    this.stops.push(
      () => sizes.disconnect(),
      useRing.subscribe((now, before) => {
        if (now.shown !== before.shown) this.invalidate("ring");
        else if (now.rev !== before.rev) this.invalidate("data");
        if (now.view !== before.view) this.invalidate("selection");
      }),
      useUi.subscribe((now, before) => {
        if (now.camera !== before.camera) this.invalidate("ring");
        else if (SELECTS.some((key) => now[key] !== before[key])) this.invalidate("selection");
      }),
      listen({
        element: elements.root,
        view: () => this.view,
        camera: () => useUi.getState().camera,
        maxScale: () => maxScale(useRing.getState().shown.table.count),
        setCamera: (camera: Camera) => useUi.setState({ camera }),
        hover: (x, y, coarse) => this.point(x, y, coarse),
        unhover: () => this.setHover(null),
        click: (x, y, coarse) => this.click(x, y, coarse),
        drawing: () => useUi.getState().drawing,
        arc: (from, to, done) => useUi.setState({ arc: { from, to }, drawing: !done }),
      }),
    );
  }

  /** setInsets sets how much of the picture panels cover, in pixels. */
  setInsets(insets: { left: number; right: number; bottom: number }): void {
    const { view } = this;
    if (insets.left === view.left && insets.right === view.right && insets.bottom === view.bottom) return;
    this.view = { ...view, ...insets };
    this.renderer.resize(this.view, devicePixelRatio);
    this.invalidate("ring");
  }

  /** repaint draws everything with the colours of the present theme. */
  repaint(): void {
    this.renderer.setPalette(readPalette(this.elements.root));
    this.invalidate("ring");
  }

  dispose(): void {
    cancelAnimationFrame(this.frame);
    for (const stop of this.stops) stop();
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.elements.root;
    if (this.layout && width === this.view.width && height === this.view.height) {
      this.invalidate("selection");
      return;
    }
    this.view = { ...this.view, width, height };
    this.renderer.resize(this.view, devicePixelRatio);
    this.dirty = { ring: true, data: true, selection: true };
    // Draw now, since in the next frame a resized canvas would be empty or distorted.
    cancelAnimationFrame(this.frame);
    this.draw(performance.now());
  }

  private invalidate(what: "ring" | "data" | "selection"): void {
    if (what === "ring") this.dirty.ring = true;
    if (what === "data") this.dirty.data = true;
    this.dirty.selection = true;
    this.wake();
  }

  /** ringDue reports whether to draw the ring now. New data of bins waits for BINS_MS; all other changes do not wait. */
  private ringDue(now: number): boolean {
    if (this.dirty.ring || !this.layout) return true;
    return this.dirty.data && (!this.layout.bins || now - this.ringAt >= BINS_MS);
  }

  private wake(): void {
    this.frame ||= requestAnimationFrame((now) => this.draw(now));
  }

  private draw(now: number): void {
    this.frame = 0;
    if (this.view.width === 0 || this.view.height === 0) return;
    const { shown, view } = useRing.getState();
    const ui = useUi.getState();
    if (this.ringDue(now) || !this.layout) {
      this.layout = layOut(shown.table, this.view, ui.camera);
      this.renderer.ring(shown.table, this.layout);
      this.dirty = { ring: false, data: false, selection: true };
      this.ringAt = now;
    }
    if (this.dirty.selection || !this.selection) {
      this.selection = selectionOf(shown, {
        selected: ui.selected,
        detail: shown.detail,
        lookup: ui.lookup,
        arc: ui.arc,
        cursor: ui.cursor,
        hovered: this.hover?.hit?.kind === "member" ? this.hover.hit.slot : -1,
        hoveredBin: this.hover?.hit?.kind === "bin" ? this.hover.hit.bin : -1,
        hoveredFinger: -1,
      });
      this.selection.hoveredFinger = this.hover ? this.selection.fingers.indexOf(this.hover.finger) : -1;
      this.renderer.selection(shown.table, this.layout, this.selection);
      this.labels.show(labelsFor(shown, this.layout, this.selection, this.view, this.taken));
      this.dirty.selection = false;
      this.describe(shown.table.count);
    }
    this.move(now, view.mode !== "paused");
  }

  /** move draws the movers. While the view is paused they stop, and afterwards they continue from where they stopped. */
  private move(now: number, running: boolean): void {
    if (!this.layout) return;
    if (!running) {
      this.frozenAt ||= now;
    } else if (this.frozenAt) {
      for (let i = 0; i < movers.count; i++) movers.start[i] += now - this.frozenAt;
      this.frozenAt = 0;
    }
    const at = this.frozenAt || now;
    movers.expire(at);
    this.renderer.motion(this.layout, movers, at, this.calm.matches);
    const moving = movers.count > 0 ? (this.calm.matches ? "still" : "moving") : "no";
    const { dataset } = this.elements.root;
    if (dataset.motion !== moving) dataset.motion = moving;
    if ((movers.count > 0 && running) || this.dirty.data) this.wake();
  }

  /** describe writes what is drawn into the element's data attributes, for tests and for debugging. */
  private describe(members: number): void {
    const { dataset } = this.elements.root;
    const set = (name: string, value: string) => {
      if (dataset[name] !== value) dataset[name] = value;
    };
    set("members", String(members));
    set("drawn", this.layout?.bins ? "bins" : "members");
    set("movers", String(movers.count));
    set("selected", useUi.getState().selected);
  }

  private point(x: number, y: number, coarse: boolean): void {
    if (!this.layout) return;
    const hit = hitTest(this.layout, x, y, coarse);
    const finger = hit?.kind === "member" ? -1 : this.fingerAt(x, y);
    this.setHover(hit || finger >= 0 ? { x, y, hit: finger >= 0 ? null : hit, finger } : null);
  }

  private fingerAt(x: number, y: number): number {
    const { table } = useRing.getState().shown;
    const s = this.selection;
    if (!this.layout || !s || s.selected < 0) return -1;
    const curve = newCurve();
    let best = -1;
    let near = 7;
    for (const slot of s.fingers) {
      const d = distanceTo(chord(this.layout, table.turn[s.selected], table.turn[slot], curve), x, y);
      if (d < near) [near, best] = [d, slot];
    }
    return best;
  }

  private setHover(hover: Hover | null): void {
    const [a, b] = [this.hover, hover];
    const same =
      a === b ||
      (a &&
        b &&
        a.finger === b.finger &&
        a.hit?.kind === b.hit?.kind &&
        JSON.stringify(a.hit) === JSON.stringify(b.hit));
    this.hover = hover;
    if (!same) this.invalidate("selection");
    this.elements.root.style.cursor = hover?.hit ? "pointer" : "";
    this.onHover(hover, this.layout);
  }

  private click(x: number, y: number, coarse: boolean): void {
    const { table } = useRing.getState().shown;
    if (!this.layout) return;
    const hit = hitTest(this.layout, x, y, coarse);
    if (hit?.kind === "member") select(table.hex(hit.slot));
    else if (hit?.kind === "bin") {
      const slot = memberNear(this.layout, table.order(), table.turn, x, y);
      if (slot >= 0) select(table.hex(slot));
    } else select("");
  }
}

/** memberNear returns the slot of the member nearest to a point by angle, or -1. */
function memberNear(layout: Layout, order: Uint32Array, turns: Float64Array, x: number, y: number): number {
  const turn = (Math.atan2(x - layout.cx, layout.cy - y) / (2 * Math.PI) + 1) % 1;
  let best = -1;
  let near = 1;
  for (const slot of order) {
    const d = Math.abs(turns[slot] - turn);
    if (Math.min(d, 1 - d) < near) [near, best] = [Math.min(d, 1 - d), slot];
  }
  return best;
}

/** maxScale returns the largest scale of the camera, large enough to separate the members of a large ring. */
export function maxScale(members: number): number {
  return Math.max(8, members / 4);
}
