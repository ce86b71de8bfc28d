import { clockwise, hexOf, turnOf } from "../src/model/id.ts";

/**
 * FakeRing is a simulated ring for development, tests and benchmarks. It behaves enough like a
 * real ring, and one seed gives one run.
 */

export type Life = "joining" | "active" | "leaving" | "left" | "failed" | "silent";

export interface FakeMember {
  handle: number;
  id: Uint8Array<ArrayBuffer>;
  turn: number;
  address: string;
  life: Life;
  since: number; // start of the incarnation, in the fake's milliseconds
  uncertain: boolean;
  error: number;
  keys: number;
  started: number;
  touched: number;
}

export interface FakeEvent {
  at: number;
  kind: string;
  id: Uint8Array;
  peer?: Uint8Array;
  text: string;
  warning?: boolean;
  keys?: number;
  outgoing?: boolean;
}

export interface FakeHop {
  member: FakeMember;
  pointer: string;
  slot: number;
  timeouts: number;
}

export interface FakeLookup {
  at: number;
  trace: string;
  key: Uint8Array<ArrayBuffer>;
  operation: string;
  hops: FakeHop[];
  failed: boolean;
}

const KEYS_PER_MEMBER = 160;
const REPAIR_MS = 900;
const RETELL_MS = 400;

export class FakeRing {
  now = 0;
  members: FakeMember[] = []; // sorted by position
  changed = new Set<FakeMember>();
  removed: number[] = [];
  events: FakeEvent[] = [];
  lookups: FakeLookup[] = [];
  churn = 0; // joins, leaves and crashes per second
  lookupRate = 20;
  private readonly retell = new Set<FakeMember>();
  private nextHandle = 1;
  private nextPort = 7001;
  private due = { churn: 0, lookups: 0 };
  private state: number;

  constructor(count: number, seed = 1) {
    this.state = seed * 2654435761;
    for (let i = 0; i < count; i++) this.insert("active");
    for (const m of this.members) this.settleKeys(m);
    this.changed.clear();
  }

  /** random returns a number of mulberry32, a small generator that is good enough for a picture. */
  random(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  get present(): FakeMember[] {
    return this.members.filter((m) => m.life !== "left" && m.life !== "failed");
  }

  /** step advances the ring by some milliseconds. */
  step(ms: number): void {
    this.now += ms;
    this.due.churn += (this.churn * ms) / 1000;
    while (this.due.churn >= 1) {
      this.due.churn--;
      this.disturb();
    }
    this.age();
    this.due.lookups += (this.lookupRate * ms) / 1000;
    for (; this.due.lookups >= 1; this.due.lookups--) {
      const lookup = this.route(this.randomId(), this.any());
      if (lookup) this.lookups.push(lookup);
    }
  }

  join(): FakeMember {
    const m = this.insert("joining");
    this.say({ kind: "chord.node.started", id: m.id, text: `starts to join at ${m.address}` });
    return m;
  }

  leave(m: FakeMember): void {
    if (m.life !== "active") return;
    this.set(m, "leaving");
    this.say({ kind: "chord.node.leaving", id: m.id, text: "begins a graceful leave" });
  }

  crash(m: FakeMember): void {
    if (m.life === "failed" || m.life === "left") return;
    this.set(m, "failed");
    this.wound(m);
    this.tellOfDeath(m, this.neighbour(m, -1));
    this.retell.add(m);
  }

  private tellOfDeath(m: FakeMember, witness: FakeMember): void {
    this.say({
      kind: "chord.peer.failed",
      id: witness.id,
      peer: m.id,
      warning: true,
      text: `lost contact with ${short(m)} while stabilizing`,
    });
  }

  find(id: Uint8Array): FakeMember | undefined {
    return this.members.find((m) => m.id.every((b, i) => b === id[i]));
  }

  neighbour(m: FakeMember, step: 1 | -1): FakeMember {
    const n = this.members.length;
    let i = this.indexOf(m);
    for (let k = 0; k < n; k++) {
      i = (i + step + n) % n;
      if (this.members[i].life !== "failed" && this.members[i].life !== "left") return this.members[i];
    }
    return m;
  }

  /**
   * fingers lists the members at 2^-1, 2^-2, … turns from m, each with the range of slots that
   * name it. The nearest member is the last.
   */
  fingers(m: FakeMember): { member: FakeMember; first: number; last: number }[] {
    const runs: { member: FakeMember; first: number; last: number }[] = [];
    for (let slot = 159; slot >= 110; slot--) {
      const member = this.successor((m.turn + 2 ** (slot - 160)) % 1);
      const run = runs.at(-1);
      if (run?.member === member) run.first = slot;
      else runs.push({ member, first: slot, last: slot });
    }
    if (runs.length) (runs.at(-1) as { first: number }).first = 0;
    return runs;
  }

  /**
   * route finds a key's owner as Chord does: each hop forwards to its finger that most closely
   * precedes the key.
   */
  route(key: Uint8Array<ArrayBuffer>, start: FakeMember | undefined, operation = "lookup"): FakeLookup | null {
    if (!start) return null;
    const goal = turnOf(key, 160);
    const owner = this.successor(goal);
    const hops: FakeHop[] = [{ member: start, pointer: "self", slot: 0, timeouts: 0 }];
    let here = start;
    while (here !== owner && hops.length < 30) {
      const left = clockwise(here.turn, goal);
      let next = owner;
      let [pointer, slot] = ["successor", 0];
      for (let k = 1; k <= 50 && next === owner; k++) {
        const candidate = this.successor((here.turn + 2 ** -k) % 1);
        const ahead = clockwise(here.turn, candidate.turn);
        if (candidate !== here && ahead > 0 && ahead < left) {
          next = candidate;
          [pointer, slot] = ["finger", 160 - k];
        }
      }
      hops.push({ member: next, pointer, slot, timeouts: this.random() < 0.02 ? 1 : 0 });
      here = next;
    }
    const failed = this.random() < 0.004;
    return { at: this.now, trace: this.hex(16), key, operation, hops, failed };
  }

  randomId(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length: 20 }, () => Math.floor(this.random() * 256));
  }

  /** any returns a random active member, or undefined if a hundred tries find none. */
  any(): FakeMember | undefined {
    for (let i = 0; i < 100; i++) {
      const m = this.members[Math.floor(this.random() * this.members.length)];
      if (m?.life === "active") return m;
    }
    return undefined;
  }

  hex(bytes: number): string {
    let text = "";
    for (let i = 0; i < bytes; i++)
      text += Math.floor(this.random() * 256)
        .toString(16)
        .padStart(2, "0");
    return text;
  }

  /**
   * successor returns the first member at or after a position that is active, leaving or silent.
   */
  successor(turn: number): FakeMember {
    const from = this.lowerBound(turn);
    for (let i = 0; i < this.members.length; i++) {
      const m = this.members[(from + i) % this.members.length];
      if (m.life === "active" || m.life === "leaving" || m.life === "silent") return m;
    }
    return this.members[0];
  }

  private lowerBound(turn: number): number {
    let low = 0;
    let high = this.members.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.members[middle].turn < turn) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private indexOf(m: FakeMember): number {
    return this.members.indexOf(m, this.lowerBound(m.turn));
  }

  private disturb(): void {
    const dice = this.random();
    const m = this.any();
    if (dice < 0.5 || !m) this.join();
    else if (dice < 0.75) this.leave(m);
    else this.crash(m);
  }

  private age(): void {
    // A second member detects the failure by itself a little later.
    for (const m of this.retell) {
      if (this.now - m.since < RETELL_MS) continue;
      this.retell.delete(m);
      this.tellOfDeath(m, this.neighbour(m, 1));
    }
    for (const m of this.members.filter((m) => m.life !== "active" || m.error > 0)) {
      const age = this.now - m.since;
      if (m.life === "joining" && age > 700) {
        this.set(m, "active");
        this.settleKeys(m);
        const next = this.neighbour(m, 1);
        this.settleKeys(next);
        this.wound(m);
        this.say({ kind: "chord.node.joined", id: m.id, peer: next.id, text: `joined before ${short(next)}` });
        this.say({
          kind: "chord.keys.moved",
          id: m.id,
          peer: next.id,
          keys: m.keys,
          text: `took ${m.keys} keys: join`,
        });
      } else if (m.life === "leaving" && age > 1400) {
        const next = this.neighbour(m, 1);
        this.say({
          kind: "chord.keys.moved",
          id: m.id,
          peer: next.id,
          keys: m.keys,
          outgoing: true,
          text: `gave ${m.keys} keys: leave`,
        });
        this.set(m, "left");
        m.keys = 0;
        this.settleKeys(next);
        this.wound(m);
        this.say({ kind: "chord.node.left", id: m.id, peer: next.id, text: `left; ${short(next)} took over` });
      } else if ((m.life === "left" || m.life === "failed") && age > 15_000) {
        this.members.splice(this.indexOf(m), 1);
        this.changed.delete(m);
        this.removed.push(m.handle);
      } else if (m.error > 0 && this.now - m.touched > REPAIR_MS) {
        m.error = 0;
        this.settleKeys(m);
        this.touch(m);
        this.say({ kind: "chord.successors.changed", id: m.id, text: "successor list settled" });
      }
    }
  }

  /** wound marks the neighbors of a member, whose pointers are now stale. */
  private wound(m: FakeMember): void {
    for (const step of [1, -1] as const) {
      const near = this.neighbour(m, step);
      near.error = 1;
      near.touched = this.now;
      this.touch(near);
    }
  }

  private settleKeys(m: FakeMember): void {
    const arc = clockwise(this.neighbour(m, -1).turn, m.turn) || 1;
    m.keys = Math.round(arc * KEYS_PER_MEMBER * this.members.length);
    this.touch(m);
  }

  private set(m: FakeMember, life: Life): void {
    m.life = life;
    m.since = this.now;
    this.touch(m);
  }

  private touch(m: FakeMember): void {
    this.changed.add(m);
  }

  private say(event: Omit<FakeEvent, "at">): void {
    this.events.push({ at: this.now, ...event });
  }

  private insert(life: Life): FakeMember {
    const id = this.randomId();
    const turn = turnOf(id, 160);
    const m: FakeMember = {
      handle: this.nextHandle++,
      id,
      turn,
      address: `127.0.0.1:${this.nextPort++}`,
      life,
      since: this.now,
      uncertain: false,
      error: 0,
      keys: 0,
      started: this.now,
      touched: 0,
    };
    this.members.splice(this.lowerBound(turn), 0, m);
    this.touch(m);
    return m;
  }
}

export function short(m: FakeMember): string {
  return hexOf(m.id).slice(0, 6);
}
