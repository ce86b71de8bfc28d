import { useEffect, useRef, useState } from "react";
import { rate } from "../model/words";
import { notify } from "../shared/ui";
import { callJson, messageOf } from "../transport/api";

interface Workload {
  rate: number;
  reads: number;
  lookups?: number;
  distribution?: string;
}

const DISTRIBUTIONS = ["uniform", "zipf", "hotspot", "sequential"];
/** The slider's steps, in operations per second: from 0 to what a laptop can serve. */
const RATES = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

/** Load changes the workload while it runs. After a change the sliders show the workload in the conductor's answer. */
export function Load() {
  const [load, setLoad] = useState<Workload | null>(null);
  const [error, setError] = useState("");
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  useEffect(() => {
    const stop = new AbortController();
    callJson<Workload>("/api/workload", { signal: stop.signal })
      .then(setLoad)
      .catch((err) => stop.signal.aborted || setError(messageOf(err)));
    return () => {
      stop.abort();
      clearTimeout(timer.current);
    };
  }, []);

  const change = (part: Partial<Workload>) => {
    setLoad((now) => now && { ...now, ...part });
    // One request once the slider has not moved for a while, not one per step.
    clearTimeout(timer.current);
    timer.current = setTimeout(async () => {
      try {
        setLoad(await callJson<Workload>("/api/workload", { method: "PUT", json: part }));
      } catch (err) {
        notify("failed", messageOf(err));
      }
    }, 250);
  };

  return (
    <section aria-labelledby="control-load">
      <h3 id="control-load">Workload</h3>
      {error && <p className="quiet">Cannot read the workload: {error}</p>}
      {load && (
        <div className="sliders">
          <label>
            <span>
              Operations <b className="num">{rate(load.rate)}</b>
            </span>
            <input
              type="range"
              min={0}
              max={RATES.length - 1}
              step={1}
              value={nearest(load.rate)}
              aria-valuetext={rate(load.rate)}
              onChange={(e) => change({ rate: RATES[e.target.valueAsNumber] })}
            />
          </label>
          <label>
            <span>
              Share of reads <b className="num">{Math.round(load.reads * 100)} %</b>
            </span>
            <input
              type="range"
              min={0}
              max={100}
              step={5}
              value={Math.round(load.reads * 100)}
              onChange={(e) => change({ reads: e.target.valueAsNumber / 100 })}
            />
          </label>
          {load.distribution !== undefined && (
            <label>
              Key distribution
              <select value={load.distribution} onChange={(e) => change({ distribution: e.target.value })}>
                {[...new Set([load.distribution, ...DISTRIBUTIONS])].map((name) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
            </label>
          )}
        </div>
      )}
    </section>
  );
}

function nearest(value: number): number {
  let best = 0;
  for (let i = 0; i < RATES.length; i++) if (Math.abs(RATES[i] - value) < Math.abs(RATES[best] - value)) best = i;
  return best;
}
