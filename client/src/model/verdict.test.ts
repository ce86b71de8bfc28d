import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  Certainty_State,
  FaultSchema,
  FeedEventSchema,
  RingState_Status,
  RingStateSchema,
  ViolationSchema,
} from "../wire/hub_pb";
import { certainty, faults, lastNews, uncertainMembers, verdict } from "./verdict";

describe("verdict", () => {
  const ring = (fields: object) => create(RingStateSchema, { successors: 8, ...fields });
  it("states the ring's status, and no more than is known", () => {
    expect(verdict(ring({ status: RingState_Status.UNSPECIFIED }))).toMatch(/^No event of a member/);
    expect(verdict(ring({ status: RingState_Status.UNSPECIFIED, rejections: ["x"] }))).toMatch(
      /All telemetry received so far was rejected/,
    );
    expect(verdict(ring({ status: RingState_Status.UNSPECIFIED, active: 1 }))).toMatch(/^No member is certain/);
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
    expect(certainty(of({ state: Certainty_State.ALL, of: 1 }))).toBe("its only member certain");
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
    // Only conditions of the invariant are named, although another violation is older; the detail gets a full stop.
    const other = [
      create(ViolationSchema, { condition: "OwnershipGap", detail: "no member owns the keys right before its range" }),
      create(ViolationSchema, { condition: "OneOrderedRing", detail: "2 rings" }),
      create(ViolationSchema, { condition: "NoDuplicates", detail: "ab stands twice" }),
    ];
    expect(verdict(ring({ status: RingState_Status.VIOLATED, violations: other }))).toBe(
      "The members do not form one ring: 2 rings. And 1 more violation.",
    );
  });

  it("finds the news among other events", () => {
    const events = [
      ["chord.node.joined", 10],
      ["chord.node.load", 20],
      ["chord.peer.failed", 30],
      ["chord.fingers.changed", 40],
    ].map(([kind, at]) => create(FeedEventSchema, { kind: String(kind), timeMs: BigInt(at) }));
    expect(lastNews(events)?.timeMs).toBe(30n);
    expect(lastNews([])).toBeUndefined();
    // Events from before the page was opened come from the history. Those after the instant shown do not count.
    expect(lastNews([], events)?.timeMs).toBe(30n);
    expect(lastNews([], events, 29)?.timeMs).toBe(10n);
  });
});

it("faulty emitters are listed, one per line", () => {
  const id = new Uint8Array(20);
  const of = (kind: string, text: string) => create(FaultSchema, { kind, id, host: "h:1", text });
  const ring = create(RingStateSchema, {
    bits: 160,
    faults: [
      of("clock_ahead", "the clock of host h:1 is ahead of the conductor's clock, by 58s or more"),
      of("two_processes", "one identity from two processes"),
    ],
    faultCount: 12,
  });
  expect(faults(ring).split("\n")).toEqual([
    "the clock of host h:1 is ahead of the conductor's clock, by 58s or more",
    "00000000: one identity from two processes",
    "and 10 more",
  ]);
});
