/** A Label is a text beside a point of the screen. */
export interface Label {
  text: string;
  x: number;
  y: number;
  /** The direction from the point to the text, as a unit vector. */
  dx: number;
  dy: number;
  kind: "id" | "strong" | "note";
  shy?: boolean; // hidden if a panel over the picture would cover the label
}

/** At most this many labels are shown: more would not be readable. */
export const MAX_LABELS = 64;

/** Approximate width of a character by kind of label, in pixels: accurate enough to place labels and detect overlaps. */
const CHAR_WIDTH = { id: 6.65, strong: 6.65, note: 6 };
const HEIGHT = 15;

/** A Box is a rectangle on the screen: left, top, right, bottom. */
export type Box = [number, number, number, number];

const overlap = (a: Box, b: Box) => b[0] < a[2] && a[0] < b[2] && b[1] < a[3] && a[1] < b[3];

/**
 * uncrowded returns the labels that fit without overlap; earlier labels are more important. A shy label is also left out
 * if it overlaps one of the taken boxes, which panels over the picture cover.
 */
export function uncrowded(labels: readonly Label[], taken: readonly Box[] = []): Label[] {
  const boxes: Box[] = [];
  const kept: Label[] = [];
  for (const label of labels) {
    if (kept.length === MAX_LABELS) break;
    const [left, top, width] = cornerOf(label);
    const box: Box = [left - 2, top, left + width + 2, top + HEIGHT];
    if (boxes.some((other) => overlap(other, box))) continue;
    if (label.shy && taken.some((other) => overlap(other, box))) continue;
    boxes.push(box);
    kept.push(label);
  }
  return kept;
}

/** cornerOf returns a label's top left corner, at whole pixels so that the text is sharp, and the label's width. */
function cornerOf(label: Label): [left: number, top: number, width: number] {
  const width = label.text.length * CHAR_WIDTH[label.kind];
  return [
    Math.round(label.x + ((label.dx - 1) / 2) * width),
    Math.round(label.y + ((label.dy - 1) / 2) * HEIGHT),
    width,
  ];
}

/** Width of the strip along the view's edge that labels leave free, in pixels. */
const EDGE = 4;

/** broughtIn returns the label moved so that it is entirely inside the box. */
export function broughtIn(label: Label, [left, top, right, bottom]: Box): Label {
  const [x, y, width] = cornerOf(label);
  const within = (at: number, low: number, high: number) => Math.max(low + EDGE, Math.min(at, high - EDGE));
  return {
    ...label,
    x: label.x + within(x, left, right - width) - x,
    y: label.y + within(y, top, bottom - HEIGHT) - y,
  };
}

/** LabelLayer shows labels as HTML elements over the canvas, so that they are sharp and scale with the text size. */
export class LabelLayer {
  private readonly pool: HTMLElement[] = [];
  private readonly root: HTMLElement;

  constructor(root: HTMLElement) {
    this.root = root;
  }

  show(labels: readonly Label[]): void {
    while (this.pool.length < labels.length) {
      const element = document.createElement("span");
      this.root.append(element);
      this.pool.push(element);
    }
    for (let i = 0; i < this.pool.length; i++) {
      const element = this.pool[i];
      const label = labels[i];
      // Only what changed is written to the document, since most labels do not move.
      if (element.hidden !== !label) element.hidden = !label;
      if (!label) continue;
      if (element.textContent !== label.text) element.textContent = label.text;
      const kind = `label label-${label.kind}`;
      if (element.className !== kind) element.className = kind;
      const [left, top] = cornerOf(label);
      const place = `translate(${left}px, ${top}px)`;
      if (element.style.transform !== place) element.style.transform = place;
    }
  }
}
