import type { Palette } from "./renderer";

/** readPalette reads the drawing's colours from the style sheet's tokens. */
export function readPalette(element: Element): Palette {
  const style = getComputedStyle(element);
  const read = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    paper: read("paper"),
    ink: read("ink"),
    soft: read("ink-2"),
    faint: read("ink-3"),
    line: read("line"),
    band: read("band"),
    bandAlt: read("band-alt"),
    bar: read("bar"),
    accent: read("accent"),
    good: read("good"),
    busy: read("busy"),
    bad: read("bad"),
    info: read("info"),
  };
}
