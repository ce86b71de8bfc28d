import { describe, expect, it } from "vitest";
import { duration, percent, progress, size } from "./words";

/** read parses a formatted duration and returns milliseconds. */
function read(text: string): number {
  const units: Record<string, number> = { µs: 0.001, ms: 1, s: 1000, min: 60_000, h: 3_600_000 };
  const words = text.split(" ");
  let ms = 0;
  for (let i = 0; i < words.length; i += 2) ms += Number(words[i]) * units[words[i + 1]];
  return ms;
}

describe("progress", () => {
  it("is never more than the whole, whatever both are", () => {
    let seed = 1;
    const random = () => {
      seed = (seed * 48271) % 2147483647;
      return seed / 2147483647;
    };
    for (let i = 0; i < 5000; i++) {
      const whole = 10 ** (random() * 6 - 1);
      const elapsed = whole * (0.5 + random());
      const [shown, of] = progress(elapsed, whole).split(" of ");
      expect(read(shown), `${elapsed} of ${whole}`).toBeLessThanOrEqual(read(of));
      if (elapsed >= whole) expect(shown).toBe(of);
    }
    expect(progress(64, 60)).toBe("1 min 0 s of 1 min 0 s");
    expect(progress(90, 0)).toBe(duration(90_000));
  });
});

describe("words", () => {
  it("chooses units by magnitude", () => {
    // Rounding comes before the split into units, so that no second has 1000 milliseconds and no minute 60 seconds.
    expect([999.7, 9970, 59_700, 119_700, 3_599_600, 7_199_000].map(duration)).toEqual([
      "1.0 s",
      "10 s",
      "1 min 0 s",
      "2 min 0 s",
      "1 h 0 min",
      "2 h 0 min",
    ]);
    expect([0.4, 2.34, 61, 1500, 61_000, 3_700_000].map(duration)).toEqual([
      "400 µs",
      "2.3 ms",
      "61 ms",
      "1.5 s",
      "1 min 1 s",
      "1 h 2 min",
    ]);
    expect([10, 2048, 5 * 2 ** 20].map(size)).toEqual(["10 B", "2.0 KiB", "5.0 MiB"]);
  });

  it("does not round up to certainty", () => {
    expect(percent(0.9999)).toBe("> 99.9 %");
    expect(percent(1)).toBe("100 %");
    expect(percent(0.0001)).toBe("< 0.1 %");
    expect(percent(0)).toBe("0 %");
  });
});
