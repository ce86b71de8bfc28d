import { fingerStart, hexOf, shortId } from "../model/id";
import { plural, statusWord } from "../model/words";
import { useShown } from "../shared/ring";
import { StatusMark } from "../shared/StatusMark";
import { binSlots } from "./hit";
import type { Layout } from "./layout";
import type { Hover } from "./stage";

/** How many members of a bin the tooltip lists. It only counts the others. */
const LENS = 8;

/** Tooltip describes what is under the pointer: a member, a finger, or a bin with its members. */
export function Tooltip({ hover, layout }: { hover: Hover; layout: Layout | undefined }) {
  const { table, ring, detail } = useShown();
  const style = {
    left: hover.x,
    top: hover.y,
    transform: `translate(${hover.x > (layout?.cx ?? 0) ? "calc(-100% - 14px)" : "14px"}, ${hover.y > (layout?.cy ?? 0) ? "calc(-100% - 10px)" : "10px"})`,
  };
  if (hover.finger >= 0) {
    const target = table.hex(hover.finger);
    const run = detail?.fingers.find((f) => hexOf(f.id) === target);
    if (!run || !detail) return null;
    return (
      <div className="tooltip" style={style} role="tooltip">
        <b>{run.first === run.last ? `Finger ${run.first}` : `Fingers ${run.first} to ${run.last}`}</b>
        <p>
          {run.first === run.last ? "leads" : "lead"} to <code>{shortId(target, ring.bits)}</code>, the first member at
          or after <code>{shortId(fingerStart(hexOf(detail.id), run.last, ring.bits), ring.bits)}</code>
          {`, which is ${shortId(hexOf(detail.id), ring.bits)} + 2`}
          <sup>{run.last}</sup>
        </p>
      </div>
    );
  }
  if (hover.hit?.kind === "member" && hover.hit.slot < table.count) {
    const { slot } = hover.hit;
    return (
      <div className="tooltip" style={style} role="tooltip">
        <b>
          <StatusMark status={table.status[slot]} uncertain={table.uncertain[slot] === 1} />{" "}
          <code>{shortId(table.hex(slot), ring.bits, 10)}</code>
        </b>
        <p>
          {statusWord[table.status[slot]]}
          {table.uncertain[slot] ? ", uncertain" : ""} · {plural(table.keys[slot], "key")}
          {table.error[slot] > 0 ? ` · ring error ${table.error[slot]}` : ""}
        </p>
        <p className="quiet">{table.address[slot]}</p>
      </div>
    );
  }
  if (hover.hit?.kind === "bin" && layout) {
    const slots = [...binSlots(table, layout, hover.hit.bin)];
    return (
      <div className="tooltip" style={style} role="tooltip">
        <b>
          {plural(slots.length, "member")} · {plural(layout.binKeys[hover.hit.bin], "key")}
        </b>
        <ul>
          {slots.slice(0, LENS).map((slot) => (
            <li key={table.handle[slot]}>
              <StatusMark status={table.status[slot]} uncertain={table.uncertain[slot] === 1} />{" "}
              <code>{shortId(table.hex(slot), ring.bits)}</code> <span>{plural(table.keys[slot], "key")}</span>
            </li>
          ))}
        </ul>
        {slots.length > LENS && <p className="quiet">and {slots.length - LENS} more: zoom in to see each member</p>}
      </div>
    );
  }
  return null;
}
