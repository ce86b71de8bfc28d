import { RingState_Status } from "../gen/hub_pb";
import { Status } from "./members";

/** The page's words for statuses and numbers, in one place so that canvas, table and panels agree. */

export const statusWord: Record<number, string> = {
  [Status.UNSPECIFIED]: "unknown",
  [Status.JOINING]: "joining",
  [Status.ACTIVE]: "active",
  [Status.LEAVING]: "leaving",
  [Status.LEFT]: "left",
  [Status.FAILED]: "failed",
  [Status.SILENT]: "silent",
};

export const statusMeaning: Record<number, string> = {
  [Status.JOINING]: "has started and is finding its place",
  [Status.ACTIVE]: "a member of the ring",
  [Status.LEAVING]: "handing over its keys before it goes",
  [Status.LEFT]: "gone by its own word",
  [Status.FAILED]: "a neighbour found it dead",
  [Status.SILENT]: "no telemetry for three keyframe periods, and nobody reports it dead",
};

export const ringWord: Record<number, string> = {
  [RingState_Status.UNSPECIFIED]: "Empty",
  [RingState_Status.FORMING]: "Forming",
  [RingState_Status.IDEAL]: "Ideal",
  [RingState_Status.REPAIRING]: "Repairing",
  [RingState_Status.VIOLATED]: "Violated",
  [RingState_Status.UNCERTAIN]: "Uncertain",
};

const number = new Intl.NumberFormat("en");

export const count = (n: number | bigint): string => number.format(n);

export const plural = (n: number | bigint, one: string, many = `${one}s`): string =>
  `${count(n)} ${Number(n) === 1 ? one : many}`;

/** size writes bytes with a binary unit. */
export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** duration writes milliseconds in the unit people would choose. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return "–";
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 60_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
  return `${Math.floor(ms / 3_600_000)} h ${Math.round((ms % 3_600_000) / 60_000)} min`;
}

/** rate writes a number per second. */
export function rate(n: number): string {
  return n < 10 ? `${n.toFixed(1)}/s` : `${count(Math.round(n))}/s`;
}

/** percent of a share, without claiming certainty it lacks: 99.97 % is not 100 %. */
export function percent(share: number): string {
  const value = share * 100;
  if (value === 100 || value === 0) return `${value} %`;
  if (value > 99.9) return "> 99.9 %";
  if (value < 0.1) return "< 0.1 %";
  return `${value >= 10 ? value.toFixed(0) : value.toFixed(1)} %`;
}

/** clock writes an instant's time of day. */
export function clock(ms: number, withMillis = false): string {
  const at = new Date(ms);
  const two = (n: number) => String(n).padStart(2, "0");
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return withMillis ? `${time}.${String(at.getMilliseconds()).padStart(3, "0")}` : time;
}

/** degrees writes a position on the circle, finely enough to tell so many members apart. */
export const degrees = (turn: number, members = 1): string => `${(turn * 360).toFixed(members > 500 ? 2 : 1)}°`;
