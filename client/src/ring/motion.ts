import { hexOf, turnOf } from "../model/id";
import { count } from "../model/words";
import type { World } from "../model/world";
import { type FeedEvent, type Lookup, Lookup_Outcome, type Patch } from "../wire/hub_pb";
import { Kind, Movers, Pointer, Tone } from "./movers";

/** The duration of one hop on the screen. In the ring a hop takes about a millisecond, too fast for the eye. */
const HOP_MS = 520;
const PULSE_MS = 1100;
const KEYS_MS = 1800;

/** At most this many hops of a lookup move on the screen; the lookup's card shows all. */
const MAX_HOPS = 24;

/**
 * Motion turns received events and lookups into movers. It selects lookups evenly, so that at most limit of them start
 * per second, and counts the received and the shown lookups for the legend.
 */
export class Motion {
  /** The most lookups per second that start to move. */
  limit = 12;
  private readonly arrived = new Window();
  private readonly shown = new Window();
  private credit = 0;
  private creditAt = 0;
  private lastMove = new Map<string, number>();
  private readonly movers: Movers;

  constructor(movers: Movers) {
    this.movers = movers;
  }

  /** rates returns the lookups per second of the last ten seconds: arrived (received) and shown. */
  rates(now: number): { arrived: number; shown: number } {
    return { arrived: this.arrived.rate(now), shown: this.shown.rate(now) };
  }

  take(patch: Patch, world: World, now: number): void {
    this.movers.expire(now);
    for (const event of patch.events) this.event(event, world, now);
    const { lookups } = patch;
    this.arrived.add(now, lookups.length);
    this.credit = Math.min(Math.max(1, this.limit / 2), this.credit + ((now - this.creditAt) / 1000) * this.limit);
    this.creditAt = now;
    const take = Math.min(lookups.length, this.limit === 0 ? 0 : Math.floor(this.credit));
    let shown = 0;
    for (let i = 0; i < take; i++) {
      // The lookups are chosen evenly from the patch, and start at even intervals until the next patch.
      const lookup = lookups[Math.floor(((i + 0.5) * lookups.length) / take)];
      if (this.lookup(lookup, world.ring.bits, now + (i / take) * 90)) shown++;
    }
    this.credit -= take;
    this.shown.add(now, shown);
  }

  /** replay animates the events and lookups between two instants of the past. */
  replay(world: World, from: number, to: number, now: number): void {
    this.movers.expire(now);
    const between = (ms: number) => ms > from && ms <= to;
    for (const event of world.events) if (between(Number(event.timeMs))) this.event(event, world, now);
    const lookups = world.lookups.filter((l) => between(Number(l.startUs) / 1000));
    for (const lookup of lookups.slice(0, this.limit)) this.lookup(lookup, world.ring.bits, now);
  }

  /** lookup starts the hops of a lookup; it returns false if there are none, or no room for all of them. */
  lookup(lookup: Lookup, bits: number, now: number): boolean {
    const hops = lookup.hops.slice(0, MAX_HOPS);
    if (hops.length < 2 || this.movers.room < hops.length) return false;
    const failed = lookup.outcome === Lookup_Outcome.FAILED;
    for (let i = 1; i < hops.length; i++) {
      const end = i === hops.length - 1;
      this.movers.add({
        kind: Kind.hop,
        tone: failed && end ? Tone.bad : hops[i].timeouts > 0 ? Tone.busy : Tone.calm,
        from: turnOf(hops[i - 1].id, bits),
        to: turnOf(hops[i].id, bits),
        start: now + (i - 1) * HOP_MS * 0.62,
        length: HOP_MS,
        pointer: Pointer[hops[i].pointer as keyof typeof Pointer] ?? Pointer.finger,
        last: end,
      });
    }
    return true;
  }

  private event(event: FeedEvent, world: World, now: number): void {
    const bits = world.ring.bits;
    const tone = PULSES[event.kind];
    if (tone !== undefined) {
      const where = event.kind === "chord.peer.failed" && event.peer.length ? event.peer : event.id;
      const turn = turnOf(where, bits);
      this.movers.add({ kind: Kind.pulse, tone, from: turn, to: turn, start: now, length: PULSE_MS });
    }
    if (event.kind === "chord.keys.moved" && event.keys > 0n && event.peer.length) {
      const [from, to] = event.outgoing ? [event.id, event.peer] : [event.peer, event.id];
      // Source and receiver both emit events of a move, at its start and its end. The move is drawn only once.
      const name = hexOf(from) + hexOf(to);
      if (now - (this.lastMove.get(name) ?? Number.NEGATIVE_INFINITY) < 3000) return;
      if (this.lastMove.size > 256) this.lastMove.clear();
      this.lastMove.set(name, now);
      this.movers.add({
        kind: Kind.keys,
        tone: event.warning ? Tone.bad : Tone.calm,
        from: turnOf(from, bits),
        to: turnOf(to, bits),
        start: now,
        length: KEYS_MS,
        label: `${count(event.keys)} ${event.keys === 1n ? "key" : "keys"}`,
      });
    }
  }
}

const PULSES: Record<string, number> = {
  "chord.node.joined": Tone.good,
  "chord.node.left": Tone.quiet,
  "chord.peer.failed": Tone.bad,
  "chord.successors.changed": Tone.quiet,
};

/** A Window counts what happened in the last ten seconds, in cells of a tenth of a second. */
class Window {
  private readonly cells = new Float64Array(100);
  private head = 0;
  private since = -1;

  add(now: number, n: number): void {
    this.advance(now);
    if (this.since < 0) this.since = now;
    this.cells[this.head % 100] += n;
  }

  rate(now: number): number {
    this.advance(now);
    // In the first ten seconds the window starts at the first entry, but is at least one second long.
    const seconds = this.since < 0 ? 10 : Math.min(10, Math.max(1, (now - this.since) / 1000));
    return this.cells.reduce((sum, n) => sum + n, 0) / seconds;
  }

  private advance(now: number): void {
    const cell = Math.floor(now / 100);
    if (cell - this.head >= 100) this.cells.fill(0);
    else for (let i = this.head + 1; i <= cell; i++) this.cells[i % 100] = 0;
    this.head = Math.max(this.head, cell);
  }
}

/** The page's movers. The session adds to them through motion as messages arrive, and a lookup when it is found. */
export const movers = new Movers();
export const motion = new Motion(movers);
