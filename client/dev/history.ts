import { toBinary } from "@bufbuild/protobuf";
import { hexOf } from "../src/model/id.ts";
import { NodeDetailSchema, SnapshotSchema } from "../src/wire/hub_pb.ts";
import type { FakeHub } from "./messages.ts";

/** So many instants are kept, a second apart at most. */
const KEEP = 300;
/** The details of a larger ring's members would fill the memory. */
const DETAILED = 100;

interface Kept {
  at: number;
  snapshot: Uint8Array;
  details: Map<string, Uint8Array>;
}

/** FakeHistory keeps what GET /api/ring?at= and /api/ring/nodes/{id}?at= answer. */
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

  /** at is the newest instant kept that is not after the one asked for. */
  at(ms: number): Kept | undefined {
    return this.kept.findLast((k) => k.at <= ms);
  }
}
