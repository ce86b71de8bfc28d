import { lowerBound } from "../model/arcs";
import type { MemberTable } from "../model/members";
import { type Layout, turnAt } from "./layout";

/** What is under the pointer. */
export type Hit = { kind: "member"; slot: number } | { kind: "bin"; bin: number } | null;

/** The distance from a member's centre, in pixels, within which a mouse hits it. A fingertip hits from further away. */
const REACH = 13;

/** hitTest returns the member, or the bin, under a point of the screen. */
export function hitTest(layout: Layout, x: number, y: number, coarse = false): Hit {
  const off = Math.hypot(x - layout.cx, y - layout.cy) - layout.r;
  const reach = coarse ? REACH * 1.8 : REACH;
  if (layout.bins) {
    if (off < -24 || off > 64 || layout.binTotal === 0) return null;
    const bin = Math.min(layout.binTotal - 1, Math.floor(turnAt(layout, x, y) * layout.binTotal));
    return { kind: "bin", bin };
  }
  if (Math.abs(off) > reach) return null;
  let best = -1;
  let distance = reach;
  for (let i = 0; i < layout.n; i++) {
    const d = Math.hypot(layout.x[i] - x, layout.y[i] - y);
    if (d < distance) {
      distance = d;
      best = layout.slot[i];
    }
  }
  return best < 0 ? null : { kind: "member", slot: best };
}

/** binSlots lists a bin's members, clockwise. */
export function binSlots(table: MemberTable, layout: Layout, bin: number): Uint32Array {
  const order = table.order();
  const from = lowerBound(table, order, bin / layout.binTotal);
  const to = bin + 1 >= layout.binTotal ? order.length : lowerBound(table, order, (bin + 1) / layout.binTotal);
  return order.subarray(from, to);
}
