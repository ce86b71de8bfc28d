import { type Members, Members_Status } from "../wire/hub_pb";
import { hexOf, ID_BYTES, turnOf } from "./id";

export const Status = Members_Status;
export type Status = Members_Status;

/** present reports whether a member of this status takes part in the ring. */
export function present(status: number): boolean {
  return status === Status.JOINING || status === Status.ACTIVE || status === Status.LEAVING || status === Status.SILENT;
}

/**
 * MemberTable stores the members in columns, one slot each: slots 0 to count-1 are in use, in no order. A handle is the
 * hub's name for a member; it stays the same when the member moves to another slot. The table needs no bound, since the
 * hub removes members that left long ago.
 */
export class MemberTable {
  count = 0;
  bits = 0;
  /** Changes when members are added or removed, or the circle's size becomes known, so that a new layout is needed. */
  shape = 0;
  handle = new Uint32Array(0);
  id = new Uint8Array(0);
  turn = new Float64Array(0);
  status = new Uint8Array(0);
  uncertain = new Uint8Array(0);
  predecessor = new Uint32Array(0);
  successor = new Uint32Array(0);
  rangeFrom = new Float64Array(0);
  keys = new Float64Array(0);
  replicas = new Float64Array(0);
  bytes = new Float64Array(0);
  error = new Uint32Array(0);
  lastEvent = new Float64Array(0);
  started = new Float64Array(0);
  address: string[] = [];
  host: string[] = [];

  private slots = new Map<number, number>();
  /** Handles by identifier. Built at the first search only, to show the first picture of a large ring sooner. */
  private names: Map<string, number> | undefined;
  private sorted: { shape: number; order: Uint32Array } = { shape: -1, order: new Uint32Array(0) };

  /** slotOf returns the slot of a handle, or -1. */
  slotOf(handle: number): number {
    return this.slots.get(handle) ?? -1;
  }

  /** find returns the slot of a member by its identifier, or -1; of several incarnations, the slot of the newest. */
  find(hex: string): number {
    if (!this.names) {
      this.names = new Map();
      for (let slot = 0; slot < this.count; slot++) this.name(slot, this.names);
    }
    const handle = this.names.get(hex);
    return handle === undefined ? -1 : this.slotOf(handle);
  }

  hex(slot: number): string {
    return hexOf(this.id, slot * ID_BYTES);
  }

  /** order returns the slots clockwise from the top. */
  order(): Uint32Array {
    if (this.sorted.shape !== this.shape) {
      const order = sortedByTurn(this.turn, this.count);
      this.sorted = { shape: this.shape, order };
    }
    return this.sorted.order;
  }

  setBits(bits: number): void {
    if (bits === this.bits) return;
    this.bits = bits;
    for (let i = 0; i < this.count; i++) this.turn[i] = turnOf(this.id, bits, i * ID_BYTES);
    this.shape++;
  }

  clear(): void {
    this.count = 0;
    this.slots.clear();
    this.names = undefined;
    this.address.length = 0;
    this.host.length = 0;
    this.shape++;
  }

  /** put writes whole rows, and adds members that are new. */
  put(rows: Members): void {
    this.reserve(this.count + rows.handle.length);
    for (let i = 0; i < rows.handle.length; i++) {
      const handle = rows.handle[i];
      let slot = this.slotOf(handle);
      const fresh = slot < 0;
      if (fresh) {
        slot = this.count++;
        this.slots.set(handle, slot);
        this.handle[slot] = handle;
        this.id.set(rows.id.subarray(i * ID_BYTES, (i + 1) * ID_BYTES), slot * ID_BYTES);
        this.turn[slot] = turnOf(this.id, this.bits, slot * ID_BYTES);
        this.shape++;
      }
      this.address[slot] = rows.address[i] ?? "";
      this.host[slot] = rows.host[i] || this.address[slot]; // empty if it equals the address
      this.status[slot] = rows.status[i] ?? 0;
      this.uncertain[slot] = rows.uncertain[i] ? 1 : 0;
      this.predecessor[slot] = rows.predecessor[i] ?? 0;
      this.successor[slot] = rows.successor[i] ?? 0;
      this.rangeFrom[slot] = rows.rangeFrom[i] ?? -1;
      this.keys[slot] = Number(rows.keys[i] ?? 0n);
      this.replicas[slot] = Number(rows.replicas[i] ?? 0n);
      this.bytes[slot] = Number(rows.bytes[i] ?? 0n);
      this.error[slot] = rows.error[i] ?? 0;
      this.lastEvent[slot] = Number(rows.lastEventMs[i] ?? 0n);
      this.started[slot] = Number(rows.incarnation[i] ?? 0n) / 1e6;
      if (fresh && this.names) this.name(slot, this.names);
    }
  }

  /** remove deletes members; the last slot moves into each gap. */
  remove(handles: readonly number[]): void {
    for (const handle of handles) {
      const slot = this.slotOf(handle);
      if (slot < 0) continue;
      if (this.names) {
        const hex = this.hex(slot);
        if (this.names.get(hex) === handle) this.names.delete(hex);
      }
      this.slots.delete(handle);
      const last = --this.count;
      if (slot !== last) this.move(last, slot);
      this.address.length = last;
      this.host.length = last;
      this.shape++;
    }
  }

  clone(): MemberTable {
    const copy = new MemberTable();
    copy.bits = this.bits;
    copy.reserve(this.count);
    copy.count = this.count;
    copy.shape = this.shape;
    for (const name of COLUMNS) copy[name].set(this[name].subarray(0, this.count) as never);
    copy.id.set(this.id.subarray(0, this.count * ID_BYTES));
    copy.address = this.address.slice();
    copy.host = this.host.slice();
    copy.slots = new Map(this.slots);
    copy.names = undefined;
    return copy;
  }

  /** name indexes a member by its identifier, unless a later incarnation is already indexed. */
  private name(slot: number, names: Map<string, number>): void {
    const hex = this.hex(slot);
    const known = names.get(hex);
    const other = known === undefined ? -1 : this.slotOf(known);
    if (known === undefined || other < 0 || this.started[other] <= this.started[slot])
      names.set(hex, this.handle[slot]);
  }

  private move(from: number, to: number): void {
    for (const name of COLUMNS) this[name][to] = this[name][from];
    this.id.copyWithin(to * ID_BYTES, from * ID_BYTES, (from + 1) * ID_BYTES);
    this.address[to] = this.address[from];
    this.host[to] = this.host[from];
    this.slots.set(this.handle[to], to);
  }

  private reserve(count: number): void {
    if (count <= this.handle.length) return;
    const capacity = Math.max(64, 2 ** Math.ceil(Math.log2(count)));
    const columns = this as unknown as Record<string, Column>;
    for (const name of COLUMNS) {
      const old = columns[name];
      columns[name] = new (old.constructor as new (length: number) => Column)(capacity);
      columns[name].set(old);
    }
    const id = new Uint8Array(capacity * ID_BYTES);
    id.set(this.id);
    this.id = id;
  }
}

const SLOTS = 2 ** 20;
const COARSE = 2 ** 32;

/**
 * sortedByTurn returns the slots in the order of their turns. It sorts numbers that combine a rounded turn with the
 * slot, since plain numbers sort much faster than with a comparison function. An insertion sort then orders members
 * with the same rounded turn.
 */
function sortedByTurn(turn: Float64Array, count: number): Uint32Array {
  const keys = new Float64Array(count);
  for (let slot = 0; slot < count; slot++) keys[slot] = Math.floor(turn[slot] * COARSE) * SLOTS + slot;
  keys.sort();
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const slot = keys[i] % SLOTS;
    let at = i;
    for (; at > 0 && turn[order[at - 1]] > turn[slot]; at--) order[at] = order[at - 1];
    order[at] = slot;
  }
  return order;
}

type Column = Uint8Array | Uint32Array | Float64Array;

const COLUMNS = [
  "handle",
  "turn",
  "status",
  "uncertain",
  "predecessor",
  "successor",
  "rangeFrom",
  "keys",
  "replicas",
  "bytes",
  "error",
  "lastEvent",
  "started",
] as const;
