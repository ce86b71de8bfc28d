import { hexOf, shortId, turnOf } from "../model/id";
import { present } from "../model/members";
import type { World } from "../model/world";
import type { Lookup, NodeDetail } from "../wire/hub_pb";
import { LABEL_FROM } from "./draw-ring";
import { type Box, broughtIn, type Label, uncrowded } from "./labels";
import { type Layout, pointAt, roomy, type Viewport } from "./layout";
import type { Selection } from "./renderer";

/** Up to this many violated members have labels; if there are more, only wedges and the state line show them. */
const FEW = 4;

export interface Choice {
  selected: string;
  detail: NodeDetail | null;
  lookup: Lookup | null;
  arc: { from: number; to: number } | null;
  cursor: string; // 40 hex digits, or ""
  hovered: number;
  hoveredBin: number;
  hoveredFinger: number;
}

/** selectionOf returns the slots and turns of what the reader has chosen. */
export function selectionOf(world: World, choice: Choice): Selection {
  const { table } = world;
  const selected = choice.selected ? table.find(choice.selected) : -1;
  const detail = choice.detail && hexOf(choice.detail.id) === choice.selected ? choice.detail : null;
  const slots = (ids: Uint8Array[]) =>
    Uint32Array.from(ids.map((id) => table.find(hexOf(id))).filter((slot) => slot >= 0));
  const fingers = new Set<number>();
  for (const run of detail?.fingers ?? []) {
    const slot = run.id.length ? table.find(hexOf(run.id)) : -1;
    if (slot >= 0 && slot !== selected) fingers.add(slot);
  }
  const violated = world.ring.violations.filter((v) => v.healedMs === 0n).flatMap((v) => v.members);
  const { lookup } = choice;
  return {
    selected,
    hovered: choice.hovered >= 0 || !choice.cursor ? choice.hovered : table.find(choice.cursor),
    hoveredBin: choice.hoveredBin,
    predecessor: selected < 0 ? -1 : table.slotOf(table.predecessor[selected]),
    successors: detail ? slots(detail.successors) : new Uint32Array(0),
    fingers: Uint32Array.from(fingers),
    hoveredFinger: choice.hoveredFinger,
    path: Float64Array.from(lookup?.hops ?? [], (hop) => turnOf(hop.id, world.ring.bits)),
    pathKey: lookup?.key.length ? turnOf(lookup.key, world.ring.bits) : -1,
    violated: slots(violated),
    arcFrom: choice.arc?.from ?? -1,
    arcTo: choice.arc?.to ?? -1,
  };
}

/** Half the size, in pixels, of the text in the middle of the ring: the number of members and the status. */
const CENTRE_X = 64;
const CENTRE_Y = 36;

/**
 * labelsFor returns the labels that fit without overlap: those of the selection first, then the members' clockwise.
 * Labels of points that are in sight are moved so that they are in sight as well, as a narrow screen requires.
 */
export function labelsFor(world: World, layout: Layout, s: Selection, view: Viewport, taken: Box[] = []): Label[] {
  const { table } = world;
  const bits = world.ring.bits;
  const labels: Label[] = [];
  const sight: Box = [view.left, 0, view.width - view.right, view.height - view.bottom];
  const put = (turn: number, distance: number, label: Pick<Label, "text" | "kind" | "shy">) => {
    const [x, y] = pointAt(layout, turn, layout.r + distance);
    const [ux, uy] = pointAt({ cx: 0, cy: 0 }, turn, Math.sign(distance));
    const placed = { ...label, x, y, dx: ux, dy: uy };
    const [px, py] = pointAt(layout, turn, layout.r);
    const seen = px >= sight[0] && px <= sight[2] && py >= sight[1] && py <= sight[3];
    labels.push(seen ? broughtIn(placed, sight) : placed);
  };
  const outside = (turn: number, text: string, kind: Label["kind"], distance = LABEL_FROM) =>
    put(turn, distance, { text, kind, shy: kind === "id" });
  const inside = (turn: number, text: string, distance = 20, shy = false) =>
    put(turn, -distance, { text, kind: "note", shy });
  const name = (slot: number) => shortId(table.hex(slot), bits);
  const named = new Set<number>();
  for (const slot of [s.selected, s.hovered]) {
    if (slot < 0 || named.has(slot)) continue;
    named.add(slot);
    outside(table.turn[slot], name(slot), "strong");
  }
  if (s.pathKey >= 0) outside(s.pathKey, "key", "note", 24);
  for (const [i, turn] of s.path.entries()) {
    inside(turn, i === 0 ? "start" : i === s.path.length - 1 ? "owner" : `hop ${i}`);
  }
  if (s.selected >= 0) {
    if (s.predecessor >= 0 && s.predecessor !== s.selected) inside(table.turn[s.predecessor], "predecessor");
    for (const [i, slot] of s.successors.entries()) inside(table.turn[slot], i === 0 ? "successor" : String(i + 1));
  }
  if (s.violated.length <= FEW) for (const slot of s.violated) inside(table.turn[slot], "violated", 30, true);
  if (roomy(view) && !layout.bins && layout.spacing > 17) {
    for (let i = 0; i < layout.n; i++) {
      const slot = layout.slot[i];
      if (!named.has(slot) && present(table.status[slot])) outside(table.turn[slot], name(slot), "id");
    }
  }
  const { cx, cy } = layout;
  return uncrowded(labels, [...taken, [cx - CENTRE_X, cy - CENTRE_Y, cx + CENTRE_X, cy + CENTRE_Y]]);
}
