import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { FeedEventSchema } from "../wire/hub_pb";
import { chosen, type Group } from "./feed";
import { hexOf } from "./id";

describe("feed", () => {
  it("passes events that match the filter", () => {
    const me = new Uint8Array(20).fill(1);
    const other = new Uint8Array(20).fill(2);
    const make = (kind: string, id: Uint8Array, warning = false, peer: Uint8Array = new Uint8Array(0)) =>
      create(FeedEventSchema, { kind, id: id as never, warning, peer: peer as never });
    const events = [
      make("chord.node.joined", me),
      make("chord.peer.failed", other, true, me),
      make("chord.node.load", me),
      make("chord.something.new", me),
    ];
    const all = new Set<Group>(["membership", "pointers", "keys"]);
    expect(chosen(events, { groups: all, member: "", errors: false })).toHaveLength(2);
    expect(chosen(events, { groups: all, member: "", errors: true })).toEqual([events[1]]);
    expect(chosen(events, { groups: all, member: hexOf(me), errors: false })).toHaveLength(2);
    expect(chosen(events, { groups: all, member: hexOf(other), errors: false })).toEqual([events[1]]);
    expect(chosen(events, { groups: new Set<Group>(["chatter"]), member: "", errors: false })).toHaveLength(2);
  });
});
