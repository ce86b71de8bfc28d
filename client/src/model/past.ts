import { create } from "@bufbuild/protobuf";
import { type Simulation, SimulationSchema, type Snapshot } from "../wire/hub_pb";
import { World } from "./world";

/**
 * pastWorld builds the view of an instant from a snapshot of it. The snapshot lacks the experiment's progress, which is
 * computed from the running or last experiment.
 */
export function pastWorld(snapshot: Snapshot, live: World): World {
  const world = new World();
  world.applySnapshot(snapshot);
  world.simulationStart = live.simulationStart;
  world.simulation = simulationAt(live, Number(world.ring.timeMs));
  return world;
}

/** simulationAt returns the experiment's state at an instant, from its plan, without figures: they are not recorded. */
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
