import { useEffect, useState } from "react";
import { Status } from "../model/members";
import { count, statusWord } from "../model/words";
import { useRing, useShown } from "../shared/ring";
import { StatusMark } from "../shared/StatusMark";
import { useUi } from "../shared/ui";
import { motion } from "./motion";

/** Legend counts the members by status, explains the picture's marks, and shows the rate of lookups that are drawn. */
export function Legend() {
  const { ring } = useShown();
  const rows: [Status, number][] = [
    [Status.ACTIVE, ring.active],
    [Status.JOINING, ring.joining],
    [Status.LEAVING, ring.leaving],
    [Status.SILENT, ring.silent],
    [Status.FAILED, ring.failed],
    [Status.LEFT, ring.left],
  ];
  return (
    <div className="legend" data-over>
      <ul aria-label="Members by status">
        {rows
          .filter(([status, n]) => n > 0 || status === Status.ACTIVE)
          .map(([status, n]) => (
            <li key={status}>
              <StatusMark status={status} />
              <span className="num">{count(n)}</span> {statusWord[status]}
            </li>
          ))}
        {ring.uncertain > 0 && (
          <li>
            <StatusMark status={Status.ACTIVE} uncertain />
            <span className="num">{ring.uncertain}</span> uncertain
          </li>
        )}
      </ul>
      <Key repairing={ring.error > 0n} broken={ring.violations.some((v) => v.healedMs === 0n)} />
      <MotionLine />
    </div>
  );
}

/** Key explains the picture's marks, lines and bars. It has marks of repair and violation only while they are shown. */
function Key({ repairing, broken }: { repairing: boolean; broken: boolean }) {
  return (
    <ul className="key-list" aria-label="How to read the picture">
      {repairing && (
        <li>
          <svg className="mark mark-leaving" aria-hidden="true" width="18" height="14" viewBox="-9 -7 18 14">
            <path className="mark-line" d="M0-6L6 0L0 6L-6 0z" />
          </svg>
          pointers under repair
        </li>
      )}
      {broken && (
        <li>
          <svg className="mark mark-failed" aria-hidden="true" width="18" height="14" viewBox="-9 -7 18 14">
            <path className="mark-fill" d="M0-5L5 5H-5z" />
          </svg>
          violated condition
        </li>
      )}
      <li>
        <i data-shape="bar" /> keys that a member owns
      </li>
      <li>
        <i /> hop of a lookup by a finger
      </li>
      <li>
        <i data-shape="dotted" /> hop by a successor
      </li>
      <li>
        <i data-shape="dashed" /> hop by a learned route
      </li>
      <li>
        <i data-tone="busy" /> hop after a timeout
      </li>
    </ul>
  );
}

const few = (n: number) => (n < 10 ? n.toFixed(1) : count(Math.round(n)));

function MotionLine() {
  const limit = useUi((s) => s.motion);
  const past = useRing((s) => s.view.mode === "past");
  const [rates, setRates] = useState({ arrived: 0, shown: 0 });
  useEffect(() => {
    const timer = setInterval(() => setRates(motion.rates(performance.now())), 1000);
    return () => clearInterval(timer);
  }, []);
  let text = "No lookups now";
  if (limit === 0) text = "Lookups are not drawn";
  else if (past) text = "Play to show the recorded lookups";
  else if (rates.arrived > 0 && rates.shown >= rates.arrived * 0.95)
    text = `All ${few(rates.arrived)} lookups per second shown`;
  else if (rates.arrived > 0) text = `${few(rates.shown)} of ${few(rates.arrived)} lookups per second shown`;
  return (
    <label className="motion">
      <span>{text}</span>
      <select
        aria-label="Lookups that move on the ring"
        value={limit}
        onChange={(e) => useUi.setState({ motion: Number(e.target.value) })}
      >
        <option value={0}>none</option>
        <option value={12}>some</option>
        <option value={60}>many</option>
      </select>
    </label>
  );
}
