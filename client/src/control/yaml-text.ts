import { isMap, isScalar, isSeq, type Pair, parseDocument, type YAMLMap, type YAMLSeq } from "yaml";

/**
 * These functions change values in a scenario's text in place, so that its comments, order and layout stay. An
 * incomplete text is no error: they work with what the parser returns for it. Only the conductor validates scenarios.
 */

/** A Node is a part of the text, a value or a collection; range has the indices where it starts and ends. */
export type Node = { range?: [number, number, number] | null };

const PARSE = { logLevel: "silent" } as const;

let parsed = { text: "", root: parseDocument("", PARSE).contents as unknown };

/** rootOf returns the parsed text. It keeps the last result, since all fields of the form ask for the same text. */
function rootOf(text: string): unknown {
  if (parsed.text !== text) parsed = { text, root: parseDocument(text, PARSE).contents };
  return parsed.root;
}

/** pairOf returns the entry of a mapping with the given key. */
export function pairOf(map: unknown, key: string): Pair<Node, Node | null> | undefined {
  if (!isMap<Node, Node | null>(map)) return undefined;
  return map.items.find((pair) => isScalar(pair.key) && pair.key.value === key);
}

const mapAt = (text: string, section: string): unknown =>
  section ? pairOf(rootOf(text), section)?.value : rootOf(text);

/** listAt returns the list in a section of the text: "flow" for a list in brackets, undefined if there is no list. */
export function listAt(text: string, section: string): YAMLSeq<Node> | "flow" | undefined {
  const list = pairOf(rootOf(text), section)?.value;
  if (!isSeq<Node>(list)) return undefined;
  return list.flow ? "flow" : list;
}

export const startOf = (node: Node): number => node.range?.[0] ?? 0;
export const endOf = (node: Node): number => node.range?.[1] ?? 0;
export const pairEnd = (pair: Pair<Node, Node | null>): number => endOf(pair.value ?? pair.key);

/** lineStart returns the index at which the line that contains the given index starts. */
export const lineStart = (text: string, at: number): number => text.lastIndexOf("\n", at - 1) + 1;

/** lineEnd returns the index after the line that contains the character before end. */
export function lineEnd(text: string, end: number): number {
  const newline = text.indexOf("\n", Math.max(end - 1, 0));
  return newline < 0 ? text.length : newline + 1;
}

/** replaced returns the text with the part between two indices replaced. */
export const replaced = (text: string, from: number, to: number, part: string): string =>
  text.slice(0, from) + part + text.slice(to);

/** withLine inserts a line at an index at which a line starts, by default at the text's end. */
export function withLine(text: string, line: string, at = text.length): string {
  const newline = at === 0 || text[at - 1] === "\n" ? "" : "\n";
  return replaced(text, at, at, `${newline}${line}\n`);
}

/** textOf returns a field's value without quotes; undefined if the text has no such field. */
export function textOf(text: string, section: string, field: string): string | undefined {
  const value = pairOf(mapAt(text, section), field)?.value;
  if (!value) return undefined;
  return isScalar(value) && typeof value.value === "string" ? value.value : text.slice(startOf(value), endOf(value));
}

/** quoted adds quotes if YAML would not read the text literally. It leaves collections in braces or brackets as is. */
function quoted(text: string): string {
  const doc = parseDocument(`{x: ${text}}`, PARSE);
  const value = doc.errors.length ? undefined : (doc.get("x", true) as Node);
  const literal = isScalar(value) ? value.type === "PLAIN" : isMap(value) || isSeq(value);
  const whole = value && startOf(value) === 4 && endOf(value) === 4 + text.length;
  return literal && whole ? text : JSON.stringify(text);
}

/** withValue sets a field in place, or adds it to its section; an empty value removes it. */
export function withValue(text: string, section: string, field: string, value: string): string {
  const map = mapAt(text, section);
  const pair = pairOf(map, field);
  if (value === "") return pair ? without(text, map as YAMLMap<Node, Node | null>, pair) : text;
  if (pair) {
    const from = pair.value ? startOf(pair.value) : endOf(pair.key);
    return replaced(text, from, pairEnd(pair), (text[from - 1] === ":" ? " " : "") + quoted(value));
  }
  const added = `${field}: ${quoted(value)}`;
  if (!isMap<Node, Node | null>(map))
    return section ? withValue(text, "", section, `{${added}}`) : withLine(text, added);
  const last = map.items.at(-1);
  if (map.flow) {
    const at = last ? pairEnd(last) : startOf(map) + 1;
    return replaced(text, at, at, last ? `, ${added}` : added);
  }
  const column = startOf(map) - lineStart(text, startOf(map));
  return withLine(text, " ".repeat(column) + added, last && lineEnd(text, pairEnd(last)));
}

/** without removes an entry of a mapping: in braces with its comma, elsewhere with its lines. */
function without(text: string, map: YAMLMap<Node, Node | null>, pair: Pair<Node, Node | null>): string {
  const from = startOf(pair.key);
  if (!map.flow) return replaced(text, lineStart(text, from), lineEnd(text, pairEnd(pair)), "");
  const at = map.items.indexOf(pair);
  if (at > 0) return replaced(text, pairEnd(map.items[at - 1]), pairEnd(pair), "");
  const second = map.items[1];
  return replaced(text, from, second ? startOf(second.key) : pairEnd(pair), "");
}
