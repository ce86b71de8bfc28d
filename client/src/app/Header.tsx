import { useMemo } from "react";
import { hexOf } from "../model/id";
import { lastRepair, repairWords } from "../model/repair";
import {
  certainty,
  faults,
  lastNews,
  liveMembers,
  received,
  sentence,
  uncertainMembers,
  verdict,
} from "../model/verdict";
import { count, duration, percent, plural, ringWord } from "../model/words";
import { Icon, type IconName } from "../shared/Icon";
import { togglePause, useRing, useShown } from "../shared/ring";
import { select, setTheme, useUi } from "../shared/ui";
import type { Theme } from "../shared/url";
import { Certainty_State, RingState_Status } from "../wire/hub_pb";

const STATE_ICON: Record<number, IconName> = {
  [RingState_Status.UNSPECIFIED]: "question",
  [RingState_Status.FORMING]: "ring",
  [RingState_Status.IDEAL]: "check",
  [RingState_Status.REPAIRING]: "wrench",
  [RingState_Status.VIOLATED]: "alert",
};

/** Header shows, in this order, the ring's status, the latest event, and how accurate the picture is. */
export function Header() {
  const { ring } = useShown();
  const waiting = useRing((s) => s.epoch === "" && s.link.state !== "open");
  const word = waiting ? "Waiting" : ringWord[ring.status];
  return (
    <header className="header">
      <h1 className="brand">
        <span>Chord Conductor</span>
        {ring.name && <small>{ring.name}</small>}
      </h1>
      <div className="state" data-state={word.toLowerCase()} role="status" data-testid="state">
        <span className="state-mark">
          <Icon name={STATE_ICON[ring.status]} size={20} />
        </span>
        <div>
          <p className="state-line">
            <strong>{word}</strong> <span>{waiting ? "for the conductor to answer." : verdict(ring)}</span>
            {!waiting && <Certain />}
            {ring.status === RingState_Status.IDEAL && <LastRepair />}
          </p>
          {!waiting && <News />}
        </div>
      </div>
      <dl className="figures">
        <Figure name="Members" value={count(liveMembers(ring))} testid="members" />
        <Figure
          name="Ring error"
          title={`How far the pointers of the certain members are from ideal: 0 is ideal.${
            ring.errorUnknown > 0n
              ? ` ${plural(ring.errorUnknown, "pointer")} not counted: the member at one end is not certain.`
              : ""
          }`}
          value={ring.status === RingState_Status.UNSPECIFIED ? "–" : count(ring.error)}
          alarm={ring.error > 0n}
          testid="error"
        />
      </dl>
      <Trust />
      <Actions />
    </header>
  );
}

function Figure(props: { name: string; title?: string; value: string; alarm?: boolean; testid: string }) {
  return (
    <div className="figure" title={props.title} data-alarm={props.alarm || undefined}>
      <dt>{props.name}</dt>
      <dd data-testid={props.testid}>{props.value}</dd>
    </div>
  );
}

/** Certain shows how many of the members the verdict covers. */
function Certain() {
  const { ring } = useShown();
  const text = certainty(ring);
  if (!text) return null;
  return (
    <span
      className="certainty"
      data-testid="certainty"
      data-alarm={ring.certainty?.state !== Certainty_State.ALL || undefined}
      title={uncertainMembers(ring) || undefined}
    >
      · {text}
    </span>
  );
}

/** LastRepair shows when an ideal ring was last repaired, for how long and why. */
function LastRepair() {
  const world = useShown();
  const { samples, events, ring } = world;
  const earlier = useRing((s) => s.earlier);
  // biome-ignore lint/correctness/useExhaustiveDependencies: samples and events grow in place; the last entry of each marks a change
  const repair = useMemo(
    () => lastRepair(samples, [...earlier, ...events], Number(ring.timeMs)),
    [world, samples.at(-1)?.timeMs, events.at(-1)?.seq, earlier],
  );
  if (!repair) return null;
  return (
    <span className="repair" data-testid="repair" title={repairWords(repair, ring.bits)}>
      {repairWords(repair, ring.bits)}
    </span>
  );
}

function News() {
  const { events, ring } = useShown();
  const earlier = useRing((s) => s.earlier);
  const news = lastNews(events, earlier, Number(ring.timeMs));
  if (!news) return <p className="news">No member joined, left or failed in the recorded time.</p>;
  const ago = Math.max(0, Number(ring.timeMs - news.timeMs));
  return (
    <p className="news">
      <span className="num">
        {ago < 1000 ? "Just now" : `${duration(Math.floor(ago / 1000) * 1000).replace(".0", "")} ago`}
      </span>
      :{" "}
      <button type="button" className="link" onClick={() => select(hexOf(news.id))}>
        {sentence(news, ring.bits)}
      </button>
    </p>
  );
}

/** Trust shows the picture's staleness, the telemetry that is missing from it, and the share of lookups traced. */
function Trust() {
  const { ring } = useShown();
  if (!received(ring)) return null;
  const lost = ring.recordsLost;
  return (
    <ul className="trust" aria-label="How far this picture can be trusted">
      {ring.stalenessP99Ms < 0 ? (
        <li title="Telemetry delay is measured on receipt; it is not part of the history.">delay not recorded</li>
      ) : ring.stalenessP99Ms === 0 ? (
        <li title="No event was applied in the last ten seconds, or all have timestamps ahead of the conductor's clock.">
          delay not known
        </li>
      ) : (
        <li
          title={`50 % of the events are applied within ${duration(ring.stalenessP50Ms)} of their emission, 99 % within ${duration(ring.stalenessP99Ms)}.`}
        >
          live, {duration(ring.stalenessP99Ms)} behind
        </li>
      )}
      <li data-alarm={lost > 0n || undefined} title="Telemetry records that nodes report as lost.">
        {lost === 0n ? "no records lost" : `${plural(lost, "record")} lost`}
      </li>
      {(ring.recordsRejected > 0n || ring.rejections.length > 0) && (
        <li data-alarm data-testid="rejected" title={ring.rejections.join("\n")}>
          {ring.recordsRejected > 0n
            ? `${plural(ring.recordsRejected, "record")} rejected`
            : "events of other rings rejected"}
        </li>
      )}
      {ring.spansDropped > 0n && (
        <li
          data-alarm
          data-testid="spans-dropped"
          title="Spans of lookups that could not be assembled: the buffer was full, or the rest of the lookup was not received."
        >
          {plural(ring.spansDropped, "span")} dropped
        </li>
      )}
      {ring.faultCount > 0 && (
        <li data-alarm data-testid="faults" title={faults(ring)}>
          {plural(ring.faultCount, "faulty emitter")}
        </li>
      )}
      {ring.membersRefused > 0 && (
        <li
          data-alarm
          title="Their ring parameters (bits, successors or replicas) differ from the ring's, so the ring's hosts refuse them. The picture and its numbers leave them out."
        >
          {plural(ring.membersRefused, "member")} refused
        </li>
      )}
      <li title="Share of lookups received as traces. Ring events are never sampled.">
        {ring.lookupsSampled < 0 ? "sampling unknown" : `${percent(ring.lookupsSampled)} of lookups traced`}
      </li>
    </ul>
  );
}

function Actions() {
  const mode = useRing((s) => s.view.mode);
  const theme = useUi((s) => s.theme);
  const next: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
  const icon: Record<Theme, IconName> = { system: "system", light: "sun", dark: "moon" };
  return (
    <div className="actions">
      <button
        type="button"
        className="icon-button"
        aria-label={mode === "live" ? "Pause the view" : "Back to live"}
        title={mode === "live" ? "Pause the view (Space)" : "Back to live (Space)"}
        onClick={togglePause}
      >
        <Icon name={mode === "live" ? "pause" : "play"} />
      </button>
      <button
        type="button"
        className="icon-button"
        aria-label={`Theme: ${theme}. Change to ${next[theme]}`}
        title={`Theme: ${theme}`}
        onClick={() => setTheme(next[theme])}
      >
        <Icon name={icon[theme]} />
      </button>
      <button
        type="button"
        className="icon-button"
        aria-label="Keyboard shortcuts"
        title="Keyboard shortcuts (?)"
        onClick={() => useUi.setState({ dialog: "keys" })}
      >
        <Icon name="keys" />
      </button>
    </div>
  );
}
