import { expect, it } from "vitest";
import { FakeHub } from "../../dev/messages";
import { FakeRing } from "../../dev/ring";
import { World } from "../model/world";
import { sortedSlots } from "./MembersTab";

it("the member table sorts by every column, either way", () => {
  const world = new World();
  world.applySnapshot(new FakeHub(new FakeRing(30, 1)).snapshot());
  const { table } = world;
  const keys = Array.from(sortedSlots(table, "keys", true), (slot) => table.keys[slot]);
  expect(keys).toEqual([...keys].sort((a, b) => b - a));
  expect(Array.from(sortedSlots(table, "position", false))).toEqual(Array.from(table.order()));
  expect(new Set(sortedSlots(table, "status", false)).size).toBe(30);
});
