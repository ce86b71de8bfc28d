import { describe, expect, it } from "vitest";
import { duration, progress } from "../../src/model/words";

/** read parses a duration to milliseconds. */
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
