import { useCallback, useEffect, useState } from "react";
import { clock } from "../model/words";
import { useBusy } from "../shared/useBusy";
import { callJson, messageOf } from "../transport/api";

interface Command {
  time: string;
  who: string;
  from: string;
  what: string;
  detail?: string;
  status?: number;
  error?: string;
}

const SHOWN = 20;

/** Audit lists the newest commands that the conductor received, each with its time, token, sender and result. */
export function Audit() {
  const [commands, setCommands] = useState<Command[]>([]);
  const [failure, setFailure] = useState("");
  const [busy, run] = useBusy();
  const load = useCallback(async () => {
    try {
      setCommands((await callJson<{ commands: Command[] }>(`/api/audit?limit=${SHOWN}`)).commands);
      setFailure("");
    } catch (err) {
      setFailure(messageOf(err));
    }
  }, []);
  useEffect(() => void load(), [load]);
  return (
    <section aria-labelledby="control-audit">
      <h3 id="control-audit">Command log</h3>
      {failure && <p className="quiet">Cannot read the command log: {failure}</p>}
      {commands.length === 0 && !failure && <p className="quiet">No commands yet.</p>}
      <ul className="audit" data-testid="audit">
        {commands.map((c) => (
          <li key={`${c.time}${c.what}${c.from}`}>
            <span className="num">{clock(Date.parse(c.time))}</span> <b>{c.what}</b> {c.detail}{" "}
            <span className="quiet">
              {c.who}, {c.from}
              {c.status ? `: ${c.status}` : ""} {c.error}
            </span>
          </li>
        ))}
      </ul>
      <div className="row">
        <button type="button" disabled={busy} onClick={() => run(load)}>
          Refresh
        </button>
      </div>
    </section>
  );
}
