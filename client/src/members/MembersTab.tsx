import { useEffect } from "react";
import { shortId } from "../model/id";
import { type MemberTable, Status } from "../model/members";
import { count, degrees, statusWord } from "../model/words";
import { Rejections } from "../shared/Rejections";
import { useShown } from "../shared/ring";
import { StatusMark } from "../shared/StatusMark";
import { select, useUi } from "../shared/ui";
import type { Column } from "../shared/url";
import { useRows } from "../shared/useRows";

const ROW = 32;

const HEADS: { key: Column; name: string; title: string }[] = [
  { key: "id", name: "Member", title: "identifier" },
  { key: "status", name: "Status", title: "status" },
  { key: "position", name: "At", title: "position on the circle" },
  { key: "keys", name: "Keys", title: "keys owned" },
  { key: "error", name: "Error", title: "share of the ring error" },
  { key: "address", name: "Address", title: "address" },
];

/** MembersTab shows the members as a sortable table, which a screen reader can read, unlike the canvas. */
export function MembersTab() {
  const { table, ring } = useShown();
  const sort = useUi((s) => s.sort);
  const selected = useUi((s) => s.selected);
  const rows = useRows(table.count, ROW);
  const order = sortedSlots(table, sort.by, sort.down);
  const at = selected ? order.indexOf(table.find(selected)) : -1;
  // biome-ignore lint/correctness/useExhaustiveDependencies: scroll after a selection, not after every change of order
  useEffect(() => {
    if (at >= 0) rows.scrollTo(at);
  }, [selected, sort]);
  return (
    <div className="tab members">
      <div ref={rows.ref} className="scroll" tabIndex={0}>
        <div role="table" aria-label="Members" aria-rowcount={table.count + 1} data-testid="member-table">
          <div role="row" className="table-head" aria-rowindex={1}>
            {HEADS.map((column) => (
              <div
                key={column.key}
                role="columnheader"
                aria-sort={sort.by !== column.key ? "none" : sort.down ? "descending" : "ascending"}
              >
                <button
                  type="button"
                  title={`Sort by ${column.title}`}
                  onClick={() =>
                    useUi.setState({ sort: { by: column.key, down: sort.by === column.key && !sort.down } })
                  }
                >
                  {column.name}
                  <span aria-hidden="true">{sort.by !== column.key ? "" : sort.down ? " ↓" : " ↑"}</span>
                </button>
              </div>
            ))}
          </div>
          <div role="rowgroup" style={{ height: rows.height, position: "relative" }}>
            {Array.from({ length: rows.last - rows.first }, (_, i) => {
              const row = rows.first + i;
              const slot = order[row];
              if (slot === undefined) return null;
              return (
                <Row
                  key={table.handle[slot]}
                  table={table}
                  slot={slot}
                  row={row}
                  bits={ring.bits}
                  selected={row === at}
                />
              );
            })}
          </div>
        </div>
        {table.count === 0 &&
          (ring.rejections.length > 0 ? (
            <Rejections />
          ) : (
            <p className="blank">No event of a member has been received yet.</p>
          ))}
      </div>
    </div>
  );
}

function Row(props: { table: MemberTable; slot: number; row: number; bits: number; selected: boolean }) {
  const { table, slot, row, bits } = props;
  const hex = table.hex(slot);
  const uncertain = table.uncertain[slot] === 1;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keyboard reaches the button inside, whose click arrives here
    <div
      role="row"
      aria-rowindex={row + 2}
      aria-selected={props.selected}
      className="table-row"
      onClick={() => select(hex)}
      style={{ top: row * ROW, height: ROW }}
    >
      <div role="cell">
        <button type="button" className="id-link">
          {shortId(hex, bits, 8)}
        </button>
      </div>
      <div role="cell" className="table-status">
        <StatusMark status={table.status[slot]} uncertain={uncertain} />
        {statusWord[table.status[slot]]}
        {uncertain && (
          <span title="uncertain: some of its events have not been received">
            <span aria-hidden="true">?</span>
            <span className="visually-hidden">, uncertain</span>
          </span>
        )}
      </div>
      <div role="cell" className="num">
        {degrees(table.turn[slot], table.count)}
      </div>
      <div role="cell" className="num">
        {count(table.keys[slot])}
      </div>
      <div role="cell" className="num">
        {table.error[slot]}
      </div>
      <div role="cell" className="quiet">
        {table.address[slot]}
      </div>
    </div>
  );
}

/** Sort rank of each status, the worst status first. */
const CONCERN: Record<number, number> = {
  [Status.FAILED]: 0,
  [Status.SILENT]: 1,
  [Status.LEAVING]: 2,
  [Status.JOINING]: 3,
  [Status.ACTIVE]: 4,
  [Status.LEFT]: 5,
};

export function sortedSlots(table: MemberTable, by: Column, down: boolean): Uint32Array {
  const order = table.order().slice();
  if (by === "keys") order.sort((a, b) => table.keys[a] - table.keys[b]);
  else if (by === "error") order.sort((a, b) => table.error[a] - table.error[b]);
  else if (by === "status")
    order.sort(
      (a, b) =>
        (CONCERN[table.status[a]] ?? 9) - (CONCERN[table.status[b]] ?? 9) || table.uncertain[b] - table.uncertain[a],
    );
  else if (by === "address")
    order.sort((a, b) => (table.address[a] < table.address[b] ? -1 : table.address[a] > table.address[b] ? 1 : 0));
  return down ? order.reverse() : order;
}
