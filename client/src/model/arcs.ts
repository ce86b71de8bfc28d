import type { MemberTable } from "./members";

/** lowerBound returns the first index in order whose member is at or after the turn; order.length if there is none. */
export function lowerBound(table: MemberTable, order: Uint32Array, turn: number): number {
  let low = 0;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (table.turn[order[middle]] < turn) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** slotsInArc returns the slots of the members on the arc that runs clockwise from one turn to another. */
export function slotsInArc(table: MemberTable, from: number, to: number): Uint32Array {
  const order = table.order();
  const first = lowerBound(table, order, from);
  const last = lowerBound(table, order, to);
  if (from <= to) return order.slice(first, last);
  const slots = new Uint32Array(order.length - first + last);
  slots.set(order.subarray(first));
  slots.set(order.subarray(0, last), order.length - first);
  return slots;
}
