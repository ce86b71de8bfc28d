/** A Label stands outside the circle at a turn, or on a given point. */
export interface Label {
  text: string;
  x: number;
  y: number;
  /** Direction in which the text lies from its point, as a unit vector. */
  dx: number;
  dy: number;
  kind: "id" | "strong" | "note";
}

/** At most this many labels are shown: more would be a thicket. */
export const MAX_LABELS = 64;

const CHAR_WIDTH = { id: 7, strong: 7.3, note: 6.2 };
const HEIGHT = 15;

/** uncrowded keeps the labels, in order of importance, that do not cover one another. */
export function uncrowded(labels: readonly Label[]): Label[] {
  const boxes: [number, number, number, number][] = [];
  const kept: Label[] = [];
  for (const label of labels) {
    if (kept.length === MAX_LABELS) break;
    const width = label.text.length * CHAR_WIDTH[label.kind];
    const left = label.x + ((label.dx - 1) / 2) * width;
    const top = label.y + ((label.dy - 1) / 2) * HEIGHT;
    const box: [number, number, number, number] = [left - 2, top, left + width + 2, top + HEIGHT];
    if (boxes.some((b) => b[0] < box[2] && box[0] < b[2] && b[1] < box[3] && box[1] < b[3])) continue;
    boxes.push(box);
    kept.push(label);
  }
  return kept;
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
      element.hidden = !label;
      if (!label) continue;
      if (element.textContent !== label.text) element.textContent = label.text;
      element.className = `label label-${label.kind}`;
      const tx = ((label.dx - 1) / 2) * 100;
      const ty = ((label.dy - 1) / 2) * 100;
      element.style.transform = `translate(${label.x.toFixed(1)}px, ${label.y.toFixed(1)}px) translate(${tx.toFixed(1)}%, ${ty.toFixed(1)}%)`;
    }
  }
}
