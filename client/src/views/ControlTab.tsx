import { livingMembers } from "../model/verdict";
import { useRing, useShown } from "../store/ring";
import { useUi } from "../store/ui";
import { AddMembers } from "./control/AddMembers";
import { Audit } from "./control/Audit";
import { Cut } from "./control/Cut";
import { Keys } from "./control/Keys";
import { Load } from "./control/Load";
import { Simulation } from "./control/Simulation";

/** ControlTab holds the commands for the whole ring; each section says what its command will do. */
export function ControlTab() {
  const { canControl, needsToken, viewOnly } = useRing((s) => s.settings);
  const mode = useRing((s) => s.view.mode);
  const members = livingMembers(useShown().ring);
  if (viewOnly) {
    return (
      <div className="tab">
        <p className="blank">
          Your token shows the ring and commands nothing. <OtherToken />
        </p>
      </div>
    );
  }
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
      <Audit />
      {needsToken && (
        <section>
          <p className="quiet">
            Commands need the conductor's token. <OtherToken />
          </p>
        </section>
      )}
    </div>
  );
}

function OtherToken() {
  return (
    <button type="button" onClick={() => useUi.setState({ dialog: "token" })}>
      Enter another
    </button>
  );
}
