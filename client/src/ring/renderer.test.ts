import { beforeEach, describe, expect, it } from "vitest";
import { FakeHub } from "../../dev/messages";
import { FakeRing } from "../../dev/ring";
import { FIT } from "../model/camera";
import { Status } from "../model/members";
import { World } from "../model/world";
import { Canvas2D } from "./canvas2d";
import { layOut } from "./layout";
import { Kind, Movers, Tone } from "./movers";
import { NAMES, recordingLayers } from "./recording";
import type { Selection } from "./renderer";

const VIEW = { width: 1000, height: 800, left: 0, right: 0, bottom: 0 };

const NOTHING: Selection = {
  selected: -1,
  hovered: -1,
  hoveredBin: -1,
  predecessor: -1,
  successors: new Uint32Array(0),
  fingers: new Uint32Array(0),
  hoveredFinger: -1,
  path: new Float64Array(0),
  pathKey: -1,
  violated: new Uint32Array(0),
  arcFrom: -1,
  arcTo: -1,
};

function worldOf(members: number): World {
  const world = new World();
  world.applySnapshot(new FakeHub(new FakeRing(members)).snapshot());
  return world;
}

describe("Canvas2D", () => {
  let rig: ReturnType<typeof recordingLayers>;
  let renderer: Canvas2D;
  beforeEach(() => {
    rig = recordingLayers();
    renderer = new Canvas2D(rig.layers);
    renderer.setPalette(NAMES);
    renderer.resize(VIEW, 1);
  });

  it("draws each member at its place, with its keys and its range", () => {
    const { table } = worldOf(32);
    const layout = layOut(table, VIEW, FIT);
    renderer.ring(table, layout);
    const discs = rig.ring.of("arc");
    for (let i = 0; i < layout.n; i++) {
      const at = discs.some((c) => c.args[0] === layout.x[i] && c.args[1] === layout.y[i]);
      expect(at, `member ${i}`).toBe(true);
    }
    expect(rig.ring.of("stroke").filter((c) => c.stroke === "band" || c.stroke === "bandAlt")).toHaveLength(2);
    expect(rig.ring.of("stroke").filter((c) => c.stroke === "bar")).toHaveLength(1);
    expect(rig.selection.calls).toHaveLength(0);
    expect(rig.motion.calls).toHaveLength(0);
  });

  it("gives each status a shape of its own", () => {
    const shapes = new Map<string, string>();
    for (const status of [Status.ACTIVE, Status.JOINING, Status.LEAVING, Status.LEFT, Status.FAILED, Status.SILENT]) {
      const { table } = worldOf(1);
      table.status[0] = status;
      table.rangeFrom[0] = -1;
      table.keys[0] = 0;
      rig.ring.clear();
      renderer.ring(table, layOut(table, VIEW, FIT));
      // The shape only: the calls without the colours.
      const from = rig.ring.calls.findIndex((c) => c.name === "fillText") + 1;
      const shape = JSON.stringify(rig.ring.calls.slice(from).map((c) => [c.name, c.args, c.dash]));
      shapes.set(Status[status], shape);
    }
    expect(new Set(shapes.values()).size).toBe(6);
  });

  it("marks uncertain and repairing members beside their status", () => {
    const { table } = worldOf(12);
    const layout = layOut(table, VIEW, FIT);
    renderer.ring(table, layout);
    const plain = rig.ring.calls.length;
    table.uncertain[3] = 1;
    table.error[4] = 2;
    rig.ring.clear();
    renderer.ring(table, layout);
    expect(rig.ring.calls.length).toBeGreaterThan(plain);
    expect(rig.ring.of("arc").some((c) => c.dash.length > 0)).toBe(true);
    expect(rig.ring.of("stroke").some((c) => c.stroke === "busy")).toBe(true);
  });

  it("shows where a wrong successor pointer leads", () => {
    const { table } = worldOf(12);
    const order = table.order();
    table.error[order[2]] = 1;
    table.successor[order[2]] = table.handle[order[7]];
    renderer.ring(table, layOut(table, VIEW, FIT));
    expect(rig.ring.of("quadraticCurveTo")).toHaveLength(1);
  });

  it("draws ten thousand members in some thousand calls, not in tens of thousands", () => {
    const { table } = worldOf(10_000);
    renderer.ring(table, layOut(table, VIEW, FIT));
    expect(rig.ring.calls.length).toBeLessThan(4000);
  });

  it("marks a bin's worst state with a shape, not with colour alone", () => {
    const { table } = worldOf(2000);
    const layout = layOut(table, VIEW, FIT);
    renderer.ring(table, layout);
    const before = rig.ring.of("stroke").filter((c) => c.stroke === "bad").length;
    table.status[table.order()[77]] = Status.FAILED;
    rig.ring.clear();
    renderer.ring(table, layOut(table, VIEW, FIT));
    expect(rig.ring.of("stroke").filter((c) => c.stroke === "bad").length).toBe(before + 1);
  });

  it("draws a selected member's range, pointers and fingers, on the selection layer only", () => {
    const { table } = worldOf(32);
    const layout = layOut(table, VIEW, FIT);
    const order = table.order();
    renderer.selection(table, layout, {
      ...NOTHING,
      selected: order[0],
      predecessor: order[31],
      successors: order.slice(1, 5),
      fingers: Uint32Array.from([order[8], order[16]]),
    });
    expect(rig.selection.of("quadraticCurveTo")).toHaveLength(2);
    expect(rig.ring.calls).toHaveLength(0);
  });

  it("draws what moves, clears once when nothing does, and then rests", () => {
    const { table } = worldOf(32);
    const layout = layOut(table, VIEW, FIT);
    const movers = new Movers();
    movers.add({ kind: Kind.hop, tone: Tone.calm, from: 0.1, to: 0.6, start: 0, length: 500 });
    movers.add({ kind: Kind.keys, tone: Tone.calm, from: 0.1, to: 0.15, start: 0, length: 500, label: "12 keys" });
    renderer.motion(layout, movers, 100, false);
    expect(rig.motion.of("quadraticCurveTo")).toHaveLength(2);
    expect(rig.motion.of("fillText")[0].args[0]).toBe("12 keys");
    movers.expire(600);
    rig.motion.clear();
    renderer.motion(layout, movers, 600, false);
    expect(rig.motion.of("clearRect")).toHaveLength(1);
    rig.motion.clear();
    renderer.motion(layout, movers, 616, false);
    expect(rig.motion.calls).toHaveLength(0);
  });

  it("draws the same picture at every instant for readers who prefer reduced motion", () => {
    const layout = layOut(worldOf(32).table, VIEW, FIT);
    const movers = new Movers();
    movers.add({ kind: Kind.hop, tone: Tone.calm, from: 0.1, to: 0.6, start: 0, length: 500 });
    movers.add({ kind: Kind.pulse, tone: Tone.good, from: 0.3, to: 0.3, start: 0, length: 500 });
    // The first calls clear the canvas and use no style, so the comparison begins at the first line.
    const drawn = () => rig.motion.calls.slice(rig.motion.calls.findIndex((c) => c.name === "beginPath"));
    renderer.motion(layout, movers, 50, true);
    const first = drawn();
    rig.motion.clear();
    renderer.motion(layout, movers, 400, true);
    expect(first.length).toBeGreaterThan(5);
    expect(drawn()).toEqual(first);
  });

  it("draws nothing before it has colours", () => {
    const bare = new Canvas2D(rig.layers);
    const { table } = worldOf(4);
    bare.ring(table, layOut(table, VIEW, FIT));
    expect(rig.ring.of("stroke")).toHaveLength(0);
  });
});
