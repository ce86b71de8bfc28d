import { describe, expect, it } from "vitest";
import { FakeHub } from "../../dev/messages";
import { FakeRing } from "../../dev/ring";
import { FIT } from "../model/camera";
import { World } from "../model/world";
import { type Label, uncrowded } from "./labels";
import { layOut } from "./layout";
import { type Choice, labelsFor, selectionOf } from "./select";

const VIEW = { width: 1000, height: 800, left: 0, right: 0, bottom: 0 };

function worldOf(members: number): World {
  const world = new World();
  world.applySnapshot(new FakeHub(new FakeRing(members, 1)).snapshot());
  return world;
}

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
    const world = worldOf(48);
    const layout = layOut(world.table, VIEW, FIT);
    const slot = world.table.order()[5];
    const selection = selectionOf(world, { ...NO_CHOICE, selected: world.table.hex(slot) });
    const labels = labelsFor(world, layout, selection, VIEW);
    expect(labels[0]).toMatchObject({ text: world.table.hex(slot).slice(0, 8), kind: "strong" });
    expect(uncrowded(labels)).toEqual(labels);
    // Members' names are hidden under panels over the picture; labels of the selection are not.
    const covered = uncrowded(labels, [[0, 0, 10_000, 10_000]]);
    expect(covered).toEqual(labels.filter((l) => l.kind !== "id"));
    expect(covered.length).toBeGreaterThan(0);
    expect(labels.length).toBeGreaterThan(20);
    const narrow = labelsFor(world, layout, selection, { ...VIEW, width: 500 });
    expect(narrow.every((l) => l.kind !== "id")).toBe(true);
  });

  it("are whole on a narrow screen, wherever the selected member stands", () => {
    const view = { width: 390, height: 358, left: 0, right: 0, bottom: 34 };
    const world = worldOf(48);
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
      // With the camera on the other side of the ring, members out of sight have no labels.
      const turn = 2 * Math.PI * world.table.turn[slot];
      const away = { scale: 8, x: -Math.sin(turn), y: Math.cos(turn) };
      expect(labelsFor(world, layOut(world.table, view, away), selection, view).some(whole)).toBe(false);
    }
  });
});
