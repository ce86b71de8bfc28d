/** A Label stands outside the circle at a turn, or on a given point. */
export interface Label {
  text: string;
  x: number;
  y: number;
  /** Direction in which the text lies from its point, as a unit vector. */
  dx: number;
  dy: number;
  kind: "id" | "strong" | "note";
  shy?: boolean; // hidden rather than drawn under panels over the picture
}

/** At most this many labels are shown; more could not be read. */
export const MAX_LABELS = 64;

/** Widths of a character, near enough to place and to keep apart. */
const CHAR_WIDTH = { id: 6.65, strong: 6.65, note: 6 };
const HEIGHT = 15;

/** A Box is a rectangle on the screen: left, top, right, bottom. */
export type Box = [number, number, number, number];

const overlap = (a: Box, b: Box) => b[0] < a[2] && a[0] < b[2] && b[1] < a[3] && a[1] < b[3];

/**
 * uncrowded keeps the labels, in order of importance, that do not cover one another. Shy ones also keep off the boxes
 * taken by what lies over the picture.
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

/** cornerOf is the label's top left corner, on whole pixels so that the text is sharp, and its width. */
function cornerOf(label: Label): [left: number, top: number, width: number] {
  const width = label.text.length * CHAR_WIDTH[label.kind];
  return [
    Math.round(label.x + ((label.dx - 1) / 2) * width),
    Math.round(label.y + ((label.dy - 1) / 2) * HEIGHT),
    width,
  ];
}

/** A strip of the view's edge that labels keep free. */
const EDGE = 4;

/** broughtIn moves a label until all of it lies between the edges. */
export function broughtIn(label: Label, [left, top, right, bottom]: Box): Label {
  const [x, y, width] = cornerOf(label);
  const within = (at: number, low: number, high: number) => Math.max(low + EDGE, Math.min(at, high - EDGE));
  return {
    ...label,
    x: label.x + within(x, left, right - width) - x,
    y: label.y + within(y, top, bottom - HEIGHT) - y,
  };
}

/** LabelLayer shows labels as elements over the canvas, so that they are crisp and follow the text size. */
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
      // The document is touched only where something changed: most labels stay where they are.
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
