import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

/** The folders below the features, from the bottom up: each imports only from the folders before it. */
const BELOW = ["wire", "transport", "model", "shared"];
const FEATURES = ["ring", "lookups", "members", "timeline", "events", "charts", "control"];
/** The folder of the whole page imports from all others. */
const ABOVE = ["app"];

/** The only imports from one feature to another, each with its reason. */
const BETWEEN = [
  "events -> timeline", // a click on an event's time shows that instant
  "lookups -> ring", // the hops of a found lookup move on the ring
];

const SRC = fileURLToPath(new URL(".", import.meta.url));
const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter(
  (file) => /\.tsx?$/.test(file) && !/\.(test|d)\.tsx?$/.test(file),
);
const rank = (room: string) => {
  const at = [...BELOW, FEATURES[0], ...ABOVE].indexOf(FEATURES.includes(room) ? FEATURES[0] : room);
  return at < 0 ? Number.NaN : at;
};

/** importsOf returns the files of src, without extensions, that a file names after `from` or in `import(…)`. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(SRC, file), "utf8");
  return [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"(\.[^"]*)"/g)]
    .map(([, to]) => relative(SRC, join(SRC, dirname(file), to)))
    .filter((to) => !to.endsWith(".css"));
}

const roomOf = (file: string) => file.split("/")[0];

it("every room has a place in the order", () => {
  const rooms = new Set(files.filter((file) => file !== "main.tsx").map(roomOf));
  expect([...rooms].sort()).toEqual([...BELOW, ...FEATURES, ...ABOVE].sort());
});

it("imports point down, and between features only where it is listed", () => {
  const up = new Set<string>();
  const between = new Set<string>();
  for (const file of files.filter((f) => f !== "main.tsx"))
    for (const to of importsOf(file)) {
      const [here, there] = [roomOf(file), roomOf(to)];
      if (here === there || rank(there) < rank(here)) continue;
      if (rank(here) === rank(there)) between.add(`${here} -> ${there}`);
      else up.add(`${file} -> ${to}`);
    }
  expect([...up]).toEqual([]);
  expect([...between].sort()).toEqual(BETWEEN);
});

it("no files import each other in a circle", () => {
  const named = new Map(files.map((file) => [file.replace(/\.tsx?$/, ""), importsOf(file)]));
  const done = new Set<string>();
  const visit = (file: string, way: string[]) => {
    if (way.includes(file)) expect.fail([...way.slice(way.indexOf(file)), file].join(" -> "));
    if (done.has(file)) return;
    for (const to of named.get(file) ?? []) visit(to, [...way, file]);
    done.add(file);
  };
  for (const file of named.keys()) visit(file, []);
});
