import { describe, expect, it } from "vitest";
import { FakeHub } from "../../dev/messages";
import { FakeRing } from "../../dev/ring";
import {
  clockWord,
  distancesLeft,
  expectedHops,
  expectedShares,
  hopCount,
  hopDistribution,
  lookupOf,
  pointerMeaning,
} from "./lookups";

describe("theory", () => {
  it("expects half the binary logarithm", () => {
    expect(expectedHops(1024)).toBe(5);
    expect(expectedHops(1)).toBe(0);
    expect(pointerMeaning("finger", 159, 160)).toBe("½ of the circle ahead");
    expect(pointerMeaning("finger", 20, 24)).toBe("1/16 of the circle ahead");
    expect(pointerMeaning("finger", 100, 160)).toBe("1/2^60 of the circle ahead");
    expect(pointerMeaning("successor", 0, 160)).toBe("the next member ahead");
    expect(pointerMeaning("successor", 2, 160)).toBe("the 3rd member ahead");
    expect(pointerMeaning("successor", 11, 160)).toBe("the 12th member ahead");
    for (const members of [2, 32, 100, 10_000]) {
      const shares = hopDistribution(members, 40);
      expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1);
      expect(shares.reduce((sum, share, hops) => sum + share * hops, 0)).toBeCloseTo(expectedHops(members));
    }
  });

  it("expects shares that grow and average to one", () => {
    const shares = expectedShares(500);
    expect(shares.reduce((a, b) => a + b) / 500).toBeCloseTo(1);
    expect(shares[0]).toBeLessThan(0.01);
    expect(shares[499]).toBeGreaterThan(6);
  });

  it("measures a lookup's way to its key", () => {
    const ring = new FakeRing(64, 1);
    const hub = new FakeHub(ring);
    for (let i = 0; i < 50; i++) {
      const route = ring.route(ring.randomId(), ring.any());
      if (!route) throw new Error("no route");
      const lookup = hub.lookup(route);
      const left = distancesLeft(lookup, 160);
      for (let k = 1; k < left.length; k++) expect(left[k]).toBeLessThan(left[k - 1]);
      expect(hopCount(lookup)).toBe(Math.max(0, lookup.hops.length - 2));
    }
  });

  it("takes the API's answer for a lookup like any other", () => {
    const lookup = lookupOf(
      {
        trace_id: "",
        key: "ff",
        owner: "01",
        mode: "iterative",
        duration_ms: 4.5,
        hops: [
          { id: "02", pointer: "self", slot: 0, at_ms: 0, timeouts: 0 },
          { id: "01", pointer: "finger", slot: 9, at_ms: 3, timeouts: 2 },
        ],
      },
      1_000_000,
    );
    expect(lookup.durationUs).toBe(4500n);
    expect(lookup.hops[1].atUs).toBe(3000n);
    expect(lookup.outcome).toBe(2);
  });
});

it("a hop whose clock is off shows the least error and its direction", () => {
  expect(clockWord(0n)).toBe("");
  expect(clockWord(3_600_000_000n)).toBe("its host's clock is at least 1 h 0 min ahead of the initiator's");
  expect(clockWord(-58_000_000n)).toBe("its host's clock is at least 58 s behind the initiator's");
});
