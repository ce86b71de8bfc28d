import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { ACTIONS, addPhase, path, phasesOf, SECTIONS, withPhase } from "./scenario";
import { textOf, withValue } from "./yaml-text";

const FLOW = `# A text of its own: members: none
name: "x, y" # quoted
seed: 42
ring: {members: 64, bits: 160}
workload: {rate: 200/s, value_bytes: {min: 32, max: 64}, reads: 0.8}
phases:
  # what happens
  - {at: 10s, churn: {join: 0.5/s, crash: 0.25/s}, for: 20s}
  - {at: 35s, crash: 2, adjacent: true}
duration: 70s
`;

const BLOCK = `name: x
ring:
  members: 64   # many
  bits: 160

workload:
    reads: 0.5
    rate: 5/s
phases:
- at: 1s
  crash: 2
- {at: 2s, heal: true}
`;

/** randomFrom returns a generator of numbers from 0 to 1; the same seed gives the same numbers. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** typed returns a random line of characters, some of which have a meaning in YAML. */
function typed(random: () => number): string {
  const of = "abc 019.-+:,#'\"{}[]&*!|>%@`?~\\/=é𝄞\t";
  const letters = [...of];
  return Array.from({ length: 1 + random() * 6 }, () => letters[Math.floor(random() * letters.length)]).join("");
}

describe("values in a scenario's text", () => {
  it("are found wherever they stand", () => {
    expect(textOf(FLOW, "", "name")).toBe("x, y");
    expect(textOf(FLOW, "ring", "members")).toBe("64");
    expect(textOf(FLOW, "workload", "rate")).toBe("200/s");
    expect(textOf(FLOW, "workload", "value_bytes")).toBe("{min: 32, max: 64}");
    expect(textOf(FLOW, "workload", "reads")).toBe("0.8");
    expect(textOf(FLOW, "", "duration")).toBe("70s");
    expect(textOf(BLOCK, "ring", "members")).toBe("64");
    expect(textOf(BLOCK, "workload", "rate")).toBe("5/s");
    expect(textOf(BLOCK, "workload", "members")).toBeUndefined();
    expect(textOf(BLOCK, "network", "loss")).toBeUndefined();
    expect(textOf("", "ring", "members")).toBeUndefined();
  });

  it("are changed, and nothing else is", () => {
    expect(withValue(FLOW, "", "seed", "43")).toBe(FLOW.replace("seed: 42", "seed: 43"));
    expect(withValue(FLOW, "ring", "bits", "8")).toBe(FLOW.replace("bits: 160", "bits: 8"));
    expect(withValue(FLOW, "", "name", "a: b")).toBe(FLOW.replace('"x, y"', '"a: b"'));
    expect(withValue(BLOCK, "ring", "members", "8")).toBe(BLOCK.replace("members: 64 ", "members: 8 "));
    expect(withValue(FLOW, "workload", "rate", "$1/s, x: 1")).toContain('rate: "$1/s, x: 1",');
  });

  it("are added to their section, or with it", () => {
    expect(withValue(FLOW, "ring", "replicas", "3")).toContain("bits: 160, replicas: 3}");
    expect(withValue(BLOCK, "ring", "replicas", "3")).toContain("  bits: 160\n  replicas: 3\n\nworkload");
    expect(withValue(BLOCK, "workload", "keys", "9")).toContain("    rate: 5/s\n    keys: 9\nphases");
    expect(withValue(BLOCK, "network", "loss", "0.1")).toMatch(/\nnetwork: \{loss: 0\.1\}\n$/);
    expect(withValue("name: x", "", "seed", "1")).toBe("name: x\nseed: 1\n");
    expect(withValue("ring: {}\n", "ring", "members", "4")).toBe("ring: {members: 4}\n");
    expect(withValue("", "ring", "members", "4")).toBe("ring: {members: 4}\n");
  });

  it("are taken out by nothing", () => {
    expect(withValue(FLOW, "ring", "members", "")).toContain("ring: {bits: 160}");
    expect(withValue(FLOW, "ring", "bits", "")).toContain("ring: {members: 64}");
    expect(withValue("ring: {bits: 8}\n", "ring", "bits", "")).toBe("ring: {}\n");
    expect(withValue(BLOCK, "ring", "members", "")).toBe(BLOCK.replace("  members: 64   # many\n", ""));
    expect(withValue(FLOW, "", "seed", "")).toBe(FLOW.replace("seed: 42\n", ""));
    expect(withValue(FLOW, "network", "loss", "")).toBe(FLOW);
  });

  it("are what YAML reads, whatever is typed, and nothing else changes in any shipped scenario", {
    timeout: 60_000,
  }, () => {
    const dir = new URL("../../../conductor/lab/scenario/shipped/", import.meta.url);
    const texts = readdirSync(dir).map((name) => readFileSync(new URL(name, dir), "utf8"));
    expect(texts.length).toBeGreaterThan(5);
    const random = randomFrom(1);
    for (const text of [FLOW, BLOCK, "", "name: x\n", "ring: {}\n# end", "ring:\nseed:\n", ...texts])
      for (const { fields } of SECTIONS) {
        const f = fields[Math.floor(random() * fields.length)];
        const value = random() < 0.2 ? "{min: 1, max: [2, 3]}" : typed(random);
        const set = withValue(text, f.section, f.key, value);
        const [want, is] = [parse(text) ?? {}, parse(set)];
        const all = f.section ? is[f.section] : is;
        const what = `${path(f)}: ${value} in ${text}`;
        expect(textOf(set, f.section, f.key), what).toBe(value);
        expect(all[f.key], what).toEqual(typeof all[f.key] === "string" ? value : parse(value));
        const had = f.section === "" || want[f.section];
        if (!had) want[f.section] = {};
        (f.section ? want[f.section] : want)[f.key] = all[f.key];
        expect(is, what).toEqual(want);
        const old = textOf(text, f.section, f.key);
        if (old && !text.includes(`"${old}"`)) expect(withValue(set, f.section, f.key, old)).toBe(text);
        if (old === undefined && had) expect(withValue(set, f.section, f.key, ""), what).toBe(text);
      }
  });

  it("survive a text that is being typed", () => {
    for (let i = 0; i < FLOW.length; i++) {
      const text = FLOW.slice(0, i);
      phasesOf(text);
      for (const { fields } of SECTIONS) {
        const f = fields[i % fields.length];
        textOf(text, f.section, f.key);
        withValue(text, f.section, f.key, "1");
      }
    }
  });
});

describe("phases", () => {
  it("are read as when, what and how long", () => {
    expect(phasesOf(FLOW)).toEqual([
      { at: "10s", what: "churn: {join: 0.5/s, crash: 0.25/s}", for: "20s", editable: true },
      { at: "35s", what: "crash: 2, adjacent: true", for: "", editable: true },
    ]);
    expect(phasesOf(BLOCK)?.map((p) => p.editable)).toEqual([false, true]);
    expect(phasesOf("name: x\n")).toEqual([]);
    expect(phasesOf("phases: [{at: 1s, crash: 1}]\n")).toBeUndefined();
  });

  it("are changed, taken out and added", () => {
    const [, second] = phasesOf(FLOW) ?? [];
    expect(withPhase(FLOW, 1, { ...second, at: "40s", for: "1s" })).toBe(
      FLOW.replace("{at: 35s, crash: 2, adjacent: true}", "{at: 40s, crash: 2, adjacent: true, for: 1s}"),
    );
    const without = withPhase(FLOW, 0, null);
    expect(phasesOf(without)).toEqual([second]);
    expect(withPhase(without, 0, null)).not.toContain("phases");
    expect(textOf(withPhase(without, 0, null), "", "duration")).toBe("70s");
    expect(withPhase(BLOCK, 0, null)).toContain("phases:\n- {at: 2s, heal: true}\n");
    for (const action of ACTIONS) {
      const more = addPhase(FLOW, action);
      expect(phasesOf(more)?.[2]).toEqual({ at: "45s", what: action.what, for: action.for ?? "", editable: true });
      expect(textOf(more, "", "duration")).toBe("70s");
      expect(phasesOf(addPhase("name: x", action))?.[0].at).toBe("10s");
      expect(addPhase(BLOCK, action)).toContain("\n- {at: 12s, ");
    }
  });
});
