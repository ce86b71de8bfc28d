import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { FakeHub } from "../../dev/messages";
import { FakeRing } from "../../dev/ring";
import { type Simulation, SimulationSchema } from "../wire/hub_pb";
import { pastWorld, simulationAt } from "./past";
import { World } from "./world";

describe("past", () => {
  const run = () => {
    const ring = new FakeRing(12, 1);
    const hub = new FakeHub(ring);
    const world = new World();
    world.applySnapshot(hub.snapshot());
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
