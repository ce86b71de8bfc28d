import { useEffect, useState } from "react";
import { plural, progress, rate } from "../model/words";
import { attempt } from "../shared/commands";
import { useRing, useShown } from "../shared/ring";
import { useBusy } from "../shared/useBusy";
import { call, callJson, messageOf } from "../transport/api";
import { LostKeys } from "./LostKeys";
import { type Problem, ScenarioForm } from "./ScenarioForm";

interface Scenario {
  name: string;
  about: string;
  source: string;
}

/** The text of a new scenario. */
const BLANK = `name: my-experiment
ring: {members: 16}
workload: {rate: 50/s}
duration: 60s
`;

/** Simulation lets the reader choose or edit a scenario, run it, and open its report. */
export function Simulation() {
  const { simulation } = useShown();
  // Of the live ring, even while another instant is shown: commands act on the live ring.
  const running = useRing((s) => s.rev >= 0 && (s.live.simulation?.running ?? false));
  const [scenarios, setScenarios] = useState<Scenario[]>([]);
  const [source, setSource] = useState("");
  const [problems, setProblems] = useState<Problem[] | null>(null);
  const [error, setError] = useState("");
  const [busy, run] = useBusy();

  useEffect(() => {
    const stop = new AbortController();
    callJson<{ scenarios: Scenario[] }>("/api/scenarios", { signal: stop.signal })
      .then(({ scenarios }) => setScenarios(scenarios ?? []))
      .catch((err) => stop.signal.aborted || setError(messageOf(err)));
    return () => stop.abort();
  }, []);

  // The conductor validates the text during typing, so that there is only one parser of scenarios.
  useEffect(() => {
    setProblems(null);
    if (!source.trim()) return;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      callJson<{ problems: Problem[] }>("/api/scenarios/check", {
        method: "POST",
        body: source,
        type: "application/yaml",
        signal: stop.signal,
      })
        .then(({ problems }) => setProblems(problems ?? []))
        .catch((err) => stop.signal.aborted || setProblems([{ line: 0, problem: messageOf(err) }]));
    }, 300);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [source]);

  const chosen = scenarios.find((s) => s.source === source);
  const start = () =>
    attempt("The scenario has started.", () =>
      call("/api/simulation", { method: "POST", body: source, type: "application/yaml" }),
    );
  const stop = () => attempt("The scenario is stopping.", () => call("/api/simulation", { method: "DELETE" }));
  return (
    <section aria-labelledby="control-scenario">
      <h3 id="control-scenario">Experiment</h3>
      <p className="quiet">
        A scenario starts a ring of its own, applies a workload and scheduled faults, and ends in a report.
      </p>
      {error && <p className="quiet">Cannot read the scenarios: {error}</p>}
      {running || simulation?.reportReady ? <Progress /> : null}
      {scenarios.length > 0 && (
        <label>
          Scenario
          <select
            value={chosen?.name ?? ""}
            onChange={(e) => setSource(scenarios.find((s) => s.name === e.target.value)?.source ?? BLANK)}
          >
            <option value="" disabled>
              {source && !chosen ? "Edited" : "Choose a scenario"}
            </option>
            <option value="new">New scenario</option>
            {scenarios.map((s) => (
              <option key={s.name}>{s.name}</option>
            ))}
          </select>
        </label>
      )}
      {chosen?.about && <p className="quiet">{chosen.about}</p>}
      {source && <ScenarioForm source={source} problems={problems ?? []} onChange={setSource} />}
      {(scenarios.length > 0 || source) && (
        <label>
          The scenario as text (YAML)
          <textarea
            value={source}
            rows={source ? 12 : 3}
            spellCheck={false}
            onChange={(e) => setSource(e.target.value)}
            aria-describedby="scenario-problems"
            aria-invalid={problems !== null && problems.length > 0}
          />
        </label>
      )}
      <ul id="scenario-problems" className="problems" aria-live="polite">
        {problems?.map((p) => (
          <li key={`${p.line}:${p.problem}`} className="form-error">
            {p.line > 0 && `Line ${p.line}: `}
            {p.field && (
              <>
                <code>{p.field}</code>:{" "}
              </>
            )}
            {p.problem}
          </li>
        ))}
      </ul>
      <div className="row">
        <button
          type="button"
          className="primary"
          disabled={busy || running || problems === null || problems.length > 0}
          onClick={() => run(start)}
        >
          Start
        </button>
        <button type="button" disabled={busy || !running} onClick={() => run(stop)}>
          Stop
        </button>
        {problems?.length === 0 && <span className="quiet">Valid.</span>}
      </div>
    </section>
  );
}

function Progress() {
  const { simulation: s } = useShown();
  const [busy, run] = useBusy();
  if (!s) return null;
  const share = s.durationS > 0 ? Math.min(1, s.elapsedS / s.durationS) : 0;
  const report = () =>
    attempt("The report was opened.", async () => {
      const page = await (await call("/api/simulation/report", { accept: "text/html" })).blob();
      const url = URL.createObjectURL(page);
      open(url, "_blank");
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    });
  return (
    <div className="progress" data-testid="progress">
      <p>
        <b>{s.scenario || "scenario"}</b>{" "}
        {s.running ? `running: ${s.phase || "between phases"}` : s.error ? `ended early: ${s.error}` : "finished"}
      </p>
      {s.durationS > 0 && <progress value={share} aria-label="Progress" />}
      <p className="quiet num">
        {progress(s.elapsedS, s.durationS)}
        {s.workloadRate >= 0 && ` · workload ${rate(s.workloadRate)} · ${plural(s.lostKeys, "key")} lost`}
      </p>
      {s.reportReady && s.lostKeys > 0 && <LostKeys count={Number(s.lostKeys)} />}
      {s.reportReady && (
        <button type="button" disabled={busy} onClick={() => run(report)}>
          Open the report
        </button>
      )}
    </div>
  );
}
