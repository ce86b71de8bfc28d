/** The handful of numbers that people change most, found in a scenario's text and changed where they stand. */
export const FIELDS = [
  { key: "members", name: "Members", pattern: /(\bmembers:\s*)([^\s,}#]+)/ },
  {
    key: "rate",
    name: "Load",
    pattern: /(\bworkload:[^\n]*?\brate:\s*|\bworkload:\s*\n(?:\s+[^\n]*\n)*?\s+rate:\s*)([^\s,}#]+)/,
  },
  { key: "seed", name: "Seed", pattern: /(^seed:\s*)([^\s,}#]+)/m },
  { key: "duration", name: "Duration", pattern: /(^duration:\s*)([^\s,}#]+)/m },
] as const;

export type Field = (typeof FIELDS)[number];

/** fieldOf reads one of them; undefined if the text does not have it. */
export function fieldOf(source: string, field: Field): string | undefined {
  return field.pattern.exec(source)?.[2];
}

/** withField changes it and nothing else: comments and layout stay. */
export function withField(source: string, field: Field, value: string): string {
  return source.replace(field.pattern, (_all, before: string) => before + value);
}
