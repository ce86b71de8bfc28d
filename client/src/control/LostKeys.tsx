import { useState } from "react";
import { plural } from "../model/words";
import { callJson, messageOf } from "../transport/api";

interface Replica {
  member: string;
  host: string;
  fate: string;
  ended_at_s?: number;
  phase?: string;
  reported_by?: string;
}

interface Lost {
  key: string;
  found: string;
  written_at_s: number;
  copies: number;
  trace_id?: string;
  holders: Replica[];
}

const MOST = 20;

/** replicaText describes what happened to one replica. */
export function replicaText(h: Replica): string {
  const at = h.ended_at_s === undefined ? "" : ` at ${h.ended_at_s.toFixed(1)} s`;
  const by = h.phase ? ` by phase ${h.phase}` : "";
  const reported = h.reported_by ? `, reported by ${h.reported_by}` : "";
  return `${h.member} at ${h.host}: ${h.fate}${by}${reported}${at}`;
}

/** LostKeys lists the lost keys of the report, which is fetched when the reader opens the list. */
export function LostKeys({ count }: { count: number }) {
  const [lost, setLost] = useState<Lost[] | null>(null);
  const [error, setError] = useState("");
  const load = () =>
    callJson<{ lost: Lost[] }>("/api/simulation/report")
      .then(({ lost }) => {
        setLost(lost);
        setError("");
      })
      .catch((err) => setError(messageOf(err)));
  return (
    <details onToggle={(e) => e.currentTarget.open && load()}>
      <summary>{plural(count, "key")} lost: names, and what happened to the replicas</summary>
      {error && <p className="form-error">{error}</p>}
      <ul>
        {lost?.slice(0, MOST).map((k) => (
          <li key={k.key}>
            <code>{k.key}</code> written at {k.written_at_s.toFixed(1)} s on {plural(k.copies, "replica")}; the last
            read found {k.found}
            {k.trace_id && (
              <>
                ; trace of the write <code>{k.trace_id}</code>
              </>
            )}
            <ul>
              {k.holders.map((h) => (
                <li key={h.member}>{replicaText(h)}</li>
              ))}
              {k.holders.length === 0 && <li>The key's replicas are not known.</li>}
            </ul>
          </li>
        ))}
      </ul>
      {count > MOST && <p className="quiet">The report lists more lost keys.</p>}
    </details>
  );
}
