import { expect, it } from "vitest";
import { deadAfter, firstStep, type Happening, lastStep } from "../../src/model/steps";

const dead = (peer: string, by: string): Happening => ({ kind: "chord.peer.failed", id: by, peer });
const joined = (id: string): Happening => ({ kind: "chord.node.joined", id });

it("takes the reports of one crash for one step, in both directions", () => {
  const events = [joined("a"), dead("x", "b"), dead("x", "c"), dead("x", "d")];
  expect(lastStep(events)).toBe(events[1]);
  expect(firstStep(events.slice(2), deadAfter(events.slice(0, 2)))).toBeUndefined();
});

it("takes two crashes at once for two steps", () => {
  const events = [dead("x", "b"), dead("y", "b"), dead("x", "c"), dead("y", "c")];
  expect(lastStep(events)).toBe(events[1]);
  expect(firstStep(events.slice(1), ["x"])).toBe(events[1]);
});

it("takes the crash of a member that came back for a new one", () => {
  const events = [dead("x", "b"), joined("x"), dead("x", "c"), dead("x", "d")];
  expect(lastStep(events)).toBe(events[2]);
  expect(deadAfter(events.slice(0, 2)).size).toBe(0);
  expect(firstStep(events.slice(2), deadAfter(events.slice(0, 2)))).toBe(events[2]);
});
