import { hexOf, shortId } from "../model/id";
import { clock, conditionWords, duration } from "../model/words";
import { Icon } from "../shared/Icon";
import { MemberLink } from "../shared/MemberLink";
import { useRing, useShown } from "../shared/ring";

/** How long a healed violation stays in the list, in milliseconds. */
const REMEMBER = 10 * 60_000;

/** Violations lists the violated conditions, each with its members, start and cause. */
export function Violations() {
  const { ring } = useShown();
  const { jaegerUrl } = useRing((s) => s.settings);
  const now = Number(ring.timeMs);
  const list = ring.violations.filter((v) => v.healedMs === 0n || now - Number(v.healedMs) < REMEMBER);
  if (list.length === 0) return null;
  return (
    <ul className="violations" aria-label="Violations of the invariant" data-testid="violations">
      {list.map((v) => (
        <li
          key={`${v.condition}${v.sinceMs}${v.members.map((id) => hexOf(id)).join()}`}
          data-healed={v.healedMs > 0n || undefined}
        >
          <p>
            <Icon name={v.healedMs > 0n ? "check" : "alert"} size={14} />{" "}
            <b title={v.condition}>{conditionWords[v.condition] ?? v.condition}</b>
            <span className="quiet num">
              {v.healedMs > 0n
                ? `healed after ${duration(Number(v.healedMs - v.sinceMs))}`
                : `since ${clock(Number(v.sinceMs))}`}
            </span>
          </p>
          <p>
            {v.detail.startsWith("its ") || v.detail.includes(" its ")
              ? `${shortId(hexOf(v.members[0]), ring.bits)}: `
              : ""}
            {v.detail}
          </p>
          <p className="chips">
            {v.members.slice(0, 8).map((id) => (
              <MemberLink key={hexOf(id)} hex={hexOf(id)} />
            ))}
            {v.members.length > 8 && <span className="quiet">and {v.members.length - 8} more</span>}
            {jaegerUrl && v.traceId && (
              <a href={`${jaegerUrl}/trace/${v.traceId}`} target="_blank" rel="noreferrer">
                cause in Jaeger
              </a>
            )}
          </p>
        </li>
      ))}
    </ul>
  );
}
