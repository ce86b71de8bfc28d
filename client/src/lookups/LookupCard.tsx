import { apiId, hexOf, shortId } from "../model/id";
import {
  clockWord,
  distancesLeft,
  expectedHops,
  hopCount,
  outcomeWord,
  pointerMeaning,
  pointerWord,
} from "../model/lookups";
import { liveMembers } from "../model/verdict";
import { clock, duration, percent, plural } from "../model/words";
import { Icon } from "../shared/Icon";
import { MemberLink } from "../shared/MemberLink";
import { useRing, useShown } from "../shared/ring";
import { chooseLookup, useUi } from "../shared/ui";
import { type Hop, type Lookup, Lookup_Outcome } from "../wire/hub_pb";
import { OutcomeMark } from "./OutcomeMark";

/** LookupCard shows all of one lookup: its path, and the time of each hop as a waterfall. */
export function LookupCard({ lookup }: { lookup: Lookup }) {
  const { ring } = useShown();
  const { jaegerUrl } = useRing((s) => s.settings);
  const members = liveMembers(ring);
  const total = Math.max(1, Number(lookup.durationUs));
  const hops = hopCount(lookup);
  const timeouts = lookup.hops.reduce((n, hop) => n + hop.timeouts, 0);
  const typed = useUi((s) => s.key);
  const lefts = distancesLeft(lookup, ring.bits);
  const failed = lookup.outcome === Lookup_Outcome.FAILED;
  const owner = failed ? undefined : lookup.hops.at(-1);
  return (
    <article className="lookup-card" aria-label="Chosen lookup" data-testid="lookup-card">
      <header>
        <OutcomeMark outcome={lookup.outcome} />
        <h2>
          {lookup.operation} <code>{apiId(hexOf(lookup.key), ring.bits).slice(0, 12)}</code>
        </h2>
        <button type="button" className="icon-button" aria-label="Close" onClick={() => chooseLookup(null)}>
          <Icon name="close" />
        </button>
      </header>
      <p>
        {outcomeWord[lookup.outcome]} in <b className="num">{duration(total / 1000)}</b>, {lookup.mode}, at{" "}
        {clock(Number(lookup.startUs / 1000n), true)}
      </p>
      {failed && <p className="form-error">{lookup.error || "No reason was reported."}</p>}
      <p>
        {typed ? `The hash of “${typed}” is ` : "The key's identifier is "}
        <code>{shortId(hexOf(lookup.key), ring.bits)}</code>
        {owner && (
          <>
            ; the first member at or after it, <MemberLink hex={hexOf(owner.id)} />, owns it
          </>
        )}
        .{" "}
        {lookup.hops.length > 1
          ? "Each member forwarded the lookup to the member of its pointers that most closely precedes the key; the list names that pointer:"
          : "The member that started the lookup owns the key, so there was no hop:"}
      </p>
      <ol className="waterfall">
        {lookup.hops.map((hop, i) => {
          const from = Number(hop.atUs);
          const to = i + 1 < lookup.hops.length ? Number(lookup.hops[i + 1].atUs) : total;
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: a path never changes, and may contain a member twice
            <li key={i}>
              <MemberLink hex={hexOf(hop.id)} />
              <span className="bar" title={`${duration(from / 1000)} to ${duration(to / 1000)}`}>
                <i
                  data-timeouts={hop.timeouts > 0 || undefined}
                  style={{
                    left: `${(100 * Math.min(from, total)) / total}%`,
                    width: `${Math.max(1.5, (100 * Math.max(0, Math.min(to, total) - from)) / total)}%`,
                  }}
                />
              </span>
              <span className="num">{duration(Math.max(0, to - from) / 1000)}</span>
              <Why hop={hop} left={lefts[i]} owner={hop === owner} bits={ring.bits} />
              {hop.clockUs !== 0n && (
                <span className="hop-note" title="Hops are ordered by their parent spans, not by clocks.">
                  {clockWord(hop.clockUs)}
                </span>
              )}
              {hop.timeouts > 0 && <span className="hop-note">{plural(hop.timeouts, "timeout")} before this hop</span>}
            </li>
          );
        })}
      </ol>
      <p className="quiet">
        {plural(hops, "hop")} before the owner; ½ log₂ {members} = {expectedHops(members).toFixed(1)} are expected.
        {timeouts > 0 && ` ${plural(timeouts, "timeout")} on the way.`}
      </p>
      <p className="card-links">
        {jaegerUrl && lookup.traceId ? (
          <a href={`${jaegerUrl}/trace/${lookup.traceId}`} target="_blank" rel="noreferrer">
            Open in Jaeger <Icon name="link" size={13} />
          </a>
        ) : lookup.traceId ? (
          <span className="quiet">
            Trace <code className="whole">{lookup.traceId}</code>
          </span>
        ) : (
          <span className="quiet">This lookup was not traced; its path comes from the answer.</span>
        )}
      </p>
    </article>
  );
}

/** Why shows the pointer that led to a member, the pointer's meaning, and the distance left to the key. */
function Why({ hop, left, owner, bits }: { hop: Hop; left: number; owner: boolean; bits: number }) {
  const meaning = pointerMeaning(hop.pointer, hop.slot, bits);
  return (
    <span className="why">
      <b>{pointerWord(hop.pointer, hop.slot)}</b>
      {meaning && `, ${meaning}`}
      {owner
        ? ": the owner"
        : hop.pointer === "self"
          ? `: the key is ${percent(left)} of the circle ahead`
          : `: ${percent(left)} of the circle left`}
    </span>
  );
}
