import { toBinary } from "@bufbuild/protobuf";
import { hexOf } from "../src/model/id.ts";
import { NodeDetailSchema, SnapshotSchema } from "../src/wire/hub_pb.ts";
import type { FakeHub } from "./messages.ts";

/** KEEP is the number of snapshots kept. They are at most a second apart. */
const KEEP = 300;
/**
 * Details of members are kept only in rings of at most so many members, because of the memory that
 * they take.
 */
const DETAILED = 100;

interface Kept {
  at: number;
  snapshot: Uint8Array;
  details: Map<string, Uint8Array>;
}

/** FakeHistory keeps the answers of GET /api/ring?at= and /api/ring/nodes/{id}?at=. */
export class FakeHistory {
  private readonly kept: Kept[] = [];

  get from(): number {
    return this.kept[0]?.at ?? 0;
  }

  keep(hub: FakeHub): void {
    const snapshot = hub.snapshot();
    if (snapshot.ring) Object.assign(snapshot.ring, { stalenessP50Ms: -1, stalenessP99Ms: -1, lookupsSampled: -1 });
    const members = hub.ring.members.length <= DETAILED ? hub.ring.members : [];
    this.kept.push({
      at: hub.time(),
      snapshot: toBinary(SnapshotSchema, { ...snapshot, simulation: undefined }),
      details: new Map(members.map((m) => [hexOf(m.id), toBinary(NodeDetailSchema, hub.detail(m, m.id))])),
    });
    if (this.kept.length > KEEP) this.kept.shift();
  }

  /** at returns the newest snapshot kept that is not later than a time. */
  at(ms: number): Kept | undefined {
    return this.kept.findLast((k) => k.at <= ms);
  }
}
