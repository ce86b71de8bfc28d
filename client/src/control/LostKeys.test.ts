import { expect, test } from "vitest";
import { replicaText } from "./LostKeys";

test("a replica's fate is described as far as it is known", () => {
  const replica = { member: "9a0c44d1", host: "host-a:7001", fate: "crashed" };
  expect(replicaText(replica)).toBe("9a0c44d1 at host-a:7001: crashed");
  expect(replicaText({ ...replica, ended_at_s: 12.25, phase: "crash 2", reported_by: "ab12" })).toBe(
    "9a0c44d1 at host-a:7001: crashed by phase crash 2, reported by ab12 at 12.3 s",
  );
  expect(replicaText({ ...replica, fate: "on the ring" })).toBe("9a0c44d1 at host-a:7001: on the ring");
});
