import { livingMembers } from "../model/verdict";
import { useRing, useShown } from "../store/ring";
import { useUi } from "../store/ui";
import { AddMembers } from "./control/AddMembers";
import { Cut } from "./control/Cut";
import { Keys } from "./control/Keys";
import { Load } from "./control/Load";
import { Simulation } from "./control/Simulation";

/** ControlTab holds the commands for the whole ring; each section says what its command will do. */
export function ControlTab() {
  const { canControl, needsToken } = useRing((s) => s.settings);
  const mode = useRing((s) => s.view.mode);
  const members = livingMembers(useShown().ring);
  if (!canControl) {
    return (
      <div className="tab">
        <p className="blank">
          This conductor only watches: it has no ring of its own to command. Nodes are controlled where they run.
        </p>
      </div>
    );
  }
  return (
    <div className="tab control scroll" tabIndex={0}>
      {mode !== "live" && <p className="hint">What you order happens now, not at the instant you are looking at.</p>}
      <AddMembers />
      <Cut members={members} />
      <Load />
      <Keys />
      <Simulation />
      {needsToken && (
        <section>
          <p className="quiet">
            Commands need the conductor's token.{" "}
            <button type="button" onClick={() => useUi.setState({ dialog: "token" })}>
              Enter another
            </button>
          </p>
        </section>
      )}
    </div>
  );
}
