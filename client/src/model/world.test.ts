import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { FakeHub } from "../../dev/messages";
import { FakeRing } from "../../dev/ring";
import { FeedEventSchema, PatchSchema, SampleSchema } from "../wire/hub_pb";
import { Status } from "./members";
import { KEEP, OutOfStep, World } from "./world";

/** rowsOf returns all rows of a world's members, in an order that does not depend on slots. */
function rowsOf(world: World) {
  const { table } = world;
  return Array.from(table.order(), (slot) => ({
    hex: table.hex(slot),
    handle: table.handle[slot],
    turn: table.turn[slot],
    status: table.status[slot],
    uncertain: table.uncertain[slot],
    predecessor: table.predecessor[slot],
    successor: table.successor[slot],
    rangeFrom: table.rangeFrom[slot],
    keys: table.keys[slot],
    error: table.error[slot],
    address: table.address[slot],
    host: table.host[slot],
    found: table.find(table.hex(slot)) === slot && table.slotOf(table.handle[slot]) === slot,
  }));
}

describe("fold", () => {
  // The hub sends whole rows, so patches applied to an old snapshot must give what a fresh snapshot gives.
  it.each([1, 2, 3, 4, 5])("snapshot and patches give what a fresh snapshot gives, seed %i", (seed) => {
    const ring = new FakeRing(40, seed);
    ring.churn = 6;
    const hub = new FakeHub(ring);
    const world = new World();
    world.applySnapshot(hub.snapshot());
    for (let i = 0; i < 400; i++) {
      ring.step(100);
      world.applyPatch(hub.patch());
    }
    const fresh = new World();
    fresh.applySnapshot(hub.snapshot());
    // The real hub also sends the neighbours of a change; the fake one leaves their pointers stale.
    const plain = (w: World) => rowsOf(w).map(({ predecessor: _p, successor: _s, rangeFrom: _r, ...rest }) => rest);
    expect(plain(world)).toEqual(plain(fresh));
    expect(world.seq).toBe(fresh.seq);
    expect(world.ring).toEqual(fresh.ring);
    expect(rowsOf(world).every((row) => row.found)).toBe(true);
  });

  it("keeps handles and identifiers in step when slots move", () => {
    const ring = new FakeRing(10, 7);
    const hub = new FakeHub(ring);
    const world = new World();
    world.applySnapshot(hub.snapshot());
    const [first, last] = [world.table.handle[0], world.table.handle[9]];
    world.table.remove([first]);
    expect(world.table.count).toBe(9);
    expect(world.table.slotOf(first)).toBe(-1);
    expect(world.table.slotOf(last)).toBe(0);
    expect(world.table.find(world.table.hex(0))).toBe(0);
    world.table.remove([first, 4711]);
    expect(world.table.count).toBe(9);
  });

  it("orders members by their angles, however near they stand", () => {
    const world = new World();
    world.applySnapshot(new FakeHub(new FakeRing(3000, 5)).snapshot());
    const { table } = world;
    // A cluster far closer together than a 32-bit angle resolves, in the wrong order of slots.
    for (let i = 0; i < 50; i++) table.turn[i] = 0.25 + (50 - i) * 2 ** -50;
    table.shape++;
    const turns = Array.from(table.order(), (slot) => table.turn[slot]);
    expect(turns).toEqual([...turns].sort((a, b) => a - b));
    expect(new Set(table.order()).size).toBe(3000);
  });

  it("refuses a patch that does not follow", () => {
    const world = new World();
    world.applySnapshot(new FakeHub(new FakeRing(3)).snapshot());
    expect(() => world.applyPatch(create(PatchSchema, { baseSeq: 9n, seq: 10n }))).toThrow(OutOfStep);
  });

  it("moves members to their angles once the circle's size is known", () => {
    const world = new World();
    const hub = new FakeHub(new FakeRing(5));
    const snapshot = hub.snapshot();
    if (snapshot.ring) snapshot.ring.bits = 0;
    world.applySnapshot(snapshot);
    const before = world.table.turn.slice(0, 5);
    world.applyPatch(hub.patch());
    expect(world.table.bits).toBe(160);
    expect(world.table.turn.slice(0, 5)).toEqual(before);
  });

  it("bounds what it keeps", () => {
    const world = new World();
    for (let i = 0; i < 60; i++) {
      world.applyPatch(
        create(PatchSchema, {
          baseSeq: BigInt(i),
          seq: BigInt(i + 1),
          events: Array.from({ length: 100 }, (_, k) => create(FeedEventSchema, { seq: BigInt(100 * i + k) })),
          samples: Array.from({ length: 100 }, () => create(SampleSchema)),
        }),
      );
    }
    expect(world.events.length).toBeLessThanOrEqual(KEEP.events * 1.25);
    expect(world.samples.length).toBeLessThanOrEqual(KEEP.samples * 1.25);
    expect(world.events.at(-1)?.seq).toBe(5999n);
  });

  it("a clone stands still while the original goes on", () => {
    const ring = new FakeRing(20, 3);
    ring.churn = 10;
    const hub = new FakeHub(ring);
    const world = new World();
    world.applySnapshot(hub.snapshot());
    const frozen = world.clone();
    const before = rowsOf(frozen);
    for (let i = 0; i < 50; i++) {
      ring.step(200);
      world.applyPatch(hub.patch());
    }
    expect(rowsOf(frozen)).toEqual(before);
    expect(rowsOf(world)).not.toEqual(before);
    expect(Array.from(world.table.status.subarray(0, world.table.count))).toContain(Status.FAILED);
  });
});
