/**
 * A subset of YAML, enough to find one value in a text and to change it in place, so that comments, order and layout
 * stay. Only the conductor's parser validates scenarios.
 */

/** An Entry of a mapping: its position and its value's, in characters of the text. */
export interface Entry {
  key: string;
  from: number;
  to: number;
  valueFrom: number;
  valueTo: number;
}

/** A Mapping in the text: in braces, or one entry a line. */
interface Mapping {
  flow: boolean;
  entries: Entry[];
  /** Where another entry goes: before the closing brace, or after the last line. */
  end: number;
  indent: string;
}

/** closing is the index of the brace or bracket that closes the one at open, or -1. */
export function closing(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    const c = text[i];
    if (c === '"' || c === "'") {
      i = text.indexOf(c, i + 1);
      if (i < 0) return -1;
    } else if (c === "{" || c === "[") depth++;
    else if ((c === "}" || c === "]") && --depth === 0) return i;
  }
  return -1;
}

/** flowMapping reads the mapping in braces that opens at an index; undefined if it does not close. */
export function flowMapping(text: string, open: number): Mapping | undefined {
  const close = closing(text, open);
  if (close < 0) return undefined;
  const entries: Entry[] = [];
  for (let from = open + 1; from < close; ) {
    let to = from;
    while (to < close && text[to] !== ",") {
      const c = text[to];
      if (c === "{" || c === "[") to = closing(text, to);
      else if (c === '"' || c === "'") to = text.indexOf(c, to + 1);
      if (to < from) return undefined;
      to++;
    }
    const entry = entryAt(text, from, to);
    if (entry) entries.push(entry);
    from = to + 1;
  }
  return { flow: true, entries, end: close, indent: "" };
}

/** entryAt is the entry `key: value` between two indices. */
function entryAt(text: string, from: number, to: number): Entry | undefined {
  const m = /^\s*([\w-]+)\s*:\s*/.exec(text.slice(from, to));
  if (!m) return undefined;
  const valueFrom = from + m[0].length;
  return { key: m[1], from, to, valueFrom, valueTo: valueFrom + text.slice(valueFrom, to).trimEnd().length };
}

/** lines yields the lines of the text with their offsets. */
function* lines(text: string, from: number): Generator<{ at: number; line: string }> {
  for (let at = from; at < text.length; ) {
    const end = text.indexOf("\n", at);
    const next = end < 0 ? text.length : end + 1;
    yield { at, line: text.slice(at, end < 0 ? text.length : end) };
    at = next;
  }
}

/** blockMapping reads the mapping with one entry a line that begins at an index, by the indentation of its first line. */
function blockMapping(text: string, from: number): Mapping {
  const entries: Entry[] = [];
  let indent: string | undefined;
  let end = from;
  for (const { at, line } of lines(text, from)) {
    const bare = line.trim() === "" || line.trimStart().startsWith("#");
    const lead = line.slice(0, line.length - line.trimStart().length);
    if (!bare && (indent === undefined ? from > 0 && lead === "" : lead.length < indent.length)) break;
    if (!bare) {
      indent ??= lead;
      end = Math.min(text.length, at + line.length + 1);
      if (lead === indent) {
        const comment = line.search(/\s#/);
        const entry = entryAt(text, at, at + (comment < 0 ? line.length : comment));
        if (entry) entries.push({ ...entry, to: end });
      } else if (entries.length) entries[entries.length - 1].to = end;
    }
  }
  return { flow: false, entries, end, indent: indent ?? "  " };
}

/** mappingAt is the mapping that a section of the text holds; "" is the text itself. */
function mappingAt(text: string, section: string): Mapping | undefined {
  const whole = blockMapping(text, 0);
  if (section === "") return whole;
  const entry = whole.entries.find((e) => e.key === section);
  if (!entry) return undefined;
  if (text[entry.valueFrom] === "{") return flowMapping(text, entry.valueFrom);
  const next = text.indexOf("\n", entry.valueFrom - 1);
  return next < 0 ? undefined : blockMapping(text, next + 1);
}

/** entryOf finds a field; undefined if the text does not have it. */
export function entryOf(text: string, section: string, field: string): Entry | undefined {
  return mappingAt(text, section)?.entries.find((e) => e.key === field);
}

/** textOf is a field's value without its quotes. */
export function textOf(text: string, section: string, field: string): string | undefined {
  const entry = entryOf(text, section, field);
  return entry && plain(text.slice(entry.valueFrom, entry.valueTo));
}

function plain(value: string): string {
  return /^(".*"|'.*')$/s.test(value) ? value.slice(1, -1) : value;
}

/** quoted quotes a text where YAML would not read it literally; a mapping in braces stays one. */
function quoted(value: string): string {
  if (/^\{[^"]*\}$/.test(value) && closing(value, 0) === value.length - 1) return value;
  return /^[\w./-][\w./ %+-]*$/.test(value) && value.trim() === value ? value : JSON.stringify(value);
}

/** withValue sets a field in place, or adds it to its section; an empty value removes it. */
export function withValue(text: string, section: string, field: string, value: string): string {
  const mapping = mappingAt(text, section);
  const entry = mapping?.entries.find((e) => e.key === field);
  const put = (from: number, to: number, part: string) => text.slice(0, from) + part + text.slice(to);
  if (mapping && entry) {
    if (value !== "") return put(entry.valueFrom, entry.valueTo, quoted(value));
    if (!mapping.flow) return put(entry.from, entry.to, "");
    // The comma before it goes too; after the first entry, the one behind it.
    if (entry !== mapping.entries[0]) return put(entry.from - 1, entry.to, "");
    const second = mapping.entries[1];
    return put(entry.from, second ? second.from + spaces(text, second.from) : entry.to, "");
  }
  if (value === "") return text;
  const pair = `${field}: ${quoted(value)}`;
  if (mapping?.flow) {
    const end = text.slice(0, mapping.end).trimEnd().length;
    return put(end, mapping.end, mapping.entries.length ? `, ${pair}` : pair);
  }
  if (mapping) {
    const newline = mapping.end === 0 || text[mapping.end - 1] === "\n" ? "" : "\n";
    return put(mapping.end, mapping.end, `${newline}${section ? mapping.indent : ""}${pair}\n`);
  }
  return `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${section}: {${pair}}\n`;
}

function spaces(text: string, at: number): number {
  return text.slice(at).search(/\S|$/);
}

/** An Item of a list, `- …` a line. */
export interface Item {
  from: number; // of what follows the dash
  to: number; // exclusive
  lineFrom: number;
  lineTo: number;
}

/** itemsOf lists the items of a section that is a list; undefined if it is written in brackets. */
export function itemsOf(text: string, section: string): { items: Item[]; end: number } | undefined {
  const entry = blockMapping(text, 0).entries.find((e) => e.key === section);
  if (!entry) return { items: [], end: -1 };
  if (entry.valueTo > entry.valueFrom && text[entry.valueFrom] === "[") return undefined;
  const items: Item[] = [];
  let end = text.indexOf("\n", entry.valueFrom - 1) + 1 || text.length;
  let indent = -1;
  for (const { at, line } of lines(text, end)) {
    const bare = line.trim() === "" || line.trimStart().startsWith("#");
    if (bare) continue;
    const dash = /^(\s*)-\s+/.exec(line);
    const lead = line.length - line.trimStart().length;
    if (dash && (indent < 0 || lead === indent)) {
      indent = lead;
      items.push({ from: at + dash[0].length, to: at + line.length, lineFrom: at, lineTo: at + line.length + 1 });
    } else if (indent < 0 || lead <= indent) break;
    else {
      const item = items[items.length - 1];
      item.to = at + line.length;
      item.lineTo = item.to + 1;
    }
    end = Math.min(text.length, at + line.length + 1);
  }
  return { items, end };
}
