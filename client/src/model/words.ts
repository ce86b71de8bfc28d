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
  [RingState_Status.UNSPECIFIED]: "Unknown",
  [RingState_Status.FORMING]: "Forming",
  [RingState_Status.IDEAL]: "Ideal",
  [RingState_Status.REPAIRING]: "Repairing",
  [RingState_Status.VIOLATED]: "Violated",
};

/** Why a member is uncertain, in the API's words. */
export const whyWords: Record<string, string> = {
  late: "no event for longer than the staleness bound",
  events_missing: "some of its events are missing",
  list_missing: "its successor list has not been received",
  silent: "no telemetry for three keyframe periods",
  no_events: "other members name it; none of its events has been received",
  reported_dead: "reported dead; none of its events has been received",
  two_incarnations: "events of two of its incarnations keep arriving",
  two_processes: "its events come from two processes",
};

/** The conditions of the invariant, of who owns which keys, and of their replicas, as people would put them. */
export const conditionWords: Record<string, string> = {
  LiveSuccessor: "A member has no live successor",
  EnoughPrincipals: "Too many members are skipped by others' lists",
  OneOrderedRing: "The members do not form one ring",
  ConnectedAppendages: "Members have lost the way to the ring",
  OrderedSuccessorLists: "A successor list is out of order",
  NoDuplicates: "A successor list names a member twice",
  OwnershipGap: "Keys without an owner",
  OwnershipOverlap: "Keys with more than one owner",
  UnderReplicated: "Keys on fewer hosts than they should be",
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
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000); // rounded before it is split, so that no minute has 60 seconds
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** progress writes the seconds that have passed of a whole; 0: it has no end. It is never more than the whole: a verdict
 * takes a moment longer. */
export function progress(elapsedS: number, wholeS: number): string {
  return wholeS > 0
    ? `${duration(Math.min(elapsedS, wholeS) * 1000)} of ${duration(wholeS * 1000)}`
    : duration(elapsedS * 1000);
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
