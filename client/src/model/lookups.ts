import { create } from "@bufbuild/protobuf";
import { HopSchema, type Lookup, Lookup_Outcome, LookupSchema } from "../wire/hub_pb";
import { bytesOf, clockwise, hexOf, turnOf } from "./id";
import { duration } from "./words";

/** hopCount returns the path length as the paper counts it: the members between the initiator and the owner. */
export function hopCount(lookup: Lookup): number {
  return Math.max(0, lookup.hops.length - 2);
}

/** expectedHops returns the paper's mean path length: half the binary logarithm of the ring's size. */
export function expectedHops(members: number): number {
  return members > 1 ? Math.log2(members) / 2 : 0;
}

/**
 * hopDistribution returns the expected share of lookups for each path length below length, if each bit of the distance
 * costs a hop with probability one half.
 */
export function hopDistribution(members: number, length: number): number[] {
  const bits = Math.max(0, Math.log2(Math.max(1, members)));
  const whole = Math.floor(bits);
  const rest = bits - whole;
  const binomial = (n: number) => {
    const row = [1];
    for (let i = 0; i < n; i++) {
      row.push(0);
      for (let k = row.length - 1; k >= 0; k--) row[k] = (row[k] + (row[k - 1] ?? 0)) / 2;
    }
    return row;
  };
  const [low, high] = [binomial(whole), binomial(whole + 1)];
  return Array.from({ length }, (_, k) => (1 - rest) * (low[k] ?? 0) + rest * (high[k] ?? 0));
}

/**
 * expectedShares returns the expected load of n members with random identifiers, least first, each as a multiple of the
 * mean.
 */
export function expectedShares(n: number): Float64Array {
  const shares = new Float64Array(n);
  let sum = 0;
  for (let i = 0; i < n; i++) {
    sum += 1 / (n - i);
    shares[i] = sum;
  }
  return shares;
}

/** distancesLeft returns the distance from each hop's member to the key, in turns; 0 at the owner. */
export function distancesLeft(lookup: Lookup, bits: number): number[] {
  const goal = turnOf(lookup.key, bits);
  return lookup.hops.map((hop, i) =>
    i === lookup.hops.length - 1 && lookup.hops.length > 1 ? 0 : clockwise(turnOf(hop.id, bits), goal),
  );
}

const serials = new WeakMap<Lookup, number>();
let lastSerial = 0;

/** serialOf returns a number that identifies a lookup: a trace identifier does not, as one trace may have several. */
export function serialOf(lookup: Lookup): number {
  let serial = serials.get(lookup);
  if (serial === undefined) {
    serial = ++lastSerial;
    serials.set(lookup, serial);
  }
  return serial;
}

/**
 * sameLookup compares lookups by trace, operation and key, since the page may receive a lookup twice: as the API's
 * answer and by telemetry.
 */
export function sameLookup(a: Lookup, b: Lookup | null): boolean {
  if (a === b) return true;
  return (
    b !== null &&
    a.traceId !== "" &&
    a.traceId === b.traceId &&
    a.operation === b.operation &&
    hexOf(a.key) === hexOf(b.key)
  );
}

export const outcomeWord: Record<number, string> = {
  [Lookup_Outcome.UNSPECIFIED]: "unknown",
  [Lookup_Outcome.SUCCESS]: "found",
  [Lookup_Outcome.TIMEOUTS]: "found after timeouts",
  [Lookup_Outcome.FAILED]: "failed",
};

/** pointerWord names the pointer by which the previous member reached this one. */
export function pointerWord(pointer: string, slot: number): string {
  switch (pointer) {
    case "self":
      return "start";
    case "finger":
      return `finger ${slot}`;
    case "successor":
      return slot > 0 ? `successor ${slot + 1}` : "successor";
    default:
      return pointer || "unknown pointer";
  }
}

/** pointerMeaning explains a pointer to a reader who does not know Chord. */
export function pointerMeaning(pointer: string, slot: number, bits: number): string {
  switch (pointer) {
    case "finger":
      return `${fraction(bits - slot)} of the circle ahead`;
    case "successor":
      return slot > 0 ? `the ${ordinal(slot + 1)} member ahead` : "the next member ahead";
    default:
      return "";
  }
}

/** clockWord states by how much at least the clock of a hop's host is off; empty if there is no evidence of that. */
export function clockWord(clockUs: bigint): string {
  if (clockUs === 0n) return "";
  const ms = Number(clockUs) / 1000;
  return `its host's clock is at least ${duration(Math.abs(ms))} ${ms > 0 ? "ahead of" : "behind"} the initiator's`;
}

/** fraction formats 2^-n. */
function fraction(n: number): string {
  return n === 1 ? "½" : n === 2 ? "¼" : n === 3 ? "⅛" : n <= 10 ? `1/${2 ** n}` : `1/2^${n}`;
}

function ordinal(n: number): string {
  const end = n % 100 > 10 && n % 100 < 14 ? "th" : (["th", "st", "nd", "rd"][n % 10] ?? "th");
  return `${n}${end}`;
}

/** Found is the answer of POST /api/lookups. */
export interface Found {
  trace_id: string;
  key: string;
  owner: string;
  mode: string;
  duration_ms: number;
  timeouts?: number;
  hops: {
    id: string;
    pointer: string;
    slot: number;
    at_ms: number;
    timeouts: number;
    clock_ahead_at_least_ms?: number;
  }[];
}

/** lookupOf converts the API's answer to the message that the hub sends for traced lookups. */
export function lookupOf(found: Found, now: number): Lookup {
  const timeouts = (found.timeouts ?? 0) > 0 || found.hops.some((hop) => hop.timeouts > 0);
  return create(LookupSchema, {
    traceId: found.trace_id,
    startUs: BigInt(Math.round((now - found.duration_ms) * 1000)),
    durationUs: BigInt(Math.round(found.duration_ms * 1000)),
    operation: "lookup",
    mode: found.mode,
    key: bytesOf(found.key) ?? new Uint8Array(20),
    hops: found.hops.map((hop) =>
      create(HopSchema, {
        id: bytesOf(hop.id) ?? new Uint8Array(20),
        pointer: hop.pointer,
        slot: hop.slot,
        atUs: BigInt(Math.round(hop.at_ms * 1000)),
        timeouts: hop.timeouts,
        clockUs: BigInt(Math.round((hop.clock_ahead_at_least_ms ?? 0) * 1000)),
      }),
    ),
    outcome: timeouts ? Lookup_Outcome.TIMEOUTS : Lookup_Outcome.SUCCESS,
  });
}
