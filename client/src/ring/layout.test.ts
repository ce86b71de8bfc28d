import { describe, expect, it } from "vitest";
import { FakeHub } from "../../dev/messages";
import { FakeRing } from "../../dev/ring";
import { FIT } from "../model/camera";
import { Status } from "../model/members";
import { World } from "../model/world";
import { approach, extend, newDrag, pan, zoomAt } from "./gestures";
import { binSlots, hitTest } from "./hit";
import { circle, layOut, pointAt, turnAt, visibleArc, Worst } from "./layout";

const VIEW = { width: 1000, height: 800, left: 0, right: 0, bottom: 0 };

function worldOf(members: number, seed = 1): World {
  const world = new World();
  world.applySnapshot(new FakeHub(new FakeRing(members, seed)).snapshot());
  return world;
}

describe("layout", () => {
  it("puts zero at the top and goes clockwise", () => {
    const c = { cx: 0, cy: 0 };
    const close = ([x, y]: [number, number], [ex, ey]: [number, number]) => {
      expect(x).toBeCloseTo(ex);
      expect(y).toBeCloseTo(ey);
    };
    close(pointAt(c, 0, 10), [0, -10]);
    close(pointAt(c, 0.25, 10), [10, 0]);
    close(pointAt(c, 0.5, 10), [0, 10]);
    close(pointAt(c, 0.75, 10), [-10, 0]);
    for (const turn of [0, 0.1, 0.3, 0.62, 0.99]) expect(turnAt(c, ...pointAt(c, turn, 5))).toBeCloseTo(turn);
  });

  it("draws each member by itself up to about two hundred, then bins", () => {
    expect(layOut(worldOf(8).table, VIEW, FIT).bins).toBe(false);
    expect(layOut(worldOf(150).table, VIEW, FIT).bins).toBe(false);
    const many = layOut(worldOf(1000).table, VIEW, FIT);
    expect(many.bins).toBe(true);
    expect(many.n).toBe(0);
    expect(many.binMembers.reduce((sum, n) => sum + n, 0)).toBe(1000);
  });

  it("counts no keys of members that are gone", () => {
    const { table } = worldOf(1000);
    table.keys[5] = 1e6;
    const before = layOut(table, VIEW, FIT);
    expect(before.maxKeys).toBe(1e6);
    expect(before.binMaxKeys).toBeGreaterThanOrEqual(1e6);
    table.status[5] = Status.LEFT;
    const after = layOut(table, VIEW, FIT);
    expect(after.maxKeys).toBeLessThan(1e6);
    expect(after.binMaxKeys).toBeLessThan(1e6);
  });

  it("shows single members again on zoom, only those in sight", () => {
    const world = worldOf(1000);
    const near = layOut(world.table, VIEW, { scale: 20, x: 1, y: 0 });
    expect(near.bins).toBe(false);
    expect(near.n).toBeGreaterThan(10);
    expect(near.n).toBeLessThan(120);
    for (let i = 0; i < near.n; i++) expect(Math.abs(world.table.turn[near.slot[i]] - 0.25)).toBeLessThan(0.06);
  });

  it("sees past the top, where turns begin anew", () => {
    const [from, length] = visibleArc(VIEW, circle(VIEW, { scale: 30, x: 0, y: -1 }));
    expect(from).toBeGreaterThan(0.9);
    expect((from + length) % 1).toBeLessThan(0.1);
    const world = worldOf(2000);
    const top = layOut(world.table, VIEW, { scale: 30, x: 0, y: -1 });
    const turns = Array.from(top.slot, (slot) => world.table.turn[slot]);
    expect(turns.some((t) => t > 0.9)).toBe(true);
    expect(turns.some((t) => t < 0.1)).toBe(true);
  });

  it("gives a bin the worst state in it", () => {
    const world = worldOf(1000);
    const slot = world.table.order()[500];
    world.table.status[slot] = Status.FAILED;
    const layout = layOut(world.table, VIEW, FIT);
    const bin = Math.floor(world.table.turn[slot] * layout.binTotal);
    expect(layout.binWorst[bin]).toBe(Worst.failed);
    expect(layout.binWorst.filter((worst) => worst === Worst.failed)).toHaveLength(1);
    world.table.error[world.table.order()[500]] = 3;
    expect(layOut(world.table, VIEW, FIT).binWorst[bin]).toBe(Worst.failed);
  });

  it("survives a view without room", () => {
    const layout = layOut(worldOf(32).table, { width: 0, height: 0, left: 0, right: 0, bottom: 0 }, FIT);
    expect(layout.r).toBeGreaterThan(0);
  });
});

describe("hit test", () => {
  it("finds the member under the pointer, and nothing beside the rim", () => {
    const world = worldOf(32);
    const layout = layOut(world.table, VIEW, FIT);
    for (let i = 0; i < layout.n; i++) {
      const hit = hitTest(layout, layout.x[i], layout.y[i]);
      expect(hit).toEqual({ kind: "member", slot: layout.slot[i] });
    }
    expect(hitTest(layout, layout.cx, layout.cy)).toBeNull();
    expect(hitTest(layout, 2, 2)).toBeNull();
  });

  it("reaches further for a finger than for a mouse", () => {
    const world = worldOf(1);
    const layout = layOut(world.table, VIEW, FIT);
    const [x, y] = pointAt(layout, world.table.turn[0], layout.r + 20);
    expect(hitTest(layout, x, y, false)).toBeNull();
    expect(hitTest(layout, x, y, true)).not.toBeNull();
  });

  it("finds bins, and their members", () => {
    const world = worldOf(3000);
    const layout = layOut(world.table, VIEW, FIT);
    const [x, y] = pointAt(layout, 0.37, layout.r + 20);
    const hit = hitTest(layout, x, y);
    expect(hit?.kind).toBe("bin");
    if (hit?.kind !== "bin") return;
    for (const slot of binSlots(world.table, layout, hit.bin))
      expect(Math.floor(world.table.turn[slot] * layout.binTotal)).toBe(hit.bin);
    let all = 0;
    for (let bin = 0; bin < layout.binTotal; bin++) all += binSlots(world.table, layout, bin).length;
    expect(all).toBe(3000);
  });
});

describe("camera", () => {
  it("zooms around the place on the rim that the pointer points at", () => {
    const before = circle(VIEW, FIT);
    const [x, y] = pointAt(before, 0.2, before.r);
    const zoomed = zoomAt(VIEW, FIT, x, y, 3, 100);
    const [x2, y2] = pointAt(circle(VIEW, zoomed), 0.2, circle(VIEW, zoomed).r);
    expect(x2).toBeCloseTo(x, 0);
    expect(y2).toBeCloseTo(y, 0);
  });

  it("never loses the rim from sight, wherever one zooms and drags", () => {
    let camera = FIT;
    for (let i = 0; i < 40; i++) camera = zoomAt(VIEW, camera, 990, 10, 1.3, 2500);
    for (let i = 0; i < 40; i++) camera = pan(VIEW, camera, -300, 900);
    const c = circle(VIEW, camera);
    const toRim = Math.abs(Math.hypot(VIEW.width / 2 - c.cx, VIEW.height / 2 - c.cy) - c.r);
    expect(toRim).toBeLessThan(VIEW.height / 2);
  });

  it("zooms by keys to the rim: of a member, of where one looks, or at the top", () => {
    let camera = FIT;
    for (let i = 0; i < 6; i++) camera = approach(camera, camera.scale * 1.6);
    expect(camera.x).toBeCloseTo(0);
    expect(camera.y).toBeCloseTo(-1);
    camera = approach({ scale: 1.2, x: 0.1, y: 0 }, 4);
    expect(camera).toEqual({ scale: 4, x: 1, y: 0 });
    camera = approach({ scale: 4, x: 0, y: 1.02 }, 6);
    expect(camera).toEqual({ scale: 6, x: 0, y: 1.02 });
    expect(approach(camera, 8, 0.25).x).toBeCloseTo(1);
  });

  it("comes home when zoomed all the way out", () => {
    const zoomed = zoomAt(VIEW, FIT, 700, 300, 6, 100);
    expect(zoomAt(VIEW, zoomed, 100, 100, 0.01, 100)).toEqual(FIT);
  });

  it("marks arcs in either direction, and across the top", () => {
    const right = newDrag(0.9);
    expect(extend(right, 0.98)).toEqual([0.9, expect.closeTo(0.98)]);
    expect(extend(right, 0.05)).toEqual([0.9, expect.closeTo(0.05)]);
    const left = newDrag(0.1);
    extend(left, 0.02);
    expect(extend(left, 0.95)).toEqual([expect.closeTo(0.95), 0.1]);
  });
});
