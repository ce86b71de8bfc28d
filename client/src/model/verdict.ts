import { Certainty_State, type FeedEvent, type RingState, RingState_Status } from "../wire/hub_pb";
import { hexOf, shortId } from "./id";
import { unrepeated } from "./repair";
import { clock, conditionWords, count, plural, whyWords } from "./words";

/** liveMembers is the number of members that take part: those that left or failed do not. */
export function liveMembers(ring: RingState): number {
  return ring.joining + ring.active + ring.leaving + ring.silent;
}

/** received reports whether any member's event has been received: until then there is no picture. */
export function received(ring: RingState): boolean {
  return liveMembers(ring) + ring.left + ring.failed + (ring.certainty?.of ?? 0) > 0;
}

/**
 * verdict states the ring's status in one sentence, computed over its certain members. Only conditions of the invariant
 * make it violated: gaps and overlaps between ranges do not, and are in the list of violations only.
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
        ? `${conditionWords[open[0].condition] ?? open[0].condition}: ${full(open[0].detail)}${open.length > 1 ? ` And ${open.length - 1} more.` : ""}`
        : "The invariant does not hold.";
    default:
      if (received(ring)) return "No member is certain, so the ring's pointers cannot be checked.";
      return ring.rejections.length > 0
        ? "All telemetry received so far was rejected, for the reasons below."
        : "No event of a member has been received yet.";
  }
}

/** small states how many crashes a ring survives that has no more members than a successor list has entries. */
function small(ring: RingState): string {
  const { pointers = 0, keys = 0 } = ring.tolerance ?? {};
  return `Small ring: survives ${plural(Math.min(pointers, keys), "simultaneous crash", "simultaneous crashes")}.`;
}

/** certainty states how many members the verdict covers; empty if there are none. */
export function certainty(ring: RingState): string {
  const { state, count: uncertain, of } = ring.certainty ?? { state: 0, count: 0, of: 0 };
  if (of === 0) return "";
  if (state === Certainty_State.ALL) return of === 1 ? "its member certain" : `all ${plural(of, "member")} certain`;
  return `${count(of - uncertain)} of ${plural(of, "member")} certain`;
}

/** uncertainMembers lists the first uncertain members, each with its reason, one per line. */
export function uncertainMembers(ring: RingState): string {
  const { members = [], count: all = 0 } = ring.certainty ?? {};
  const lines = members.map(
    (m) =>
      `${shortId(hexOf(m.id), ring.bits)}${m.host ? ` on ${m.host}` : ""}: ${whyWords[m.why] ?? m.why}, since ${clock(Number(m.sinceMs))}`,
  );
  if (all > members.length) lines.push(`and ${count(all - members.length)} more`);
  return lines.join("\n");
}

/** faults lists the first identities used twice and clocks that are off, one per line. */
export function faults(ring: RingState): string {
  const lines = ring.faults.map((f) =>
    f.kind.startsWith("clock") ? f.text : `${shortId(hexOf(f.id), ring.bits)}: ${f.text}`,
  );
  if (ring.faultCount > lines.length) lines.push(`and ${count(ring.faultCount - lines.length)} more`);
  return lines.join("\n");
}

/** full adds a missing full stop. */
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
 * lastNews is the latest membership event up to an instant; undefined: none is recorded. Repeated reports of a failed
 * member do not count.
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
