import { describe, expect, it } from "vitest";
import { type Address, formatAddress, HOME, parseAddress } from "./url";

describe("address", () => {
  it("leaves out defaults", () => {
    expect(formatAddress(HOME)).toBe("");
    expect(parseAddress("")).toEqual(HOME);
  });

  it("round-trips everything it carries", () => {
    const address: Address = {
      member: "0123456789abcdef0123456789abcdef01234567",
      tab: "lookups",
      theme: "dark",
      at: Date.parse("2026-03-01T12:00:00.250Z"),
      camera: { scale: 12.5, x: 0.7, y: -0.71 },
      trace: "00112233445566778899aabbccddeeff",
      feed: ["keys", "errors"],
      sort: { by: "keys", down: true },
    };
    expect(parseAddress(formatAddress(address))).toEqual(address);
    expect(parseAddress(formatAddress({ ...HOME, feed: [] })).feed).toEqual([]);
  });

  it("keeps the default of a field that is not valid", () => {
    expect(
      parseAddress("?member=%3Cscript%3E&tab=nonsense&theme=pink&t=yesterday&view=1,2&trace=zz&sort=-age"),
    ).toEqual(HOME);
    expect(parseAddress("?feed=errors,gossip,keys").feed).toEqual(["keys", "errors"]);
    expect(parseAddress("?view=0.1,0,0").camera).toBeNull();
    expect(parseAddress("?view=10,9,9").camera).toBeNull();
    expect(parseAddress("?view=NaN,0,0").camera).toBeNull();
  });

  it("pads short identifiers", () => {
    expect(parseAddress("?member=2A").member).toBe(`${"0".repeat(38)}2a`);
  });
});
