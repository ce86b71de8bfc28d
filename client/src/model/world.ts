import { create } from "@bufbuild/protobuf";
import {
  type FeedEvent,
  type Lookup,
  type NodeDetail,
  type Patch,
  type RingState,
  RingStateSchema,
  type Sample,
  type Simulation,
  type Snapshot,
} from "../wire/hub_pb";
import { MemberTable } from "./members";

/** How many entries a World keeps of each growing list. The oldest entries are dropped. */
export const KEEP = { events: 2000, lookups: 500, samples: 3600 } as const;

/** OutOfStep is thrown if a patch does not follow the page's sequence number: the page then needs a new snapshot. */
export class OutOfStep extends Error {
  constructor(have: bigint, base: bigint) {
    super(`cannot apply patch: expected base sequence ${have}, got ${base}`);
  }
}

/**
 * A World is the whole picture at one instant. Only snapshots and patches change a World, in place; a paused view and
 * each past instant have Worlds of their own.
 */
export class World {
  seq = 0n;
  ring: RingState = create(RingStateSchema);
  table = new MemberTable();
  events: FeedEvent[] = [];
  lookups: Lookup[] = [];
  samples: Sample[] = [];
  simulation: Simulation | undefined;
  /** Start of the running or last experiment, Unix milliseconds; 0: not known, as it ended before the page was opened. */
  simulationStart = 0;
  /** The selected member's details beyond its row; null: not yet received. */
  detail: NodeDetail | null = null;

  applySnapshot(snapshot: Snapshot): void {
    this.seq = snapshot.seq;
    this.ring = snapshot.ring ?? create(RingStateSchema);
    this.table.clear();
    this.table.setBits(this.ring.bits);
    if (snapshot.members) this.table.put(snapshot.members);
    this.events = snapshot.events.slice(-KEEP.events);
    this.lookups = snapshot.lookups.slice(-KEEP.lookups);
    this.samples = snapshot.samples.slice(-KEEP.samples);
    this.simulation = snapshot.simulation;
    this.dateSimulation();
  }

  applyPatch(patch: Patch): void {
    if (patch.baseSeq !== this.seq) throw new OutOfStep(this.seq, patch.baseSeq);
    this.seq = patch.seq;
    if (patch.ring) this.ring = patch.ring;
    this.table.setBits(this.ring.bits);
    this.table.remove(patch.removed);
    if (patch.changed) this.table.put(patch.changed);
    append(this.events, patch.events, KEEP.events);
    append(this.lookups, patch.lookups, KEEP.lookups);
    append(this.samples, patch.samples, KEEP.samples);
    if (patch.simulation) {
      this.simulation = patch.simulation;
      this.dateSimulation();
    }
  }

  /** dateSimulation computes the experiment's start from its elapsed time, which the hub sends up to a second late. */
  private dateSimulation(): void {
    const { simulation: s } = this;
    if (!s?.running) return;
    const start = Number(this.ring.timeMs) - s.elapsedS * 1000;
    if (Math.abs(start - this.simulationStart) > 2000) this.simulationStart = start;
  }

  clone(): World {
    const copy = new World();
    copy.seq = this.seq;
    copy.ring = this.ring;
    copy.table = this.table.clone();
    copy.events = this.events.slice();
    copy.lookups = this.lookups.slice();
    copy.samples = this.samples.slice();
    copy.simulation = this.simulation;
    copy.simulationStart = this.simulationStart;
    copy.detail = this.detail;
    return copy;
  }
}

/** append trims the list to the limit only once it is a quarter longer, so that trimming costs little per entry. */
function append<T>(list: T[], more: readonly T[], limit: number): void {
  for (const item of more) list.push(item);
  if (list.length > limit * 1.25) list.splice(0, list.length - limit);
}
