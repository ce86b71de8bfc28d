import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { FeedEventSchema, SampleSchema } from "../wire/hub_pb";
import { lastRepair, repairWords } from "./repair";

const START = 1_760_000_000_000;
const second = (s: number) => START + 1000 * s;

const samples = (errors: number[]) =>
  errors.map((error, s) => create(SampleSchema, { timeMs: BigInt(second(s)), error: BigInt(error) }));
const event = (s: number, kind: string, id: number, peer = 0) =>
  create(FeedEventSchema, {
    timeMs: BigInt(second(s)),
    kind,
    id: new Uint8Array(20).fill(id),
    peer: peer ? new Uint8Array(20).fill(peer) : new Uint8Array(0),
    warning: kind === "chord.peer.failed",
  });

describe("the last repair", () => {
  it("is the last time with an error, and what began it", () => {
    const events = [
      event(1, "chord.node.joined", 1),
      event(4, "chord.node.joined", 2),
      event(4.2, "chord.successors.changed", 9),
      event(4.5, "chord.peer.failed", 4, 3),
      event(5, "chord.peer.failed", 5, 3),
      event(9, "chord.node.left", 6),
    ];
    const repair = lastRepair(samples([0, 2, 0, 0, 0, 3, 5, 0, 0]), events, second(8.5));
    expect(repair).toMatchObject({ from: second(5), to: second(7), others: 1 });
    expect(repairWords(repair!, 160)).toMatch(
      /^Last repair: ended at \d\d:\d\d:\d\d, took 2 s, after 03030303 failed \(and 1 more change of members\)\.$/,
    );
    expect(repairWords({ ...repair!, cause: undefined, others: 0 }, 160)).toMatch(/took 2 s\.$/);
    expect(repairWords({ ...repair!, cause: events[0], others: 4 }, 160)).toMatch(
      /01010101 joined \(and 4 more changes of members\)\.$/,
    );
  });

  it("does not name a member that was reported dead long before, unless it has emitted events since", () => {
    const events = [
      event(1, "chord.peer.failed", 4, 3),
      event(4.8, "chord.peer.failed", 5, 3), // a second report of the same failure
      event(5, "chord.peer.failed", 5, 6),
    ];
    const errors = samples([0, 0, 0, 0, 0, 3, 0]);
    expect(lastRepair(errors, events, second(7))).toMatchObject({ cause: events[2], others: 0 });
    const alive = [events[0], event(3, "chord.successors.changed", 3), ...events.slice(1)];
    expect(lastRepair(errors, alive, second(7))).toMatchObject({ cause: events[1], others: 1 });
  });

  it("is none if there was none, and over if the state is newer than the newest sample", () => {
    expect(lastRepair(samples([0, 0, 0]), [], second(3))).toBeUndefined();
    expect(lastRepair([], [], 0)).toBeUndefined();
    expect(lastRepair(samples([0, 2, 3]), [], second(2.4))).toMatchObject({ from: second(1), to: second(2.4) });
  });
});
