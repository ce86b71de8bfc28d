import { describe, expect, it } from "vitest";
import { apiId, bytesOf, clockwise, fingerStart, hexOf, shortId, turnOf } from "./id";

const id = (hex: string) => bytesOf(hex) as Uint8Array<ArrayBuffer>;

describe("identifiers", () => {
  it("round-trips hex and pads what is shorter", () => {
    const hex = "0123456789abcdef0123456789abcdef01234567";
    expect(hexOf(id(hex))).toBe(hex);
    expect(hexOf(id("38"))).toBe(`${"0".repeat(38)}38`);
  });

  it("refuses text that is not an identifier", () => {
    for (const text of ["", "xyz", "0x12", "a".repeat(41)]) expect(bytesOf(text)).toBeNull();
  });

  it("stands at its true angle, whatever the circle's size", () => {
    expect(turnOf(id(`8${"0".repeat(39)}`), 160)).toBe(0.5);
    expect(turnOf(id(`4${"0".repeat(39)}`), 160)).toBe(0.25);
    // The paper's ring of six bits (ToN Fig. 3): member 48 is at three quarters of the circle.
    expect(turnOf(id("30"), 6)).toBe(0.75);
    expect(turnOf(id("1"), 6)).toBe(1 / 64);
    expect(turnOf(id("0"), 6)).toBe(0);
  });

  it("keeps neighbours apart that differ late, and never reaches a full turn", () => {
    expect(turnOf(id(`${"0".repeat(20)}${"f".repeat(20)}`), 80)).toBeLessThan(1);
    expect(turnOf(id(`00000000000000${"0".repeat(25)}1`), 6)).toBe(1 / 64);
    const a = turnOf(id(`123456789abc${"0".repeat(28)}`), 160);
    const b = turnOf(id(`123456789abd${"0".repeat(28)}`), 160);
    expect(b - a).toBeCloseTo(2 ** -48, 60);
  });

  it("measures clockwise", () => {
    expect(clockwise(0.9, 0.1)).toBeCloseTo(0.2);
    expect(clockwise(0.1, 0.9)).toBeCloseTo(0.8);
  });

  it("is written as the API writes it", () => {
    expect(apiId(hexOf(id("26")), 6)).toBe("26");
    expect(apiId(hexOf(id("abc")), 160)).toHaveLength(40);
    expect(shortId("0123456789abcdef0123456789abcdef01234567", 160)).toBe("01234567");
  });

  it("computes finger starts modulo the circle", () => {
    // ToN Fig. 4: fingers of member 8 start at 9, 10, 12, 16, 24, 40.
    const starts = [0, 1, 2, 3, 4, 5].map((slot) => Number.parseInt(fingerStart(hexOf(id("8")), slot, 6), 16));
    expect(starts).toEqual([9, 10, 12, 16, 24, 40]);
    expect(Number.parseInt(fingerStart(hexOf(id("38")), 5, 6), 16)).toBe((56 + 32) % 64);
  });
});
