import type { FeedEvent, Sample } from "../wire/hub_pb";
import { hexOf, shortId } from "./id";
import { clock, duration } from "./words";

/** A Repair is a time in which the ring error was above 0, and its cause. */
export interface Repair {
  from: number; // Unix milliseconds, to the second: samples are no finer
  to: number;
  cause: FeedEvent | undefined;
  others: number; // further members that joined, left or failed meanwhile
}

/** The first sample with an error may be taken this long after the event that caused it. */
const LAG = 2500;

const CAUSES: Record<string, string> = {
  "chord.peer.failed": "failed",
  "chord.node.left": "left",
  "chord.node.leaving": "left",
  "chord.node.joined": "joined",
};

/** subject is the member that an event is about: of a failure, the failed one. */
const subject = (e: FeedEvent) => hexOf(e.kind === "chord.peer.failed" && e.peer.length ? e.peer : e.id);

/** unrepeated drops repeated failure reports of a member that has emitted no event since the first one. */
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

/** lastRepair is an ideal ring's last repair, which may have ended since the newest sample; undefined: none is recorded. */
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
  const more = others === 0 ? "" : others === 1 ? " and one more" : ` and ${others} more`;
  return `Last repair: ${clock(to)}, in ${duration(Math.max(1000, to - from)).replace(".0", "")}${after}${more}.`;
}
