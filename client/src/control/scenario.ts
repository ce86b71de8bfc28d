import { isMap } from "yaml";
import {
  endOf,
  lineEnd,
  lineStart,
  listAt,
  type Node,
  pairEnd,
  pairOf,
  replaced,
  startOf,
  withLine,
  withValue,
} from "./yaml-text";

/** A Field of the form: a value of the scenario's text. */
export interface Field {
  section: string; // the key of the field's section; "": the field is at the top level
  key: string;
  name: string;
  hint: string; // shown while the text has no value for the field
  choices?: string[];
}

export interface Section {
  name: string;
  fields: Field[];
  open?: boolean; // whether the section is open at first; sections that are seldom changed are not
}

const field = (section: string, key: string, name: string, hint: string, choices?: string[]): Field => ({
  section,
  key,
  name,
  hint,
  choices,
});

/** The form's sections, in the order of a scenario's text. Phases are not among them: PhaseRow shows them. */
export const SECTIONS: Section[] = [
  {
    name: "Experiment",
    open: true,
    fields: [
      field("", "name", "Name", "unnamed"),
      field("", "seed", "Seed", "1"),
      field("", "duration", "Duration", "until stopped"),
    ],
  },
  {
    name: "Ring",
    open: true,
    fields: [
      field("ring", "members", "Members", "32"),
      field("ring", "successors", "Successors", "8"),
      field("ring", "replicas", "Replicas", "3"),
      field("ring", "bits", "Bits", "160"),
      field("ring", "virtual_nodes", "Members per host", "1"),
      field("ring", "transport", "Transport", "grpc", ["grpc", "memory"]),
      field("ring", "lookup", "Lookup mode", "recursive", ["recursive", "iterative"]),
    ],
  },
  {
    name: "Load",
    open: true,
    fields: [
      field("workload", "rate", "Operations", "0/s"),
      field("workload", "reads", "Share of reads", "0.8"),
      field("workload", "lookups", "Share of lookups", "0.1"),
      field("workload", "keys", "Keys", "1000"),
      field("workload", "distribution", "Key distribution", "uniform", ["uniform", "zipf", "hotspot", "sequential"]),
      field("workload", "value_bytes", "Bytes per value", "128"),
      field("workload", "data", "Values", "quotes", ["quotes", "synthetic"]),
      field("workload", "poisson", "Poisson arrivals", "false", ["false", "true"]),
    ],
  },
  {
    name: "Timing and network",
    fields: [
      field("timing", "stabilize", "Stabilize every", "500ms"),
      field("timing", "keyframe", "Keyframe every", "10s"),
      field("timing", "call_limit", "Call limit", "automatic"),
      field("network", "latency", "Latency", "0s"),
      field("network", "jitter", "Jitter", "0s"),
      field("network", "spread", "Latency distribution", "uniform", ["uniform", "exponential"]),
      field("network", "loss", "Loss", "0"),
    ],
  },
  {
    name: "Expected at most",
    fields: [
      field("expect", "lost_keys", "Lost keys", "any"),
      field("expect", "final_ring_error", "Ring error at the end", "any"),
      field("expect", "wrong_lookups", "Wrong lookups", "any"),
      field("expect", "stale_reads", "Stale reads", "any"),
      field("expect", "refused_writes_shown", "Refused writes that reads return", "any"),
      field("expect", "failed_lookups_per_10k", "Failed lookups per 10,000", "any"),
      field("expect", "p99_lookup", "99 % of lookups within", "any"),
      field("expect", "mean_hops", "Mean hops", "any"),
      field("expect", "repaired_within", "Repaired within", "any"),
      field("expect", "unmarked_wrong_fields", "Wrong fields not marked uncertain", "any"),
      field("expect", "max_violations", "Violations at the same time", "any"),
    ],
  },
];

/** path returns the name by which the conductor's list of problems refers to the field. */
export const path = (f: Field): string => (f.section ? `${f.section}.${f.key}` : f.key);

/** A Phase as the form shows it. A phase that is not written in braces can only be edited in the text. */
export interface Phase {
  at: string;
  what: string;
  for: string;
  editable: boolean;
}

/** The actions that a phase may have, with the values that the form gives a new phase. */
export const ACTIONS: { name: string; what: string; for?: string }[] = [
  { name: "churn", what: "churn: {join: 0.5/s, leave: 0.25/s, crash: 0.25/s}", for: "20s" },
  { name: "join", what: "join: 4" },
  { name: "leave", what: "leave: 2" },
  { name: "crash", what: "crash: 1" },
  { name: "adjacent crash", what: "crash: 2, adjacent: true" },
  { name: "partition", what: "partition: {fraction: 0.3}", for: "10s" },
  { name: "one-way partition", what: "one_way_cut: {from: 0.1, to: 0.1}", for: "10s" },
  { name: "slow link", what: "slow_link: {fraction: 0.1, latency: 200ms}", for: "10s" },
  { name: "pause", what: "pause: 1", for: "5s" },
  { name: "telemetry outage", what: "telemetry_outage: {fraction: 0.5}", for: "10s" },
  { name: "change of load", what: "workload: {rate: 200/s}", for: "10s" },
  { name: "heal", what: "heal: true" },
];

/** phasesOf parses the phases of a scenario; it returns undefined if they are written as a list in brackets. */
export function phasesOf(text: string): Phase[] | undefined {
  const list = listAt(text, "phases");
  if (list === "flow") return undefined;
  return (list?.items ?? []).map((item) => {
    const whole = text.slice(startOf(item), endOf(item));
    if (!isMap<Node, Node | null>(item) || !whole.endsWith("}"))
      return { at: "", what: whole.replace(/\s+/g, " ").trim(), for: "", editable: false };
    const [when, rest] = [["at", "for"].map((key) => pairOf(item, key)), item.items];
    const [at, long] = when.map((pair) => (pair?.value ? text.slice(startOf(pair.value), endOf(pair.value)) : ""));
    const what = rest.filter((pair) => !when.includes(pair)).map((p) => text.slice(startOf(p.key), pairEnd(p)));
    return { at, what: what.join(", "), for: long, editable: true };
  });
}

function written(p: { at: string; what: string; for?: string }): string {
  const parts = [p.at && `at: ${p.at}`, p.what, p.for && `for: ${p.for}`];
  return `{${parts.filter(Boolean).join(", ")}}`;
}

/** withPhase rewrites one phase, or removes it. */
export function withPhase(text: string, index: number, phase: Phase | null): string {
  const list = listAt(text, "phases");
  const item = list !== "flow" && list?.items[index];
  if (!item) return text;
  if (phase) return replaced(text, startOf(item), endOf(item), written(phase));
  if (list.items.length === 1) return withValue(text, "", "phases", ""); // the last phase: remove the section as well
  return replaced(text, lineStart(text, startOf(item)), lineEnd(text, endOf(item)), "");
}

/** addPhase appends a phase that starts ten seconds after the end of the last one. */
export function addPhase(text: string, action: { what: string; for?: string }): string {
  const list = listAt(text, "phases");
  if (list === "flow") return text;
  const last = phasesOf(text)?.at(-1);
  const phase = `- ${written({ ...action, at: last ? later(last) : "10s" })}`;
  const item = list?.items.at(-1);
  if (!item) return withLine(withValue(text, "", "phases", ""), `phases:\n  ${phase}`);
  const [lead] = /^ */.exec(text.slice(lineStart(text, startOf(item)))) ?? [""];
  return withLine(text, lead + phase, lineEnd(text, endOf(item)));
}

const UNITS: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600 };

/** later returns the time ten seconds after a phase's end. It takes a time of several units (1m30s) for 0. */
function later(phase: Phase): string {
  const seconds = (text: string) => {
    const m = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
    return m ? Number(m[1]) * UNITS[m[2]] : 0;
  };
  return `${Math.round(seconds(phase.at) + seconds(phase.for)) + 10}s`;
}
