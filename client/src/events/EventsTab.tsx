import { memo, useLayoutEffect, useMemo, useRef, useState } from "react";
import { chosen, type Filter, GROUP_NAMES, type Group, groupOf, kindWord } from "../model/feed";
import { hexOf, shortId } from "../model/id";
import { clock, plural } from "../model/words";
import { Icon } from "../shared/Icon";
import { useRing, useShown } from "../shared/ring";
import { select, toggleFeed, useUi } from "../shared/ui";
import { useHeld, useRows } from "../shared/useRows";
import { seek } from "../timeline/past";
import type { FeedEvent } from "../wire/hub_pb";
import { Violations } from "./Violations";

const ROW = 46;

/** EventsTab shows the feed, newest event last. It follows the newest event until the reader scrolls away. */
export function EventsTab() {
  const world = useShown();
  const selected = useUi((s) => s.selected);
  const feed = useUi((s) => s.feed);
  const filter: Filter = {
    groups: new Set(feed as readonly Group[]),
    errors: feed.includes("errors"),
    member: feed.includes("selected") ? selected : "",
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: the list grows in place; the last sequence number marks a change
  const events = useMemo(
    () => chosen(world.events, filter),
    [world, world.events.at(-1)?.seq, world.events.length, feed, filter.member],
  );
  return (
    <div className="tab events">
      <Violations />
      <div className="filters" role="group" aria-label="Events shown">
        {(Object.keys(GROUP_NAMES) as Group[]).map((group) => (
          <button
            key={group}
            type="button"
            className="chip"
            aria-pressed={feed.includes(group)}
            onClick={() => toggleFeed(group)}
          >
            {GROUP_NAMES[group]}
          </button>
        ))}
        <button type="button" className="chip" aria-pressed={filter.errors} onClick={() => toggleFeed("errors")}>
          Failures only
        </button>
        {selected && (
          <button
            type="button"
            className="chip"
            aria-pressed={filter.member !== ""}
            onClick={() => toggleFeed("selected")}
          >
            Only {shortId(selected, world.ring.bits)}
          </button>
        )}
      </div>
      <Feed events={events} bits={world.ring.bits} />
    </div>
  );
}

function Feed({ events: latest, bits }: { events: FeedEvent[]; bits: number }) {
  const [events, holding] = useHeld(latest);
  const rows = useRows(events.length, ROW, true);
  const [follow, setFollow] = useState(true);
  const newest = events.at(-1)?.seq;
  const before = useRef(newest);
  // The browser keeps the list scrolled to its end. Once the reader has scrolled away, new rows must not move the others.
  useLayoutEffect(() => {
    if (!follow && rows.ref.current) rows.ref.current.scrollTop -= ROW * addedSince(events, before.current);
    before.current = newest;
  }, [events, newest, follow, rows.ref]);
  const toEnd = () => {
    if (rows.ref.current) rows.ref.current.scrollTop = 0;
  };
  return (
    <div className="feed-frame">
      <div
        ref={rows.ref}
        className="scroll"
        {...holding}
        onScroll={(e) => setFollow(e.currentTarget.scrollTop > -ROW)}
        tabIndex={0}
        role="log"
        aria-live="off"
        aria-label="Events"
      >
        <ol style={{ height: rows.height }} data-testid="feed">
          {events.slice(rows.first, rows.last).map((event, i) => (
            <Row key={String(event.seq)} event={event} bits={bits} top={(rows.first + i) * ROW} />
          ))}
        </ol>
        {events.length === 0 && <p className="blank">No events of these kinds yet.</p>}
      </div>
      {!follow && (
        <button type="button" className="follow" onClick={toEnd}>
          Newest
        </button>
      )}
    </div>
  );
}

/** addedSince counts the events after that with the given sequence number; 0 if the list no longer contains it. */
function addedSince(events: readonly FeedEvent[], seq: bigint | undefined): number {
  const at = events.findLastIndex((event) => event.seq === seq);
  return at < 0 ? 0 : events.length - 1 - at;
}

/** Instant shows an event's time. With a history, a click selects the event's member and shows that instant. */
function Instant({ event, onGo }: { event: FeedEvent; onGo: () => void }) {
  const ms = Number(event.timeMs);
  const history = useRing((s) => Number(s.live.ring.historyFromMs));
  if (history === 0 || ms < history) return <time className="num">{clock(ms)}</time>;
  const go = () => {
    onGo();
    // The instant of receipt: views of earlier instants do not contain the event.
    void seek(Number(event.arrivedMs) || ms);
  };
  return (
    <button type="button" className="link instant num" title="Go back to this instant" onClick={go}>
      {clock(ms)}
    </button>
  );
}

const Row = memo(function Row({ event, bits, top }: { event: FeedEvent; bits: number; top: number }) {
  const { jaegerUrl } = useRing((s) => s.settings);
  const id = hexOf(event.id);
  return (
    <li style={{ top, height: ROW }} data-warning={event.warning || undefined} data-group={groupOf(event.kind)}>
      <Instant event={event} onGo={() => select(id)} />
      <div>
        <p title={event.text}>
          <button type="button" className="id-link" onClick={() => select(id)}>
            {shortId(id, bits)}
          </button>{" "}
          {event.text}
        </p>
        <p className="quiet">
          {kindWord(event.kind)}
          {event.keys > 0n && ` · ${plural(event.keys, "key")}`}
        </p>
      </div>
      {jaegerUrl && event.traceId && (
        <a
          className="icon-button"
          href={`${jaegerUrl}/trace/${event.traceId}`}
          target="_blank"
          rel="noreferrer"
          aria-label="Open the trace in Jaeger"
        >
          <Icon name="link" />
        </a>
      )}
    </li>
  );
});
