import { Certainty_State, type FeedEvent, type RingState, RingState_Status } from "../wire/hub_pb";
import { hexOf, shortId } from "./id";
import { unrepeated } from "./repair";
import { clock, conditionWords, count, plural, whyWords } from "./words";

/** liveMembers returns the number of members that take part in the ring: all except those that left or failed. */
export function liveMembers(ring: RingState): number {
  return ring.joining + ring.active + ring.leaving + ring.silent;
}

/** received reports whether an event of any member has been received. Before that there is no picture. */
export function received(ring: RingState): boolean {
  return liveMembers(ring) + ring.left + ring.failed + (ring.certainty?.of ?? 0) > 0;
}

/**
 * verdict explains the ring's status, which is computed over its certain members. Only the invariant's conditions make
 * a ring violated; gaps and overlaps between ranges do not, so only the list of violations names them.
 */
export function verdict(ring: RingState): string {
  const members = liveMembers(ring);
  const open = ring.violations.filter((v) => v.healedMs === 0n && !v.condition.startsWith("Ownership"));
  switch (ring.status) {
    case RingState_Status.FORMING:
      return `${plural(members, "member")} joining: ring error ${count(ring.error)}.`;
    case RingState_Status.IDEAL:
      return members > ring.successors ? "Every pointer is right." : `Every pointer is right. ${small(ring)}`;
    case RingState_Status.REPAIRING:
      return `Pointers under repair: ring error ${count(ring.error)}.`;
    case RingState_Status.VIOLATED:
      return open.length
        ? `${conditionWords[open[0].condition] ?? open[0].condition}: ${full(open[0].detail)}${open.length > 1 ? ` And ${plural(open.length - 1, "more violation")}.` : ""}`
        : "The invariant does not hold.";
    default:
      if (received(ring)) return "No member is certain, so the ring's pointers cannot be checked.";
      return ring.rejections.length > 0
        ? "All telemetry received so far was rejected, for the reasons below."
        : "No event of a member has been received yet.";
  }
}

/** small states how many crashes a small ring survives: one with at most as many members as a successor list entries. */
function small(ring: RingState): string {
  const { pointers = 0, keys = 0 } = ring.tolerance ?? {};
  return `Small ring: survives ${plural(Math.min(pointers, keys), "simultaneous crash", "simultaneous crashes")}.`;
}

/** certainty states how many members the verdict covers; empty if there are no members. */
export function certainty(ring: RingState): string {
  const { state, count: uncertain, of } = ring.certainty ?? { state: 0, count: 0, of: 0 };
  if (of === 0) return "";
  if (state === Certainty_State.ALL)
    return of === 1 ? "its only member certain" : `all ${plural(of, "member")} certain`;
  return `${count(of - uncertain)} of ${plural(of, "member")} certain`;
}

/** uncertainMembers lists the first uncertain members, one per line, each with the reason. */
export function uncertainMembers(ring: RingState): string {
  const { members = [], count: all = 0 } = ring.certainty ?? {};
  const lines = members.map(
    (m) =>
      `${shortId(hexOf(m.id), ring.bits)}${m.host ? ` on ${m.host}` : ""}: ${whyWords[m.why] ?? m.why}, since ${clock(Number(m.sinceMs))}`,
  );
  if (all > members.length) lines.push(`and ${count(all - members.length)} more`);
  return lines.join("\n");
}

/** faults lists the first faults of emitters, one per line: identities used twice and clocks that are off. */
export function faults(ring: RingState): string {
  const lines = ring.faults.map((f) =>
    f.kind.startsWith("clock") ? f.text : `${shortId(hexOf(f.id), ring.bits)}: ${f.text}`,
  );
  if (ring.faultCount > lines.length) lines.push(`and ${count(ring.faultCount - lines.length)} more`);
  return lines.join("\n");
}

/** full adds a full stop if the text does not end with a punctuation mark. */
const full = (text: string) => (/[.!?]$/.test(text) ? text : `${text}.`);

/** Events that change the ring's membership: the candidates for the header's latest event. */
export const NEWS = [
  "chord.node.joined",
  "chord.node.left",
  "chord.peer.failed",
  "chord.node.leaving",
  "chord.node.started",
];

/**
 * lastNews returns the latest membership event up to an instant; undefined if none is recorded. Repeated reports of a
 * member's failure do not count.
 */
export function lastNews(
  events: readonly FeedEvent[],
  earlier: readonly FeedEvent[] = [],
  now = Number.POSITIVE_INFINITY,
): FeedEvent | undefined {
  const known = earlier.filter((e) => Number(e.timeMs) <= now);
  return unrepeated([...known, ...events]).findLast((e) => NEWS.includes(e.kind));
}

/** sentence returns an event's text with the member's identifier as its subject. */
export function sentence(event: FeedEvent, bits: number): string {
  return `${shortId(hexOf(event.id), bits)} ${event.text}`;
}
