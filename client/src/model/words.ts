import { RingState_Status } from "../wire/hub_pb";
import { Status } from "./members";

/** The page's words for statuses and numbers. Canvas, table and panels share them. */

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
  [Status.JOINING]: "has started and is looking for its place in the ring",
  [Status.ACTIVE]: "a member of the ring",
  [Status.LEAVING]: "handing off its keys before it leaves",
  [Status.LEFT]: "left gracefully",
  [Status.FAILED]: "reported dead by another member",
  [Status.SILENT]: "no telemetry for three keyframe periods, and not reported dead",
};

export const ringWord: Record<number, string> = {
  [RingState_Status.UNSPECIFIED]: "Unknown",
  [RingState_Status.FORMING]: "Forming",
  [RingState_Status.IDEAL]: "Ideal",
  [RingState_Status.REPAIRING]: "Repairing",
  [RingState_Status.VIOLATED]: "Violated",
};

/** Texts for the reasons that make a member uncertain, by the API's values. */
export const whyWords: Record<string, string> = {
  late: "no event for longer than the staleness bound",
  events_missing: "some of its events have not been received",
  list_missing: "its successor list has not been received",
  silent: "no telemetry for three keyframe periods",
  no_events: "referenced by other members; none of its events has been received",
  reported_dead: "reported dead; none of its events has been received",
  two_incarnations: "events of two of its incarnations keep being received",
  two_processes: "its events come from two processes",
};

/** The conditions of the invariant, of ownership and of replication, as sentences. */
export const conditionWords: Record<string, string> = {
  LiveSuccessor: "A member has no live successor",
  EnoughPrincipals: "Too few principal members",
  OneOrderedRing: "The members do not form one ring",
  ConnectedAppendages: "Members outside the ring do not lead into it",
  OrderedSuccessorLists: "A successor list is out of order",
  NoDuplicates: "A successor list contains a member twice",
  OwnershipGap: "Keys without an owner",
  OwnershipOverlap: "Keys with more than one owner",
  UnderReplicated: "Under-replicated keys",
};

const number = new Intl.NumberFormat("en");

export const count = (n: number | bigint): string => number.format(n);

export const plural = (n: number | bigint, one: string, many = `${one}s`): string =>
  `${count(n)} ${Number(n) === 1 ? one : many}`;

/** size formats bytes with a binary unit. */
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

/** duration formats milliseconds in the unit that suits their magnitude. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return "–";
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000); // rounded before the split into units, so that no minute has 60 seconds
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/**
 * progress formats the elapsed seconds of an experiment and its duration; duration 0: it has no end. The elapsed time
 * shown never exceeds the duration, although the verdict takes a moment longer.
 */
export function progress(elapsedS: number, wholeS: number): string {
  return wholeS > 0
    ? `${duration(Math.min(elapsedS, wholeS) * 1000)} of ${duration(wholeS * 1000)}`
    : duration(elapsedS * 1000);
}

/** rate formats a number per second. */
export function rate(n: number): string {
  return n < 10 ? `${n.toFixed(1)}/s` : `${count(Math.round(n))}/s`;
}

/** percent formats a share. A share close to 0 or 1 is not rounded to it: 99.97 % becomes > 99.9 %, not 100 %. */
export function percent(share: number): string {
  const value = share * 100;
  if (value === 100 || value === 0) return `${value} %`;
  if (value > 99.9) return "> 99.9 %";
  if (value < 0.1) return "< 0.1 %";
  return `${value >= 10 ? value.toFixed(0) : value.toFixed(1)} %`;
}

/** clock formats the local time of day of an instant in Unix milliseconds. */
export function clock(ms: number, withMillis = false): string {
  const at = new Date(ms);
  const two = (n: number) => String(n).padStart(2, "0");
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return withMillis ? `${time}.${String(at.getMilliseconds()).padStart(3, "0")}` : time;
}

/** degrees formats a position on the circle, with enough digits to distinguish the given number of members. */
export const degrees = (turn: number, members = 1): string => `${(turn * 360).toFixed(members > 500 ? 2 : 1)}°`;
