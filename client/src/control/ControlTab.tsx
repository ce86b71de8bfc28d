import { liveMembers } from "../model/verdict";
import { useRing, useShown } from "../shared/ring";
import { useUi } from "../shared/ui";
import { AddMembers } from "./AddMembers";
import { Audit } from "./Audit";
import { Keys } from "./Keys";
import { Load } from "./Load";
import { Partition } from "./Partition";
import { Simulation } from "./Simulation";

/** ControlTab contains the commands for the whole ring, a section for each kind. */
export default function ControlTab() {
  const { canControl, needsToken, viewOnly } = useRing((s) => s.settings);
  const mode = useRing((s) => s.view.mode);
  const members = liveMembers(useShown().ring);
  if (viewOnly) {
    return (
      <div className="tab">
        <p className="blank">
          Your token allows viewing only, no commands. <OtherToken />
        </p>
      </div>
    );
  }
  if (!canControl) {
    return (
      <div className="tab">
        <p className="blank">This conductor runs no ring and accepts no commands. Control nodes on their own hosts.</p>
      </div>
    );
  }
  return (
    <div className="tab control scroll" tabIndex={0}>
      {mode !== "live" && <p className="hint">Commands act on the live ring, not on the moment shown.</p>}
      <AddMembers />
      <Partition members={members} />
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
      Enter another token
    </button>
  );
}
