import { useState } from "react";
import { slotsInArc } from "../model/arcs";
import { present } from "../model/members";
import { percent, plural } from "../model/words";
import { heal, partition } from "../shared/commands";
import { useShown } from "../shared/ring";
import { useUi } from "../shared/ui";
import { useBusy } from "../shared/useBusy";

/**
 * Partition separates the members of an arc from the rest. The reader draws the arc on the picture, or gives it as a
 * share of the circle.
 */
export function Partition({ members }: { members: number }) {
  const { table, simulation } = useShown();
  const { arc, drawing, selected } = useUi();
  const [share, setShare] = useState(30);
  const [busy, run] = useBusy();
  const inside = arc ? slotsInArc(table, arc.from, arc.to).filter((slot) => present(table.status[slot])) : null;
  const fromSelected = () => {
    const slot = selected ? table.find(selected) : -1;
    const from = slot < 0 ? 0 : table.turn[slot] - 1e-9;
    useUi.setState({ arc: { from: (from + 1) % 1, to: (from + 1 + share / 100) % 1 }, drawing: false });
  };
  const partitioned = simulation?.cut ?? 0;
  return (
    <section aria-labelledby="control-partition">
      <h3 id="control-partition">Partition</h3>
      <p className="quiet">
        Drops all messages between an arc of members and the others. Each side forms a ring of its own; after healing
        they merge.
      </p>
      <div className="row">
        <button type="button" aria-pressed={drawing} onClick={() => useUi.setState({ drawing: !drawing, arc: null })}>
          {drawing ? "Drag along the ring…" : "Draw an arc"}
        </button>
        <span className="quiet">or</span>
        <input
          type="number"
          aria-label="Percent of the circle"
          min={1}
          max={99}
          value={share}
          onChange={(e) => setShare(e.target.valueAsNumber || 1)}
        />
        <button type="button" onClick={fromSelected}>
          % of the circle, from {selected ? "the selected member" : "the top"}
        </button>
      </div>
      {arc && inside && (
        <div className="row">
          <button
            type="button"
            className="primary"
            disabled={busy || inside.length === 0 || inside.length >= members}
            onClick={() =>
              run(async () => {
                if (await partition(Array.from(inside, (slot) => table.hex(slot)))) useUi.setState({ arc: null });
              })
            }
          >
            Partition {plural(inside.length, "member")}
          </button>
          <span className="quiet">{percent((arc.to - arc.from + 1) % 1 || 1)} of the circle</span>
          <button type="button" onClick={() => useUi.setState({ arc: null })}>
            Discard
          </button>
        </div>
      )}
      <div className="row">
        <button type="button" disabled={busy} onClick={() => run(heal)}>
          Heal
        </button>
        {partitioned > 0 && <span>{plural(partitioned, "member")} partitioned now.</span>}
      </div>
    </section>
  );
}
