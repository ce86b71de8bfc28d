import { expect, test } from "vitest";
import { holderText } from "../../src/views/control/LostKeys";

test("what became of a copy is said as far as it is known", () => {
  const holder = { member: "9a0c44d1", host: "host-a:7001", fate: "crashed" };
  expect(holderText(holder)).toBe("9a0c44d1 at host-a:7001: crashed");
  expect(holderText({ ...holder, ended_at_s: 12.25, phase: "crash 2", reported_by: "ab12" })).toBe(
    "9a0c44d1 at host-a:7001: crashed by phase crash 2, reported by ab12 at 12.3 s",
  );
  expect(holderText({ ...holder, fate: "on the ring" })).toBe("9a0c44d1 at host-a:7001: on the ring");
});
