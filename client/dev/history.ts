import { hexOf } from "../src/model/id.ts";
import type { FakeRing } from "./ring.ts";

/** So many instants are kept, a second apart. */
const KEEP = 180;

/** FakeHistory keeps what GET /api/ring?at= answers. */
export class FakeHistory {
  private readonly kept: { at: number; body: string }[] = [];

  get from(): number {
    return this.kept[0]?.at ?? 0;
  }

  keep(ring: FakeRing, at: number): void {
    this.kept.push({ at, body: JSON.stringify(ringJson(ring, at)) });
    if (this.kept.length > KEEP) this.kept.shift();
  }

  /** at is the newest instant kept that is not after the one asked for. */
  at(ms: number): string | undefined {
    return this.kept.findLast((k) => k.at <= ms)?.body;
  }
}

function ringJson(ring: FakeRing, at: number) {
  const error = ring.members.reduce((sum, m) => sum + m.error, 0);
  const counts: Record<string, number> = {};
  for (const m of ring.members) counts[m.life] = (counts[m.life] ?? 0) + 1;
  return {
    epoch: "fake",
    seq: 0,
    time: new Date(at).toISOString(),
    name: "demo",
    status: error > 0 ? "repairing" : "ideal",
    error,
    bits: 160,
    successors: 8,
    replicas: 3,
    counts,
    violations: [],
    nodes: ring.members.map((m, i) => ({
      id: hexOf(m.id),
      address: m.address,
      host: m.address,
      incarnation: at * 1e6,
      status: m.life,
      predecessor: hexOf(ring.members.at(i - 1)?.id ?? m.id),
      successors: [hexOf(ring.members[(i + 1) % ring.members.length].id)],
      keys: m.keys,
      replicas: 2 * m.keys,
      bytes: 384 * m.keys,
      error: m.error,
      uncertain: m.uncertain,
      staleness_ms: 0,
    })),
  };
}
