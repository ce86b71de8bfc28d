import { useState } from "react";
import { addMembers } from "../shared/commands";
import { useBusy } from "../shared/useBusy";

export function AddMembers() {
  const [count, setCount] = useState(1);
  const [busy, run] = useBusy();
  const valid = Number.isInteger(count) && count >= 1 && count <= 1000;
  return (
    <section aria-labelledby="control-add">
      <h3 id="control-add">Members</h3>
      <p className="quiet">New members join the ring and receive keys from their successors by handoff.</p>
      <form
        className="row"
        onSubmit={(e) => {
          e.preventDefault();
          if (valid) run(() => addMembers(count));
        }}
      >
        <input
          type="number"
          aria-label="How many members"
          min={1}
          max={1000}
          value={Number.isNaN(count) ? "" : count}
          onChange={(e) => setCount(e.target.valueAsNumber)}
        />
        <button type="submit" className="primary" disabled={busy || !valid} data-testid="add-members">
          Add {count === 1 ? "member" : "members"}
        </button>
      </form>
    </section>
  );
}
