import { expect, it } from "vitest";
import { FakeHub } from "../../dev/messages";
import { FakeRing } from "../../dev/ring";
import { slotsInArc } from "./arcs";
import { World } from "./world";

it("lists an arc's members, across the top too", () => {
  const world = new World();
  world.applySnapshot(new FakeHub(new FakeRing(400, 1)).snapshot());
  const { table } = world;
  const across = slotsInArc(table, 0.9, 0.1);
  expect(across.length).toBe(Array.from(table.turn.subarray(0, 400)).filter((t) => t >= 0.9 || t < 0.1).length);
  expect(slotsInArc(table, 0.2, 0.4).length).toBe(
    Array.from(table.turn.subarray(0, 400)).filter((t) => t >= 0.2 && t < 0.4).length,
  );
});
