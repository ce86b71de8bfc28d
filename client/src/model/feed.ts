import type { FeedEvent } from "../wire/hub_pb";
import { hexOf } from "./id";

/** The kinds of events in each group that the feed's filter offers. */
export const GROUPS = {
  membership: ["chord.node.started", "chord.node.joined", "chord.node.leaving", "chord.node.left", "chord.peer.failed"],
  pointers: ["chord.successors.changed", "chord.predecessor.changed"],
  keys: ["chord.keys.moved", "chord.ownership.changed"],
  chatter: ["chord.fingers.changed", "chord.node.load", "chord.node.state"],
} as const;

export type Group = keyof typeof GROUPS;

export const GROUP_NAMES: Record<Group, string> = {
  membership: "Membership",
  pointers: "Pointers",
  keys: "Keys",
  chatter: "Other",
};

const GROUP_OF = new Map<string, Group>(
  (Object.keys(GROUPS) as Group[]).flatMap((group) => GROUPS[group].map((kind) => [kind, group] as const)),
);

export const groupOf = (kind: string): Group => GROUP_OF.get(kind) ?? "chatter";

export interface Filter {
  groups: ReadonlySet<Group>;
  member: string; // 40 hex digits, or ""
  errors: boolean;
}

/** chosen returns the events that pass a filter. */
export function chosen(events: readonly FeedEvent[], filter: Filter): FeedEvent[] {
  return events.filter((event) => {
    if (filter.errors && !event.warning) return false;
    if (!filter.groups.has(groupOf(event.kind))) return false;
    return (
      !filter.member ||
      hexOf(event.id) === filter.member ||
      (event.peer.length > 0 && hexOf(event.peer) === filter.member)
    );
  });
}

/** kindWord shortens an event's kind to fit the feed's narrow column. */
export function kindWord(kind: string): string {
  return kind
    .replace(/^chord\./, "")
    .replace(/^node\./, "")
    .replace(".changed", "")
    .replace(".", " ");
}
