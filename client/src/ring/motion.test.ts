import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { FakeHub } from "../../dev/messages";
import { FakeRing } from "../../dev/ring";
import { World } from "../model/world";
import { FeedEventSchema, PatchSchema } from "../wire/hub_pb";
import { Motion } from "./motion";
import { CAPACITY, Kind, Movers } from "./movers";

function rig(lookupsPerSecond: number) {
  const ring = new FakeRing(64);
  ring.lookupRate = lookupsPerSecond;
  const hub = new FakeHub(ring);
  const world = new World();
  world.applySnapshot(hub.snapshot());
  const movers = new Movers();
  const motion = new Motion(movers);
  let now = 0;
  const run = (seconds: number) => {
    for (let i = 0; i < seconds * 10; i++) {
      now += 100;
      ring.step(100);
      const patch = hub.patch();
      world.applyPatch(patch);
      motion.take(patch, world, now);
      expect(movers.count).toBeLessThanOrEqual(CAPACITY);
    }
    return motion.rates(now);
  };
  return { motion, movers, world, run };
}

describe("motion", () => {
  it("shows every lookup when there are few", () => {
    const { run } = rig(5);
    const { arrived, shown } = run(20);
    expect(arrived).toBeCloseTo(5, 0);
    expect(shown).toBeGreaterThan(4.4); // a lookup whose initiator owns the key has no hop to show
  });

  it("samples evenly when there are many, and counts both", () => {
    const { run } = rig(400);
    const { arrived, shown } = run(12); // rates cover the last ten seconds
    expect(arrived).toBeGreaterThan(380);
    expect(shown).toBeGreaterThan(9);
    expect(shown).toBeLessThan(14);
  });

  it("shows none if asked to, and still counts", () => {
    const { run, motion, movers } = rig(50);
    motion.limit = 0;
    expect(run(5).shown).toBe(0);
    expect(Array.from(movers.kind.subarray(0, movers.count))).not.toContain(Kind.hop);
  });

  it("draws a key move once, though both ends emit an event", () => {
    const { motion, movers, world } = rig(0);
    const [a, b] = [new Uint8Array(20).fill(1), new Uint8Array(20).fill(9)];
    const move = (id: Uint8Array<ArrayBuffer>, peer: Uint8Array<ArrayBuffer>, outgoing: boolean) =>
      create(FeedEventSchema, { kind: "chord.keys.moved", id, peer, keys: 5n, outgoing });
    motion.take(create(PatchSchema, { events: [move(a, b, true), move(b, a, false)] }), world, 1000);
    expect(movers.count).toBe(1);
    expect(movers.kind[0]).toBe(Kind.keys);
    expect(movers.from[0]).toBeLessThan(movers.to[0]);
    expect(movers.label[0]).toBe("5 keys");
  });

  it("removes movers that have ended and keeps the rest", () => {
    const movers = new Movers();
    for (let i = 0; i < 10; i++)
      movers.add({ kind: Kind.pulse, tone: 0, from: i / 10, to: i / 10, start: 0, length: 100 * (i + 1) });
    movers.expire(550);
    expect(movers.count).toBe(5);
    expect(Array.from(movers.from.subarray(0, 5)).sort()).toEqual([0.5, 0.6, 0.7, 0.8, 0.9]);
    for (let i = 0; i < 2 * CAPACITY; i++)
      movers.add({ kind: Kind.pulse, tone: 0, from: 0, to: 0, start: 0, length: 1e9 });
    expect(movers.count).toBe(CAPACITY);
  });
});
