import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { FakeHub } from "../../dev/messages";
import { FakeRing } from "../../dev/ring";
import { uncrowded } from "../../src/canvas/labels";
import { FIT, layOut } from "../../src/canvas/layout";
import { labelsFor, selectionOf } from "../../src/canvas/select";
import { FeedEventSchema, RingState_Status, RingStateSchema, ViolationSchema } from "../../src/gen/hub_pb";
import { chosen, type Group } from "../../src/model/feed";
import { hexOf } from "../../src/model/id";
import {
  distancesLeft,
  expectedHops,
  expectedShares,
  hopCount,
  hopDistribution,
  lookupOf,
} from "../../src/model/lookups";
import { pastWorld, type RingJson } from "../../src/model/past";
import { FIELDS, fieldOf, withField } from "../../src/model/scenario";
import { lastNews, lastNewsBefore, nextNewsAfter, verdict } from "../../src/model/verdict";
import { duration, percent, size } from "../../src/model/words";
import { World } from "../../src/model/world";
import { sortedSlots } from "../../src/views/MembersTab";

const VIEW = { width: 1000, height: 800, left: 0, right: 0, bottom: 0 };

function worldOf(members: number, seed = 1) {
  const ring = new FakeRing(members, seed);
  const hub = new FakeHub(ring);
  const world = new World();
  world.applySnapshot(hub.snapshot());
  return { ring, hub, world };
}

describe("theory", () => {
  it("expects half the binary logarithm", () => {
    expect(expectedHops(1024)).toBe(5);
    expect(expectedHops(1)).toBe(0);
    for (const members of [2, 32, 100, 10_000]) {
      const shares = hopDistribution(members, 40);
      expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1);
      expect(shares.reduce((sum, share, hops) => sum + share * hops, 0)).toBeCloseTo(expectedHops(members));
    }
  });

  it("expects shares that grow and average to one", () => {
    const shares = expectedShares(500);
    expect(shares.reduce((a, b) => a + b) / 500).toBeCloseTo(1);
    expect(shares[0]).toBeLessThan(0.01);
    expect(shares[499]).toBeGreaterThan(6);
  });

  it("measures a lookup's way to its key", () => {
    const { ring, hub } = worldOf(64);
    for (let i = 0; i < 50; i++) {
      const route = ring.route(ring.randomId(), ring.any());
      if (!route) throw new Error("no route");
      const lookup = hub.lookup(route);
      const left = distancesLeft(lookup, 160);
      for (let k = 1; k < left.length; k++) expect(left[k]).toBeLessThan(left[k - 1]);
      expect(hopCount(lookup)).toBe(Math.max(0, lookup.hops.length - 2));
    }
  });

  it("takes the API's answer for a lookup like any other", () => {
    const lookup = lookupOf(
      {
        trace_id: "",
        key: "ff",
        owner: "01",
        mode: "iterative",
        duration_ms: 4.5,
        hops: [
          { id: "02", pointer: "self", slot: 0, at_ms: 0, timeouts: 0 },
          { id: "01", pointer: "finger", slot: 9, at_ms: 3, timeouts: 2 },
        ],
      },
      1_000_000,
    );
    expect(lookup.durationUs).toBe(4500n);
    expect(lookup.hops[1].atUs).toBe(3000n);
    expect(lookup.outcome).toBe(2);
  });
});

describe("verdict", () => {
  const ring = (fields: object) => create(RingStateSchema, { successors: 8, ...fields });
  it("says how the ring is, and no more than is known", () => {
    expect(verdict(ring({ status: RingState_Status.UNSPECIFIED }))).toMatch(/heard of yet/);
    expect(verdict(ring({ status: RingState_Status.IDEAL, active: 32 }))).toBe("Every pointer is right.");
    expect(verdict(ring({ status: RingState_Status.FORMING, active: 3, joining: 1 }))).toMatch(/^4 members of the 9/);
    expect(verdict(ring({ status: RingState_Status.REPAIRING, error: 3n }))).toMatch(/ring error 3/);
    expect(verdict(ring({ status: RingState_Status.UNCERTAIN, uncertain: 7 }))).toMatch(/7 members is missing/);
  });

  it("names the violation that still holds", () => {
    const violations = [
      create(ViolationSchema, { condition: "NoDuplicates", detail: "old.", healedMs: 5n }),
      create(ViolationSchema, { condition: "OrderedSuccessorLists", detail: "ab before aa." }),
    ];
    expect(verdict(ring({ status: RingState_Status.VIOLATED, violations }))).toBe(
      "OrderedSuccessorLists: ab before aa.",
    );
  });

  it("finds the news among the chatter", () => {
    const events = [
      ["chord.node.joined", 10],
      ["chord.node.load", 20],
      ["chord.peer.failed", 30],
      ["chord.fingers.changed", 40],
    ].map(([kind, at]) => create(FeedEventSchema, { kind: String(kind), timeMs: BigInt(at) }));
    expect(lastNews(events)?.timeMs).toBe(30n);
    expect(lastNewsBefore(events, 30)?.timeMs).toBe(10n);
    expect(nextNewsAfter(events, 10)?.timeMs).toBe(30n);
    expect(nextNewsAfter(events, 30)).toBeUndefined();
    expect(lastNews([])).toBeUndefined();
  });
});

describe("feed", () => {
  it("lets through what the filter wants", () => {
    const me = new Uint8Array(20).fill(1);
    const other = new Uint8Array(20).fill(2);
    const make = (kind: string, id: Uint8Array, warning = false, peer: Uint8Array = new Uint8Array(0)) =>
      create(FeedEventSchema, { kind, id: id as never, warning, peer: peer as never });
    const events = [
      make("chord.node.joined", me),
      make("chord.peer.failed", other, true, me),
      make("chord.node.load", me),
      make("chord.something.new", me),
    ];
    const all = new Set<Group>(["membership", "pointers", "keys"]);
    expect(chosen(events, { groups: all, member: "", errors: false })).toHaveLength(2);
    expect(chosen(events, { groups: all, member: "", errors: true })).toEqual([events[1]]);
    expect(chosen(events, { groups: all, member: hexOf(me), errors: false })).toHaveLength(2);
    expect(chosen(events, { groups: all, member: hexOf(other), errors: false })).toEqual([events[1]]);
    expect(chosen(events, { groups: new Set<Group>(["chatter"]), member: "", errors: false })).toHaveLength(2);
  });
});

describe("labels", () => {
  it("never cover one another, and name the selected member first", () => {
    const { world } = worldOf(48);
    const layout = layOut(world.table, VIEW, FIT);
    const slot = world.table.order()[5];
    const selection = selectionOf(world, {
      selected: world.table.hex(slot),
      detail: null,
      lookup: null,
      arc: null,
      cursor: "",
      hovered: -1,
      hoveredBin: -1,
      hoveredFinger: -1,
    });
    const labels = labelsFor(world, layout, selection, true);
    expect(labels[0]).toMatchObject({ text: world.table.hex(slot).slice(0, 8), kind: "strong" });
    expect(uncrowded(labels)).toEqual(labels);
    expect(labels.length).toBeGreaterThan(20);
    expect(labelsFor(world, layout, selection, false).every((l) => l.kind !== "id")).toBe(true);
  });
});

describe("past", () => {
  it("shows the instant's ring, and of the page's memory what lies before it", () => {
    const { ring, hub, world } = worldOf(3);
    ring.churn = 2;
    for (let i = 0; i < 100; i++) {
      ring.step(200);
      world.applyPatch(hub.patch());
    }
    const at = hub.time(10_000);
    const node = (id: string, status: string, predecessor: string, successors: string[]) => ({
      id,
      status,
      predecessor,
      successors,
      address: "a",
      host: "h",
      incarnation: 1,
      keys: 4,
      replicas: 8,
      bytes: 12,
      error: 0,
      uncertain: false,
      staleness_ms: 40,
    });
    const json: RingJson = {
      seq: 12,
      time: new Date(at).toISOString(),
      name: "demo",
      status: "violated",
      error: 2,
      bits: 6,
      successors: 2,
      replicas: 3,
      counts: { active: 2, failed: 1 },
      violations: [{ condition: "NoDuplicates", detail: "d", members: ["08"], since: new Date(at - 5).toISOString() }],
      nodes: [
        node("08", "active", "30", ["20", "30"]),
        node("20", "failed", "08", []),
        node("30", "active", "20", ["08"]),
      ],
    };
    const past = pastWorld(json, world);
    expect(past.ring.status).toBe(RingState_Status.VIOLATED);
    expect(past.ring.violations[0].members[0][19]).toBe(8);
    const { table } = past;
    expect(Array.from(table.order(), (slot) => table.turn[slot])).toEqual([8 / 64, 0.5, 0.75]);
    // The successor is the first live one of the list.
    expect(table.hex(table.slotOf(table.successor[table.order()[0]]))).toMatch(/30$/);
    expect(table.rangeFrom[table.order()[1]]).toBe(-1);
    expect(past.events.length).toBeGreaterThan(0);
    expect(past.events.every((e) => Number(e.timeMs) <= at)).toBe(true);
    expect(past.events.length).toBeLessThan(world.events.length);
  });
});

describe("scenario fields", () => {
  const source = `name: x # members: none
seed: 42
ring: {members: 64, bits: 160}
workload: {rate: 200/s, reads: 0.8}
duration: 70s
`;
  it("reads and changes the number, and nothing else", () => {
    expect(FIELDS.map((f) => fieldOf(source.replace(" # members: none", ""), f))).toEqual(["64", "200/s", "42", "70s"]);
    const changed = withField(source, FIELDS[2], "43");
    expect(changed).toBe(source.replace("seed: 42", "seed: 43"));
    expect(withField(source, FIELDS[1], "$1/s")).toContain("rate: $1/s,");
  });

  it("finds the rate in block style too, and misses what is not there", () => {
    expect(fieldOf("workload:\n  reads: 0.5\n  rate: 5/s\n", FIELDS[1])).toBe("5/s");
    expect(fieldOf("phases:\n  - {at: 1s}\n", FIELDS[0])).toBeUndefined();
  });
});

describe("words", () => {
  it("chooses units people would", () => {
    expect([0.4, 2.34, 61, 1500, 61_000, 3_700_000].map(duration)).toEqual([
      "400 µs",
      "2.3 ms",
      "61 ms",
      "1.5 s",
      "1 min 1 s",
      "1 h 2 min",
    ]);
    expect([10, 2048, 5 * 2 ** 20].map(size)).toEqual(["10 B", "2.0 KiB", "5.0 MiB"]);
  });

  it("does not round up to certainty", () => {
    expect(percent(0.9999)).toBe("> 99.9 %");
    expect(percent(1)).toBe("100 %");
    expect(percent(0.0001)).toBe("< 0.1 %");
    expect(percent(0)).toBe("0 %");
  });
});

describe("member table", () => {
  it("sorts by every column, either way", () => {
    const { world } = worldOf(30);
    const { table } = world;
    const keys = Array.from(sortedSlots(table, "keys", true), (slot) => table.keys[slot]);
    expect(keys).toEqual([...keys].sort((a, b) => b - a));
    expect(Array.from(sortedSlots(table, "position", false))).toEqual(Array.from(table.order()));
    expect(new Set(sortedSlots(table, "status", false)).size).toBe(30);
  });
});
