import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { clock } from "../model/words";
import { useThemeSerial } from "../shared/useTheme";

export interface Series {
  name: string;
  values: ArrayLike<number>;
  tone: string; // a colour token
  fill?: boolean;
  dashed?: boolean;
  bars?: boolean;
}

interface Props {
  title: string;
  unit: string;
  x: ArrayLike<number>;
  series: Series[];
  plainX?: boolean; // x is a plain number; otherwise x is a time, in seconds since 1970
}

const HEIGHT = 104;

/**
 * Chart shows one uPlot, which is created anew only if the series' names or the theme change. All time charts share one
 * cursor.
 */
export function Chart({ title, unit, x, series, plainX }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const theme = useThemeSerial();
  const names = series.map((s) => s.name).join();
  const data = [Array.from(x), ...series.map((s) => Array.from(s.values))] as uPlot.AlignedData;
  const latest = useRef(data);
  latest.current = data;

  // biome-ignore lint/correctness/useExhaustiveDependencies: setData below passes later data
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const made = new uPlot(options(element, series, unit, plainX ?? false), latest.current, element);
    plot.current = made;
    const sizes = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    sizes.observe(element);
    return () => {
      sizes.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [theme, names, unit, plainX]);

  useEffect(() => plot.current?.setData(data));

  const now = series.map((s) => `${s.name} ${label(s.values[s.values.length - 1], unit)}`).join(", ");
  return (
    <figure className="chart" aria-label={plainX ? title : `${title}: now ${now}`}>
      <figcaption>
        <b>{title}</b>
        {series.map((s) => (
          <span
            key={s.name}
            className="key"
            data-dashed={s.dashed || undefined}
            style={{ "--tone": `var(--${s.tone})` }}
          >
            {series.length > 1 && s.name}{" "}
            {!plainX && <em className="num">{label(s.values[s.values.length - 1], unit)}</em>}
          </span>
        ))}
      </figcaption>
      <div ref={host} aria-hidden="true" />
    </figure>
  );
}

function label(value: number | undefined, unit: string): string {
  if (value === undefined || !Number.isFinite(value)) return "–";
  const digits = value >= 100 || Number.isInteger(value) ? 0 : 1;
  return `${value.toFixed(digits)}${unit && (unit.startsWith("/") ? unit : ` ${unit}`)}`;
}

function options(element: HTMLElement, series: Series[], unit: string, plainX: boolean): uPlot.Options {
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const axis = {
    stroke: color("ink-3"),
    font: "11px 'Inter Variable', system-ui, sans-serif",
    ticks: { show: false },
    grid: { stroke: color("line-2"), width: 1 },
  };
  return {
    width: element.clientWidth || 300,
    height: HEIGHT,
    padding: [6, 24, 0, 0], // half of the last tick's label is to the right of the tick
    legend: { show: false },
    cursor: {
      y: false,
      points: { size: 6 },
      sync: plainX ? undefined : { key: "time" },
      drag: { x: false, y: false },
    },
    scales: { x: { time: !plainX }, y: { range: (_u, _min, max) => [0, Math.max(1, max * 1.08)] } },
    axes: [
      {
        ...axis,
        size: 22,
        gap: 4,
        space: 70,
        values: plainX ? undefined : (_u, ticks) => ticks.map((t) => clock(t * 1000)),
      },
      { ...axis, size: 40, gap: 4, space: 26 },
    ],
    series: [
      {},
      ...series.map((s) => ({
        label: s.name,
        stroke: color(s.tone),
        width: s.bars ? 0 : 1.5,
        fill: s.bars || s.fill ? `color-mix(in srgb, ${color(s.tone)} ${s.bars ? 70 : 16}%, transparent)` : undefined,
        dash: s.dashed ? [4, 4] : undefined,
        points: { show: false },
        paths: s.bars ? uPlot.paths.bars?.({ size: [0.7, 40] }) : undefined,
        value: (_u: uPlot, v: number) => label(v, unit),
      })),
    ],
  };
}
