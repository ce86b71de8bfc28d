import "uplot/dist/uPlot.min.css";
import { useMemo } from "react";
import { expectedShares, hopCount, hopDistribution } from "../model/lookups";
import { present } from "../model/members";
import { liveMembers } from "../model/verdict";
import { count, plural } from "../model/words";
import type { World } from "../model/world";
import { useRing, useShown } from "../shared/ring";
import { Chart, type Series } from "./Chart";

/**
 * ChartsTab shows the last hour, one sample per second, and keys per member and path lengths beside their expected
 * values.
 */
export default function ChartsTab() {
  const world = useShown();
  const last = world.samples.at(-1)?.timeMs ?? 0n;
  // biome-ignore lint/correctness/useExhaustiveDependencies: samples grow in place; the last one marks a change
  const time = useMemo(() => timelines(world), [world, last]);
  const { grafanaUrl } = useRing((s) => s.settings);
  if (world.samples.length < 2) return <p className="blank">Charts need two seconds of samples.</p>;
  return (
    <div className="tab charts scroll" tabIndex={0}>
      <Chart title="Members" unit="" x={time.x} series={[line("members", time.members, "ink")]} />
      <Chart title="Ring error" unit="" x={time.x} series={[line("error", time.error, "busy", true)]} />
      <Chart title="Lookups per second" unit="/s" x={time.x} series={[line("lookups", time.lookups, "accent")]} />
      <Chart
        title="Lookup time in ms"
        unit="ms"
        x={time.x}
        series={[line("median", time.p50, "accent"), line("99th percentile", time.p99, "busy")]}
      />
      <Chart
        title="Puts and gets per second"
        unit="/s"
        x={time.x}
        series={[line("gets", time.gets, "accent"), line("puts", time.puts, "info")]}
      />
      <Chart
        title="Telemetry per second"
        unit="/s"
        x={time.x}
        series={[line("events", time.events, "ink"), line("spans", time.spans, "ink-3")]}
      />
      <Hops world={world} />
      <Balance world={world} last={last} />
      {grafanaUrl && (
        <p className="hint">
          More charts, over longer times, in{" "}
          <a href={grafanaUrl} target="_blank" rel="noreferrer">
            Grafana
          </a>
          .
        </p>
      )}
    </div>
  );
}

const line = (name: string, values: number[] | Float64Array, tone: string, fill = false): Series => ({
  name,
  values,
  tone,
  fill,
});

function timelines({ samples }: World) {
  return {
    x: samples.map((s) => Number(s.timeMs) / 1000),
    members: samples.map((s) => s.members),
    error: samples.map((s) => Number(s.error)),
    lookups: samples.map((s) => s.lookups),
    p50: samples.map((s) => s.p50Ms),
    p99: samples.map((s) => s.p99Ms),
    gets: samples.map((s) => s.gets),
    puts: samples.map((s) => s.puts),
    events: samples.map((s) => s.events),
    spans: samples.map((s) => s.spans),
  };
}

/** Hops shows the distribution of path lengths beside the distribution expected for random identifiers. */
function Hops({ world }: { world: World }) {
  const members = liveMembers(world.ring);
  const latest = world.lookups.at(-1);
  // biome-ignore lint/correctness/useExhaustiveDependencies: lookups grow in place; the last one marks a change
  const { x, seen, theory } = useMemo(() => {
    const longest = Math.max(6, Math.ceil(Math.log2(Math.max(2, members))) + 1, ...world.lookups.map(hopCount));
    const seen = new Array<number>(longest + 1).fill(0);
    for (const lookup of world.lookups) seen[hopCount(lookup)]++;
    const total = Math.max(1, world.lookups.length);
    return {
      x: seen.map((_, k) => k),
      seen: seen.map((n) => (100 * n) / total),
      theory: hopDistribution(members, longest + 1).map((share) => 100 * share),
    };
  }, [world, latest, members]);
  return (
    <Chart
      title={`Hops of the last ${plural(world.lookups.length, "traced lookup")}`}
      unit="%"
      x={x}
      plainX
      series={[
        { name: "measured", values: seen, tone: "accent", bars: true },
        { name: "theory", values: theory, tone: "ink-3", dashed: true },
      ]}
    />
  );
}

/** Balance shows keys per member, least first, beside the shares expected for random identifiers. */
function Balance({ world, last }: { world: World; last: bigint }) {
  // biome-ignore lint/correctness/useExhaustiveDependencies: one computation per sample, each second, is enough
  const { x, keys, theory, most } = useMemo(() => {
    const { table } = world;
    const all: number[] = [];
    for (let slot = 0; slot < table.count; slot++) if (present(table.status[slot])) all.push(table.keys[slot]);
    all.sort((a, b) => a - b);
    const mean = all.reduce((sum, n) => sum + n, 0) / Math.max(1, all.length);
    const shares = expectedShares(all.length);
    // A chart of this width shows a few hundred points; of more members, only every n-th is drawn.
    const step = Math.max(1, Math.ceil(all.length / 300));
    const picked = all.map((_, i) => i).filter((i) => i % step === 0 || i === all.length - 1);
    return {
      x: picked.map((i) => i + 1),
      keys: picked.map((i) => all[i]),
      theory: picked.map((i) => shares[i] * mean),
      most: mean > 0 ? (all.at(-1) ?? 0) / mean : 0,
    };
  }, [world, last]);
  return (
    <Chart
      title={`Keys per member, least first: the most is ${count(Math.round(most * 10) / 10)} times the mean`}
      unit=""
      x={x}
      plainX
      series={[
        { name: "keys", values: keys, tone: "accent", fill: true },
        { name: "theory", values: theory, tone: "ink-3", dashed: true },
      ]}
    />
  );
}
