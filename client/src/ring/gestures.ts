import { type Camera, FIT } from "../model/camera";
import type { Viewport } from "./layout";
import { circle, pointAt, turnAt } from "./layout";

/** What gestures need from the stage: the values that they read, and the functions that they call. */
export interface GestureHost {
  element: HTMLElement;
  view(): Viewport;
  camera(): Camera;
  maxScale(): number;
  setCamera(camera: Camera): void;
  hover(x: number, y: number, coarse: boolean): void;
  unhover(): void;
  click(x: number, y: number, coarse: boolean): void;
  /** Whether a drag marks an arc instead of moving the picture. */
  drawing(): boolean;
  arc(from: number, to: number, done: boolean): void;
}

const CLICK_SLOP = 5;

/**
 * zoomAt changes the scale. The point of the rim in the direction of (x, y) keeps its position on the screen, so that
 * the ring stays in sight.
 */
export function zoomAt(view: Viewport, camera: Camera, x: number, y: number, factor: number, max: number): Camera {
  const before = circle(view, camera);
  const scale = Math.min(max, Math.max(1, camera.scale * factor));
  const r = (before.r * scale) / camera.scale;
  const turn = turnAt(before, x, y);
  const [rimX, rimY] = pointAt(before, turn, before.r);
  const [ux, uy] = pointAt({ cx: 0, cy: 0 }, turn, r);
  return moveTo(view, scale, r, rimX - ux, rimY - uy);
}

/** pan moves the picture by some pixels. */
export function pan(view: Viewport, camera: Camera, dx: number, dy: number): Camera {
  const c = circle(view, camera);
  return moveTo(view, camera.scale, c.r, c.cx + dx, c.cy + dy);
}

/**
 * approach returns a camera at the given scale that looks towards a turn of the rim; without a turn, in the camera's
 * present direction, or to the top. At a small scale it moves only part of the way, so that the ring does not jump.
 */
export function approach(camera: Camera, scale: number, turn?: number): Camera {
  const lean = Math.min(1, (scale - 1) / 1.5);
  const away = Math.hypot(camera.x, camera.y);
  if (turn === undefined && camera.scale > 1 && away > 0.01) {
    const out = Math.max(lean, away) / away;
    return { scale, x: camera.x * out, y: camera.y * out };
  }
  const angle = (turn ?? 0) * 2 * Math.PI;
  return { scale, x: Math.sin(angle) * lean, y: -Math.cos(angle) * lean };
}

/** moveTo returns a camera that shows the circle with the given centre and radius, but keeps its rim in sight. */
function moveTo(view: Viewport, scale: number, r: number, cx: number, cy: number): Camera {
  if (scale <= 1.001) return FIT;
  const home = circle(view, { scale, x: 0, y: 0 });
  const x = (home.cx - cx) / r;
  const y = (home.cy - cy) / r;
  const far = Math.hypot(x, y);
  const sight = (0.4 * Math.min(view.width, view.height)) / r;
  const wanted = Math.min(1 + sight, Math.max(1 - sight, far));
  if (far === 0) return wanted === 0 ? { scale, x, y } : { scale, x: 0, y: -wanted };
  return { scale, x: (x * wanted) / far, y: (y * wanted) / far };
}

/** A Drag along the circle: its start, and the distance since then, in turns, negative if anticlockwise. */
export interface Drag {
  start: number;
  last: number;
  length: number;
}

export const newDrag = (turn: number): Drag => ({ start: turn, last: turn, length: 0 });

/** extend continues a drag to a turn and returns the arc that the drag covers, clockwise. */
export function extend(drag: Drag, turn: number): [from: number, to: number] {
  const step = turn - drag.last;
  drag.length = Math.max(-0.99, Math.min(0.99, drag.length + step - Math.round(step)));
  drag.last = turn;
  const end = (drag.start + drag.length + 1) % 1;
  return drag.length >= 0 ? [drag.start, end] : [end, drag.start];
}

/** listen handles wheel, drag, pinch and click on the host's element; it returns a function that stops the handling. */
export function listen(host: GestureHost): () => void {
  const { element } = host;
  const pointers = new Map<number, { x: number; y: number }>();
  let travelled = 0;
  let arc: Drag | null = null;

  const place = (e: { clientX: number; clientY: number }): { x: number; y: number } => {
    const box = element.getBoundingClientRect();
    return { x: e.clientX - box.left, y: e.clientY - box.top };
  };

  const turnOf = (e: PointerEvent): number => {
    const { x, y } = place(e);
    return turnAt(circle(host.view(), host.camera()), x, y);
  };

  const wheel = (e: WheelEvent) => {
    e.preventDefault();
    const { x, y } = place(e);
    const step = e.deltaMode === 1 ? e.deltaY * 16 : e.deltaY;
    const factor = Math.exp(-Math.max(-60, Math.min(60, step)) * (e.ctrlKey ? 0.012 : 0.0045));
    host.setCamera(zoomAt(host.view(), host.camera(), x, y, factor, host.maxScale()));
    host.unhover();
  };
  const down = (e: PointerEvent) => {
    if (e.button !== 0 || e.target instanceof HTMLButtonElement) return;
    element.setPointerCapture(e.pointerId);
    pointers.set(e.pointerId, place(e));
    if (pointers.size === 1) travelled = 0;
    if (host.drawing()) arc = newDrag(turnOf(e));
  };
  const move = (e: PointerEvent) => {
    const now = place(e);
    const before = pointers.get(e.pointerId);
    if (!before) return host.hover(now.x, now.y, e.pointerType !== "mouse");
    travelled += Math.hypot(now.x - before.x, now.y - before.y);
    if (arc) {
      pointers.set(e.pointerId, now);
      host.arc(...extend(arc, turnOf(e)), false);
      return;
    }
    if (pointers.size === 2) {
      const other = [...pointers].find(([id]) => id !== e.pointerId)?.[1] ?? before;
      const factor =
        Math.hypot(now.x - other.x, now.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
      const [mx, my] = [(now.x + other.x) / 2, (now.y + other.y) / 2];
      const moved = pan(host.view(), host.camera(), (now.x - before.x) / 2, (now.y - before.y) / 2);
      host.setCamera(zoomAt(host.view(), moved, mx, my, factor, host.maxScale()));
    } else if (travelled > CLICK_SLOP) {
      host.unhover();
      host.setCamera(pan(host.view(), host.camera(), now.x - before.x, now.y - before.y));
    }
    pointers.set(e.pointerId, now);
  };
  const up = (e: PointerEvent) => {
    if (!pointers.delete(e.pointerId)) return;
    const { x, y } = place(e);
    if (arc) {
      if (travelled > CLICK_SLOP) host.arc(...extend(arc, turnOf(e)), true);
      arc = null;
      return;
    }
    if (travelled <= CLICK_SLOP && pointers.size === 0) host.click(x, y, e.pointerType !== "mouse");
  };
  const cancel = (e: PointerEvent) => void pointers.delete(e.pointerId);
  const leave = () => host.unhover();

  element.addEventListener("wheel", wheel, { passive: false });
  element.addEventListener("pointerdown", down);
  element.addEventListener("pointermove", move);
  element.addEventListener("pointerup", up);
  element.addEventListener("pointercancel", cancel);
  element.addEventListener("pointerleave", leave);
  return () => {
    element.removeEventListener("wheel", wheel);
    element.removeEventListener("pointerdown", down);
    element.removeEventListener("pointermove", move);
    element.removeEventListener("pointerup", up);
    element.removeEventListener("pointercancel", cancel);
    element.removeEventListener("pointerleave", leave);
  };
}
