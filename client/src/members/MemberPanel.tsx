import { apiId, clockwise, hexOf, shortId } from "../model/id";
import { present, Status } from "../model/members";
import { clock, count, degrees, percent, plural, size, statusMeaning, statusWord } from "../model/words";
import { crash, leave, partition, pauseMember } from "../shared/commands";
import { Icon } from "../shared/Icon";
import { MemberLink } from "../shared/MemberLink";
import { useRing, useShown } from "../shared/ring";
import { StatusMark } from "../shared/StatusMark";
import { select, useUi } from "../shared/ui";
import { useBusy } from "../shared/useBusy";

/** MemberPanel shows the selected member's state, pointers and commands. */
export function MemberPanel() {
  const selected = useUi((s) => s.selected);
  const world = useShown();
  if (!selected) return null;
  const slot = world.table.find(selected);
  return (
    <aside className="member" aria-label="Selected member" data-testid="member-panel">
      <header>
        <h2>
          <code>{shortId(selected, world.ring.bits, 12)}</code>
        </h2>
        <button type="button" className="icon-button" aria-label="Close" onClick={() => select("")}>
          <Icon name="close" />
        </button>
      </header>
      {slot < 0 ? <p className="quiet">No such member at this instant.</p> : <Known slot={slot} hex={selected} />}
    </aside>
  );
}

function Known({ slot, hex }: { slot: number; hex: string }) {
  const { table } = useShown();
  const status = table.status[slot];
  const from = table.rangeFrom[slot];
  const predecessor = table.slotOf(table.predecessor[slot]);
  const successor = table.slotOf(table.successor[slot]);
  return (
    <>
      <p className="member-status">
        <StatusMark status={status} uncertain={table.uncertain[slot] === 1} />
        <span>
          <b>{statusWord[status]}</b>
          {statusMeaning[status] ? `: ${statusMeaning[status]}` : ""}
        </span>
      </p>
      {table.uncertain[slot] === 1 && (
        <p className="member-note">
          Some of this member's events have not been received, so these values may be stale.
        </p>
      )}
      {table.error[slot] > 0 && (
        <p className="member-note" data-kind="busy">
          Adds {table.error[slot]} to the ring error: points to the wrong member.
        </p>
      )}
      <dl className="facts">
        <dt>Address</dt>
        <dd>{table.address[slot]}</dd>
        <dt>Position</dt>
        <dd>{degrees(table.turn[slot], table.count)}</dd>
        <dt>Owns</dt>
        <dd>{from < 0 ? "not known" : `${percent(clockwise(from, table.turn[slot]) || 1)} of the circle`}</dd>
        <dt>Keys</dt>
        <dd>
          {count(table.keys[slot])}
          <span className="quiet">
            {" "}
            and {plural(table.replicas[slot], "replica")}, {size(table.bytes[slot])}
          </span>
        </dd>
        <dt>Predecessor</dt>
        <dd>{predecessor < 0 ? "none" : <MemberLink hex={table.hex(predecessor)} />}</dd>
        <dt>Successor</dt>
        <dd>{successor < 0 ? "none" : <MemberLink hex={table.hex(successor)} />}</dd>
        <dt>Last event</dt>
        <dd>{table.lastEvent[slot] ? clock(table.lastEvent[slot]) : "–"}</dd>
      </dl>
      <Details hex={hex} />
      {present(status) && status !== Status.LEAVING && <Commands hex={hex} />}
    </>
  );
}

/** Details shows the member's pointers and counts of operations, which the conductor sends for a watched member only. */
function Details({ hex }: { hex: string }) {
  const { ring, detail } = useShown();
  if (!detail || hexOf(detail.id) !== hex) return <p className="quiet">Loading the member's pointers…</p>;
  if (detail.gone) return <p className="quiet">The member's pointers have not been received.</p>;
  const targets = new Map<string, { first: number; last: number }>();
  for (const run of detail.fingers) {
    if (!run.id.length) continue;
    const target = hexOf(run.id);
    const known = targets.get(target);
    targets.set(target, {
      first: Math.min(run.first, known?.first ?? run.first),
      last: Math.max(run.last, known?.last ?? run.last),
    });
  }
  return (
    <>
      <h3>
        Successor list{detail.successors.length > 1 && <small className="quiet">, as numbered on the ring</small>}
      </h3>
      <ol className="chips">
        {detail.successors.map((id) => (
          <li key={hexOf(id)}>
            <MemberLink hex={hexOf(id)} />
          </li>
        ))}
        {detail.placeholders > 0 && (
          <li className="quiet">{plural(detail.placeholders, "empty entry", "empty entries")}</li>
        )}
      </ol>
      <h3>Fingers</h3>
      {targets.size === 0 ? (
        <p className="quiet">None received yet.</p>
      ) : (
        <ol className="fingers">
          {[...targets].map(([target, { first, last }]) => (
            <li key={target}>
              <span className="num">{first === last ? last : `${first}–${last}`}</span>
              <MemberLink hex={target} />
            </li>
          ))}
        </ol>
      )}
      <p className="quiet">
        {count(detail.gets)} gets, {count(detail.puts)} puts, {count(detail.deletes)} deletes served. Identifier{" "}
        <code className="whole">{apiId(hex, ring.bits)}</code>
      </p>
    </>
  );
}

function Commands({ hex }: { hex: string }) {
  const { canControl } = useRing((s) => s.settings);
  const live = useRing((s) => s.view.mode === "live");
  const [busy, run] = useBusy();
  if (!canControl) return null;
  return (
    <div className="commands" role="group" aria-label="Commands for this member">
      <button
        type="button"
        disabled={busy || !live}
        onClick={() => run(() => leave(hex))}
        title="Hands off its keys, then leaves."
      >
        Leave
      </button>
      <button
        type="button"
        className="danger"
        disabled={busy || !live}
        onClick={() => run(() => crash(hex))}
        title="Stops without notice. Its neighbours detect the failure."
      >
        Crash
      </button>
      <button
        type="button"
        disabled={busy || !live}
        onClick={() => run(() => pauseMember(hex, "10s"))}
        title="Drops all traffic for ten seconds, then resumes."
      >
        Pause 10 s
      </button>
      <button
        type="button"
        disabled={busy || !live}
        onClick={() => run(() => partition([hex]))}
        title="Drops all messages between this member and the others until the ring is healed."
      >
        Partition
      </button>
    </div>
  );
}
