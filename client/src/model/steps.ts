/**
 * Stepping by event goes from cause to cause. Of one crash every neighbour tells as it finds out, seconds apart: only the
 * first of these reports is a step.
 */

/** What a step needs to know of an event; identifiers in one spelling. */
export interface Happening {
  kind: string;
  id: string;
  peer?: string;
}

const DEATH = "chord.peer.failed";
const BIRTH = ["chord.node.started", "chord.node.joined"];

/** Deaths remembers who is known to be dead, as events go by. */
class Deaths {
  private readonly dead: Set<string>;

  constructor(known: Iterable<string> = []) {
    this.dead = new Set(known);
  }

  /** repeats says whether an event, the next in time, only tells again of a death. */
  repeats(e: Happening): boolean {
    if (BIRTH.includes(e.kind)) this.dead.delete(e.id);
    if (e.kind !== DEATH || !e.peer) return false;
    if (this.dead.has(e.peer)) return true;
    this.dead.add(e.peer);
    return false;
  }

  get known(): ReadonlySet<string> {
    return this.dead;
  }
}

/** deadAfter names those that the events, oldest first, leave known to be dead. */
export function deadAfter(events: Iterable<Happening>): ReadonlySet<string> {
  const deaths = new Deaths();
  for (const e of events) deaths.repeats(e);
  return deaths.known;
}

/** firstStep is the first event that is no repetition, where some deaths were known before; undefined: all are. */
export function firstStep<T extends Happening>(events: readonly T[], known: Iterable<string>): T | undefined {
  const deaths = new Deaths(known);
  return events.find((e) => !deaths.repeats(e));
}

/** lastStep is the last event that is no repetition of those before it. */
export function lastStep<T extends Happening>(events: readonly T[]): T | undefined {
  const deaths = new Deaths();
  return events.filter((e) => !deaths.repeats(e)).at(-1);
}
