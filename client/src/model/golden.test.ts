import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { fromBinary, fromJsonString, toBinary, toJson } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ClientMessageSchema, ServerMessageSchema } from "../wire/hub_pb";
import { Status } from "./members";
import { World } from "./world";

/** golden reads a message that the hub's own tests also write and read, so that page and hub agree on the bytes. */
const golden = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../../conductor/hub/testdata/${name}`, import.meta.url)));

describe("golden messages", () => {
  it.each(["welcome", "snapshot", "patch", "detail"])("from the conductor: %s", (name) => {
    const decoded = fromBinary(ServerMessageSchema, golden(`${name}.binpb`));
    expect(decoded.message.case).toBe(name);
    expect(toJson(ServerMessageSchema, decoded)).toEqual(
      toJson(ServerMessageSchema, fromJsonString(ServerMessageSchema, golden(`${name}.json`).toString())),
    );
  });

  it.each(["hello", "watch"])("from the page: %s", (name) => {
    const said = fromJsonString(ClientMessageSchema, golden(`${name}.json`).toString());
    expect(Buffer.from(toBinary(ClientMessageSchema, said))).toEqual(golden(`${name}.binpb`));
  });

  it("snapshot, then patch, make the ring in which a member has failed", () => {
    const world = new World();
    const snapshot = fromBinary(ServerMessageSchema, golden("snapshot.binpb")).message;
    const patch = fromBinary(ServerMessageSchema, golden("patch.binpb")).message;
    if (snapshot.case !== "snapshot" || patch.case !== "patch") throw new Error("wrong golden messages");
    world.applySnapshot(snapshot.value);
    expect(world.table.count).toBe(5);
    world.applyPatch(patch.value);
    const turns = Array.from(world.table.order(), (slot) => world.table.turn[slot]);
    for (const [i, turn] of turns.entries()) expect(turn).toBeCloseTo(i / 5, 6);
    expect(world.ring.failed).toBe(1);
    expect(world.ring.membersRefused).toBe(2);
    const failed = Array.from(world.table.order()).filter((slot) => world.table.status[slot] === Status.FAILED);
    expect(failed).toHaveLength(1);
    expect(world.events.at(-1)?.keys).toBe(120n);
  });
});
