import { type FeedEvent, type RingState, RingState_Status } from "../gen/hub_pb";
import { hexOf, shortId } from "./id";
import { unrepeated } from "./repair";
import { conditionWords, plural } from "./words";

/** livingMembers is how many members take part: those that left or failed do not. */
export function livingMembers(ring: RingState): number {
  return ring.joining + ring.active + ring.leaving + ring.silent;
}

/**
 * verdict says in one sentence how the ring is, and never more than is known. What makes it violated is a condition of
 * the invariant: gaps and overlaps between ranges are none, and stand in the list of violations only.
 */
export function verdict(ring: RingState): string {
  const members = livingMembers(ring);
  const open = ring.violations.filter((v) => v.healedMs === 0n && !v.condition.startsWith("Ownership"));
  switch (ring.status) {
    case RingState_Status.FORMING: {
      const need = ring.successors + 1;
      if (members >= need) return `${plural(members, "member")} find their places: ring error ${ring.error}.`;
      return `${plural(members, "member")} of the ${need} that full protection against failures takes.`;
    }
    case RingState_Status.IDEAL:
      return "Every pointer is right.";
    case RingState_Status.REPAIRING:
      return `Pointers are being mended: ring error ${ring.error}.`;
    case RingState_Status.VIOLATED:
      return open.length
        ? `${conditionWords[open[0].condition] ?? open[0].condition}: ${full(open[0].detail)}${open.length > 1 ? ` And ${open.length - 1} more.` : ""}`
        : "The invariant does not hold.";
    case RingState_Status.UNCERTAIN:
      return `Telemetry of ${plural(ring.uncertain, "member")} is missing: too much to judge by.`;
    default:
      return "No member has been heard of yet.";
  }
}

/** full ends a sentence. */
const full = (text: string) => (/[.!?]$/.test(text) ? text : `${text}.`);

/** Events that change who is in the ring, or what it suffered: what "what just happened" means. */
export const NEWS = [
  "chord.node.joined",
  "chord.node.left",
  "chord.peer.failed",
  "chord.node.leaving",
  "chord.node.started",
];

/**
 * lastNews is the latest event up to an instant that is worth the state line; undefined: none is remembered. That
 * somebody else stumbles over a member long known to be dead is no news.
 */
export function lastNews(
  events: readonly FeedEvent[],
  earlier: readonly FeedEvent[] = [],
  now = Number.POSITIVE_INFINITY,
): FeedEvent | undefined {
  const known = earlier.filter((e) => Number(e.timeMs) <= now);
  return unrepeated([...known, ...events]).findLast((e) => NEWS.includes(e.kind));
}

/** sentence is an event with its subject. */
export function sentence(event: FeedEvent, bits: number): string {
  return `${shortId(hexOf(event.id), bits)} ${event.text}`;
}
