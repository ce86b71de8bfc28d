import { create } from "@bufbuild/protobuf";
import { type Simulation, SimulationSchema, type Snapshot } from "../gen/hub_pb";
import { World } from "./world";

/**
 * pastWorld builds the picture of an instant. The conductor's answer carries all of it, in the form of a snapshot; only
 * the experiment's course is worked out here, from what the page knows of the one under way or just ended.
 */
export function pastWorld(snapshot: Snapshot, live: World): World {
  const world = new World();
  world.applySnapshot(snapshot);
  world.simulationStart = live.simulationStart;
  world.simulation = simulationAt(live, Number(world.ring.timeMs));
  return world;
}

/** simulationAt is the experiment as it stood at an instant: what ran by its plan, but no figures, which nobody kept. */
export function simulationAt(live: World, at: number): Simulation | undefined {
  const { simulation: s, simulationStart: start } = live;
  if (!s || start === 0 || at < start) return undefined;
  const elapsedS = (at - start) / 1000;
  if (!s.running && elapsedS >= s.elapsedS) return s;
  const phase = s.phases.findLast((p) => p.atS <= elapsedS && elapsedS <= p.atS + Math.max(1, p.forS));
  return create(SimulationSchema, {
    running: true,
    scenario: s.scenario,
    phase: phase?.name ?? "",
    elapsedS,
    durationS: s.durationS,
    phases: s.phases,
    workloadRate: -1,
  });
}
