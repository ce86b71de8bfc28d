import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FakeHub } from "../../dev/messages";
import { FakeRing } from "../../dev/ring";
import { FIT } from "../../src/model/camera";
import { World } from "../../src/model/world";
import { Canvas2D, layersOf } from "../../src/ring/canvas2d";
import { layOut } from "../../src/ring/layout";
import { Kind, Movers, Tone } from "../../src/ring/movers";
import { readPalette } from "../../src/ring/theme";
import { PatchSchema, ServerMessageSchema, SnapshotSchema } from "../../src/wire/hub_pb";
import "../../src/shared/tokens.css";

/**
 * Measures each part of the page separately, in the browser in which it will run: p50 and p95 in
 * milliseconds.
 */

const MEMBERS = 10_000;
const VIEW = { width: 1000, height: 800, left: 0, right: 0, bottom: 0 };

export interface Result {
  name: string;
  p50: number;
  p95: number;
  note?: string;
}

function measure(name: string, rounds: number, work: (round: number) => void, note?: string): Result {
  for (let i = 0; i < Math.min(5, rounds / 4); i++) work(-1 - i);
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const start = performance.now();
    work(i);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))];
  return { name, p50: at(0.5), p95: at(0.95), note };
}

function run(): Result[] {
  const ring = new FakeRing(MEMBERS);
  ring.churn = 10;
  ring.lookupRate = 400;
  const hub = new FakeHub(ring);
  const wrap = (message: unknown) => toBinary(ServerMessageSchema, create(ServerMessageSchema, { message } as never));
  const snapshot = wrap({ case: "snapshot", value: hub.snapshot() });
  const patches: Uint8Array[] = [];
  for (let i = 0; i < 320; i++) {
    ring.step(66);
    patches.push(wrap({ case: "patch", value: hub.patch() }));
  }
  const decode = (bytes: Uint8Array) => fromBinary(ServerMessageSchema, bytes).message;
  const results: Result[] = [];
  const world = new World();
  results.push(
    measure(
      "snapshot: decode and apply",
      20,
      () => world.applySnapshot((decode(snapshot).value ?? create(SnapshotSchema)) as never),
      `${(snapshot.length / 1e6).toFixed(2)} MB`,
    ),
  );
  let next = 0;
  results.push(
    measure("patch: decode and apply", 300, () => {
      world.applyPatch((decode(patches[next++]).value ?? create(PatchSchema)) as never);
    }),
  );
  const canvases = [...document.querySelectorAll("canvas")];
  const renderer = new Canvas2D(layersOf(canvases));
  renderer.resize(VIEW, 1);
  renderer.setPalette(readPalette(document.documentElement));
  let layout = layOut(world.table, VIEW, FIT);
  results.push(
    measure("order of members, after one came", 50, () => {
      world.table.shape++;
      world.table.order();
    }),
  );
  results.push(
    measure("layout, whole ring", 200, () => {
      layout = layOut(world.table, VIEW, FIT);
    }),
  );
  results.push(measure("ring layer, whole ring", 100, () => renderer.ring(world.table, layout)));
  const near = layOut(world.table, VIEW, { scale: 60, x: 1, y: 0 });
  results.push(measure("ring layer, zoomed in", 100, () => renderer.ring(world.table, near)));
  const movers = new Movers();
  for (let i = 0; i < 200; i++)
    movers.add({ kind: Kind.hop, tone: Tone.calm, from: (i * 0.618) % 1, to: (i * 0.377) % 1, start: 0, length: 1000 });
  results.push(
    measure("motion layer, 200 hops", 300, (round) =>
      renderer.motion(layout, movers, (Math.abs(round) * 3) % 660, false),
    ),
  );
  return results;
}

declare global {
  interface Window {
    benchmark?: Result[];
  }
}

window.benchmark = run();
const out = document.getElementById("result");
if (out)
  out.textContent = window.benchmark
    .map((r) => `${r.name.padEnd(36)} p50 ${r.p50.toFixed(2)}  p95 ${r.p95.toFixed(2)}  ${r.note ?? ""}`)
    .join("\n");
