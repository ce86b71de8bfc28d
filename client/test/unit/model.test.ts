import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { FakeHub } from "../../dev/messages";
import { FakeRing } from "../../dev/ring";
import { type Label, uncrowded } from "../../src/canvas/labels";
import { FIT, layOut } from "../../src/canvas/layout";
import { type Choice, labelsFor, selectionOf } from "../../src/canvas/select";
import {
  Certainty_State,
  FaultSchema,
  FeedEventSchema,
  RingState_Status,
  RingStateSchema,
  type Simulation,
  SimulationSchema,
  ViolationSchema,
} from "../../src/gen/hub_pb";
import { chosen, type Group } from "../../src/model/feed";
import { hexOf } from "../../src/model/id";
import {
  clockWord,
  distancesLeft,
  expectedHops,
  expectedShares,
  hopCount,
  hopDistribution,
  lookupOf,
  pointerMeaning,
} from "../../src/model/lookups";
import { pastWorld, simulationAt } from "../../src/model/past";
import { certainty, faults, lastNews, uncertainMembers, verdict } from "../../src/model/verdict";
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
    expect(pointerMeaning("finger", 159, 160)).toBe("½ of the circle ahead");
    expect(pointerMeaning("finger", 20, 24)).toBe("1/16 of the circle ahead");
    expect(pointerMeaning("finger", 100, 160)).toBe("1/2^60 of the circle ahead");
    expect(pointerMeaning("successor", 0, 160)).toBe("the next member ahead");
    expect(pointerMeaning("successor", 2, 160)).toBe("the 3rd member ahead");
    expect(pointerMeaning("successor", 11, 160)).toBe("the 12th member ahead");
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
  it("states the ring's status, and no more than is known", () => {
    expect(verdict(ring({ status: RingState_Status.UNSPECIFIED }))).toMatch(/^No event of a member/);
    expect(verdict(ring({ status: RingState_Status.UNSPECIFIED, rejections: ["x"] }))).toMatch(
      /not part of the picture/,
    );
    expect(verdict(ring({ status: RingState_Status.UNSPECIFIED, active: 1 }))).toMatch(/^No certain member's pointers/);
    expect(verdict(ring({ status: RingState_Status.IDEAL, active: 32 }))).toBe("Every pointer is right.");
    expect(
      verdict(ring({ status: RingState_Status.IDEAL, active: 5, tolerance: { pointers: 4, keys: 2, hosts: 2 } })),
    ).toBe("Every pointer is right. Small ring: survives 2 simultaneous crashes.");
    expect(verdict(ring({ status: RingState_Status.FORMING, active: 32, error: 29n }))).toBe(
      "32 members joining: ring error 29.",
    );
    expect(verdict(ring({ status: RingState_Status.REPAIRING, error: 3n }))).toMatch(/ring error 3/);
  });

  it("states how many members that covers", () => {
    const of = (fields: object) => ring({ status: RingState_Status.REPAIRING, bits: 160, certainty: fields });
    expect(certainty(ring({}))).toBe("");
    expect(certainty(of({ state: Certainty_State.ALL, of: 171 }))).toBe("all 171 members certain");
    expect(certainty(of({ state: Certainty_State.ALL, of: 1 }))).toBe("its member certain");
    const late = of({
      state: Certainty_State.PARTIAL,
      count: 12,
      of: 1171,
      members: [{ id: new Uint8Array(20).fill(0xab), host: "h:1", why: "late", sinceMs: 0n }],
    });
    expect(certainty(late)).toBe("1,159 of 1,171 members certain");
    expect(uncertainMembers(late)).toMatch(/^abab.* on h:1: no event for longer .*, since \d\d:.*\nand 11 more$/);
    expect(certainty(of({ state: Certainty_State.NOTHING, count: 3, of: 3 }))).toBe("0 of 3 members certain");
  });

  it("names the violation that still holds", () => {
    const violations = [
      create(ViolationSchema, { condition: "NoDuplicates", detail: "old.", healedMs: 5n }),
      create(ViolationSchema, { condition: "OrderedSuccessorLists", detail: "ab before aa." }),
    ];
    expect(verdict(ring({ status: RingState_Status.VIOLATED, violations }))).toBe(
      "A successor list is out of order: ab before aa.",
    );
    // Only conditions of the invariant make it violated, however old others are; and a sentence ends with a full stop.
    const other = [
      create(ViolationSchema, { condition: "OwnershipGap", detail: "no member owns the keys right before its range" }),
      create(ViolationSchema, { condition: "OneOrderedRing", detail: "2 rings" }),
      create(ViolationSchema, { condition: "NoDuplicates", detail: "ab stands twice" }),
    ];
    expect(verdict(ring({ status: RingState_Status.VIOLATED, violations: other }))).toBe(
      "The members do not form one ring: 2 rings. And 1 more.",
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
    expect(lastNews([])).toBeUndefined();
    // Events from before the page was opened come from the history; none is later than the instant shown.
    expect(lastNews([], events)?.timeMs).toBe(30n);
    expect(lastNews([], events, 29)?.timeMs).toBe(10n);
  });
});

describe("feed", () => {
  it("passes events that match the filter", () => {
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

const NO_CHOICE: Choice = {
  selected: "",
  detail: null,
  lookup: null,
  arc: null,
  cursor: "",
  hovered: -1,
  hoveredBin: -1,
  hoveredFinger: -1,
};

describe("labels", () => {
  it("never cover one another, and name the selected member first", () => {
    const { world } = worldOf(48);
    const layout = layOut(world.table, VIEW, FIT);
    const slot = world.table.order()[5];
    const selection = selectionOf(world, { ...NO_CHOICE, selected: world.table.hex(slot) });
    const labels = labelsFor(world, layout, selection, VIEW);
    expect(labels[0]).toMatchObject({ text: world.table.hex(slot).slice(0, 8), kind: "strong" });
    expect(uncrowded(labels)).toEqual(labels);
    // Names avoid panels over the picture; the selection is labelled all the same.
    const covered = uncrowded(labels, [[0, 0, 10_000, 10_000]]);
    expect(covered).toEqual(labels.filter((l) => l.kind !== "id"));
    expect(covered.length).toBeGreaterThan(0);
    expect(labels.length).toBeGreaterThan(20);
    const narrow = labelsFor(world, layout, selection, { ...VIEW, width: 500 });
    expect(narrow.every((l) => l.kind !== "id")).toBe(true);
  });

  it("are whole on a narrow screen, wherever the selected member stands", () => {
    const view = { width: 390, height: 358, left: 0, right: 0, bottom: 34 };
    const { world } = worldOf(48);
    const whole = (l: Label) => {
      const width = 6.65 * l.text.length;
      const left = l.x + ((l.dx - 1) / 2) * width;
      const top = l.y + ((l.dy - 1) / 2) * 15;
      return left >= 0 && left + width <= view.width && top >= 0 && top + 15 <= view.height - view.bottom;
    };
    for (const slot of world.table.order()) {
      const selection = selectionOf(world, { ...NO_CHOICE, selected: world.table.hex(slot) });
      const labels = labelsFor(world, layOut(world.table, view, FIT), selection, view);
      expect(labels[0].text).toBe(world.table.hex(slot).slice(0, 8));
      expect(labels.filter((l) => !whole(l))).toEqual([]);
      // Zoomed in on the other side of the ring, the picture has no labels of members out of sight.
      const turn = 2 * Math.PI * world.table.turn[slot];
      const away = { scale: 8, x: -Math.sin(turn), y: Math.cos(turn) };
      expect(labelsFor(world, layOut(world.table, view, away), selection, view).some(whole)).toBe(false);
    }
  });
});

describe("past", () => {
  const run = () => {
    const { ring, hub, world } = worldOf(12);
    ring.churn = 2;
    hub.simulation = create(SimulationSchema, {
      running: true,
      scenario: "churn",
      durationS: 60,
      phases: [
        { name: "calm", atS: 0, forS: 4 },
        { name: "crash 2", atS: 4, forS: 0 },
      ],
    });
    let then = hub.snapshot();
    for (let i = 0; i < 100; i++) {
      ring.step(200);
      hub.simulation = { ...hub.simulation, elapsedS: (i + 1) / 5 };
      world.applyPatch(hub.patch());
      if (i === 49) then = hub.snapshot();
    }
    return { then, world, hub };
  };

  it("is the conductor's picture of the instant, and nothing of the present", () => {
    const { then, world } = run();
    const past = pastWorld(then, world);
    expect(past.ring).toBe(then.ring);
    expect(past.table.count).toBe(then.members?.handle.length);
    expect(Array.from(past.table.rangeFrom.slice(0, past.table.count))).toEqual(then.members?.rangeFrom);
    expect(past.events).toEqual(then.events);
    expect(past.events.length).toBeLessThan(world.events.length);
    expect(past.samples.length).toBeLessThan(world.samples.length);
    expect(past.detail).toBeNull();
  });

  it("has the experiment as it stood, by its plan, and claims no figures", () => {
    const { world, hub } = run();
    const at = (s: number) => simulationAt(world, hub.start + 1000 * s);
    expect(at(-1)).toBeUndefined();
    expect(at(3)).toMatchObject({ running: true, elapsedS: 3, phase: "calm", workloadRate: -1 });
    expect(at(4.5)?.phase).toBe("crash 2");
    expect(at(10)?.phase).toBe("");
    world.simulation = { ...(world.simulation as Simulation), running: false, elapsedS: 20 };
    expect(at(19)?.running).toBe(true);
    expect(at(21)?.running).toBe(false);
    world.simulationStart = 0;
    expect(at(3)).toBeUndefined();
  });
});

describe("words", () => {
  it("chooses units by magnitude", () => {
    // Rounded first and split then: no second has 1000 milliseconds, no minute 60 seconds, no hour 60 minutes.
    expect([999.7, 9970, 59_700, 119_700, 3_599_600, 7_199_000].map(duration)).toEqual([
      "1.0 s",
      "10 s",
      "1 min 0 s",
      "2 min 0 s",
      "1 h 0 min",
      "2 h 0 min",
    ]);
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

it("a hop whose clock is off shows the least error and its direction", () => {
  expect(clockWord(0n)).toBe("");
  expect(clockWord(3_600_000_000n)).toBe("its clock is at least 1 h 0 min ahead");
  expect(clockWord(-58_000_000n)).toBe("its clock is at least 58 s behind");
});

it("faulty emitters are listed, one per line", () => {
  const id = new Uint8Array(20);
  const of = (kind: string, text: string) => create(FaultSchema, { kind, id, host: "h:1", text });
  const ring = create(RingStateSchema, {
    bits: 160,
    faults: [
      of("clock_ahead", "clock of host h:1 at least 58s ahead"),
      of("two_processes", "one identity from two processes"),
    ],
    faultCount: 12,
  });
  expect(faults(ring).split("\n")).toEqual([
    "clock of host h:1 at least 58s ahead",
    "00000000: one identity from two processes",
    "and 10 more",
  ]);
});
