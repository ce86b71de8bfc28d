import { useState } from "react";
import { apiId, hexOf, shortId } from "../model/id";
import { expectedHops, type Found, hopCount, lookupOf, outcomeWord, sameLookup, serialOf } from "../model/lookups";
import { liveMembers } from "../model/verdict";
import { clock, duration } from "../model/words";
import { motion } from "../ring/motion";
import { useRing, useShown } from "../shared/ring";
import { chooseLookup, useUi } from "../shared/ui";
import { useHeld, useRows } from "../shared/useRows";
import { callJson, messageOf } from "../transport/api";
import { type Lookup, Lookup_Outcome } from "../wire/hub_pb";
import { LookupCard } from "./LookupCard";
import { OutcomeMark } from "./OutcomeMark";
import { StripPlot } from "./StripPlot";

const ROW = 30;

/** LookupsTab starts lookups, shows the chosen lookup's path, and lists recent lookups. */
export function LookupsTab() {
  const world = useShown();
  const chosen = useUi((s) => s.lookup);
  const canControl = useRing((s) => s.settings.canControl);
  const [only, setOnly] = useState<"all" | "trouble">("all");
  const lookups = only === "all" ? world.lookups : world.lookups.filter((l) => l.outcome !== Lookup_Outcome.SUCCESS);
  const mean = world.lookups.reduce((sum, l) => sum + hopCount(l), 0) / Math.max(1, world.lookups.length);
  const members = liveMembers(world.ring);
  return (
    <div className="tab lookups">
      {canControl && <FindForm />}
      {chosen ? (
        <LookupCard lookup={chosen} />
      ) : (
        <p className="hint">
          A key's hash is its identifier on the circle; the first member at or after it, clockwise, owns the key. A
          member has pointers to the next few members (its successors) and to one ½, ¼, ⅛ … of the circle ahead (its
          fingers). It forwards a lookup to the closest of them before the key, so that every hop about halves the
          distance.{" "}
          {world.lookups.length === 0
            ? "No lookup has been traced yet."
            : `The last ${world.lookups.length} took ${mean.toFixed(1)} hops on average; expected: ½ log₂ ${members} = ${expectedHops(members).toFixed(1)}.`}
        </p>
      )}
      <StripPlot lookups={world.lookups} bits={world.ring.bits} members={members} />
      <div className="list-head">
        <h3>Recent lookups</h3>
        <button
          type="button"
          className="chip"
          aria-pressed={only === "trouble"}
          onClick={() => setOnly(only === "all" ? "trouble" : "all")}
        >
          Timeouts and failures only
        </button>
      </div>
      <List lookups={lookups} bits={world.ring.bits} chosen={chosen} />
    </div>
  );
}

function FindForm() {
  const { ring } = useShown();
  const selected = useUi((s) => s.selected);
  const [state, setState] = useState<{ busy: boolean; error: string }>({ busy: false, error: "" });
  const find = async (e: React.FormEvent<HTMLFormElement>) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget);
    const from = form.get("from") === "selected" && selected ? apiId(selected, ring.bits) : "";
    setState({ busy: true, error: "" });
    try {
      const found = await callJson<Found>("/api/lookups", {
        method: "POST",
        json: { key: form.get("key"), from, mode: form.get("mode") },
      });
      const lookup = lookupOf(found, Date.now());
      chooseLookup(lookup, String(form.get("key")));
      motion.lookup(lookup, ring.bits, performance.now());
      setState({ busy: false, error: "" });
    } catch (err) {
      setState({ busy: false, error: messageOf(err) });
    }
  };
  return (
    <form className="find" onSubmit={find} data-testid="find">
      <label className="grow">
        Key
        <input name="key" required maxLength={1024} placeholder="any text" autoComplete="off" />
      </label>
      <button type="submit" className="primary" disabled={state.busy}>
        Find
      </button>
      <label>
        Start at
        <select name="from" defaultValue="selected">
          <option value="selected">{selected ? shortId(selected, ring.bits) : "any member"}</option>
          {selected && <option value="">any member</option>}
        </select>
      </label>
      <label>
        Mode
        <select name="mode">
          <option value="">default</option>
          <option value="recursive">recursive</option>
          <option value="iterative">iterative</option>
        </select>
      </label>
      {state.error && (
        <p className="form-error" role="alert">
          {state.error}
        </p>
      )}
    </form>
  );
}

function List({ lookups: latest, bits, chosen }: { lookups: Lookup[]; bits: number; chosen: Lookup | null }) {
  const [lookups, holding] = useHeld(latest.slice());
  const rows = useRows(lookups.length, ROW);
  const newest = lookups.length - 1;
  return (
    <div ref={rows.ref} className="scroll" tabIndex={0} {...holding}>
      <div role="table" aria-label="Recent lookups, newest first" aria-rowcount={lookups.length}>
        <div role="rowgroup" style={{ height: rows.height, position: "relative" }}>
          {Array.from({ length: rows.last - rows.first }, (_, i) => {
            const row = rows.first + i;
            const l = lookups[newest - row];
            if (!l) return null;
            return (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the keyboard reaches the button inside, whose click arrives here
              <div
                key={serialOf(l)}
                role="row"
                aria-rowindex={row + 1}
                aria-selected={sameLookup(l, chosen)}
                className="lookup-row"
                onClick={() => chooseLookup(l)}
                style={{ top: row * ROW, height: ROW }}
              >
                <div role="cell">
                  <OutcomeMark outcome={l.outcome} />
                  <span className="visually-hidden">{outcomeWord[l.outcome]}</span>
                </div>
                <div role="cell" className="num quiet">
                  {clock(Number(l.startUs / 1000n))}
                </div>
                <div role="cell">
                  <button type="button" className="link">
                    {l.operation} <code>{shortId(hexOf(l.key), bits)}</code>
                  </button>
                </div>
                <div role="cell" className="num">
                  {hopCount(l)} {hopCount(l) === 1 ? "hop" : "hops"}
                </div>
                <div role="cell" className="num">
                  {duration(Number(l.durationUs) / 1000)}
                </div>
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
