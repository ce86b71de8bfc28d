import type { FeedEvent, Sample } from "../wire/hub_pb";
import { hexOf, shortId } from "./id";
import { clock, duration, plural } from "./words";

/** A Repair is a time in which the ring error was above 0, and its cause. */
export interface Repair {
  from: number; // Unix milliseconds; only as exact as the samples, one per second
  to: number;
  cause: FeedEvent | undefined;
  others: number; // other members that joined, left or failed during the repair
}

/** The first sample with a ring error may be taken up to this long, in milliseconds, after the event that caused it. */
const LAG = 2500;

const CAUSES: Record<string, string> = {
  "chord.peer.failed": "failed",
  "chord.node.left": "left",
  "chord.node.leaving": "left",
  "chord.node.joined": "joined",
};

/** subject returns the member that an event is about: for a report of a failure, the failed member. */
const subject = (e: FeedEvent) => hexOf(e.kind === "chord.peer.failed" && e.peer.length ? e.peer : e.id);

/** unrepeated removes repeated reports of a member's failure, unless the member has emitted an event in between. */
export function unrepeated(events: readonly FeedEvent[]): FeedEvent[] {
  const dead = new Set<string>();
  return events.filter((e) => {
    if (dead.size > 0) dead.delete(hexOf(e.id));
    if (e.kind !== "chord.peer.failed") return true;
    const known = dead.has(subject(e));
    dead.add(subject(e));
    return !known;
  });
}

/**
 * lastRepair returns the last repair of a ring that is ideal now; undefined if none is recorded. The repair may have
 * ended after the newest sample.
 */
export function lastRepair(samples: readonly Sample[], events: readonly FeedEvent[], now: number): Repair | undefined {
  let end = samples.length - 1;
  while (end >= 0 && samples[end].error === 0n) end--;
  if (end < 0) return undefined;
  let start = end;
  while (start > 0 && samples[start - 1].error > 0n) start--;
  const from = Number(samples[start].timeMs);
  const to = end + 1 < samples.length ? Number(samples[end + 1].timeMs) : now;
  const during = unrepeated(events).filter(
    (e) => e.kind in CAUSES && Number(e.timeMs) > from - LAG && Number(e.timeMs) <= to,
  );
  const cause = during.find((e) => e.warning) ?? during[0];
  const others = new Set(during.map(subject)).size - 1;
  return { from, to, cause, others: Math.max(0, others) };
}

/** repairWords formats a repair in one line. */
export function repairWords({ from, to, cause, others }: Repair, bits: number): string {
  const after = cause ? `, after ${shortId(subject(cause), bits)} ${CAUSES[cause.kind]}` : "";
  const more = others === 0 ? "" : ` (and ${plural(others, "more change")} of members)`;
  return `Last repair: ended at ${clock(to)}, took ${duration(Math.max(1000, to - from)).replace(".0", "")}${after}${more}.`;
}
