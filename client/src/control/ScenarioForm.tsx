import { useState } from "react";
import { Icon } from "../shared/Icon";
import {
  ACTIONS,
  addPhase,
  type Field,
  type Phase,
  path,
  phasesOf,
  SECTIONS,
  type Section,
  withPhase,
} from "./scenario";
import { textOf, withValue } from "./yaml-text";

/** A Problem is an error that the conductor's parser found in the text. */
export interface Problem {
  line: number;
  field?: string;
  problem: string;
}

interface Props {
  source: string;
  problems: Problem[];
  onChange: (source: string) => void;
}

/** ScenarioForm edits a scenario's values directly in the scenario's text, so that form and text always agree. */
export function ScenarioForm({ source, problems, onChange }: Props) {
  return (
    <div className="scenario-form">
      {SECTIONS.map((section) => (
        <Fields key={section.name} section={section} source={source} problems={problems} onChange={onChange} />
      ))}
      <Phases source={source} problems={problems} onChange={onChange} />
    </div>
  );
}

function Fields({ section, source, problems, onChange }: Props & { section: Section }) {
  const wrong = section.fields.some((f) => problemOf(problems, path(f)));
  const given = section.fields.filter((f) => textOf(source, f.section, f.key) !== undefined).length;
  return (
    <details open={section.open || wrong || undefined}>
      <summary>
        {section.name}
        {!section.open && <span className="quiet"> · {given ? `${given} set` : "defaults"}</span>}
      </summary>
      <div className="form-grid">
        {section.fields.map((f) => (
          <label key={path(f)} htmlFor={`scenario-${path(f)}`}>
            {f.name}
            <Value
              field={f}
              value={textOf(source, f.section, f.key) ?? ""}
              wrong={problemOf(problems, path(f))}
              onChange={(value) => onChange(withValue(source, f.section, f.key, value))}
            />
          </label>
        ))}
      </div>
    </details>
  );
}

function Value(props: { field: Field; value: string; wrong?: string; onChange: (value: string) => void }) {
  const { field, value, wrong, onChange } = props;
  const common = {
    id: `scenario-${path(field)}`,
    "aria-invalid": wrong !== undefined,
    "aria-describedby": "scenario-problems",
    title: wrong,
  };
  if (field.choices) {
    return (
      <select {...common} value={value} onChange={(e) => onChange(e.target.value)}>
        <option value="">{field.hint}</option>
        {[...field.choices.filter((c) => c !== field.hint), ...(value && value === field.hint ? [value] : [])].map(
          (c) => (
            <option key={c} value={c}>
              {c}
            </option>
          ),
        )}
        {value && !field.choices.includes(value) && <option value={value}>{value}</option>}
      </select>
    );
  }
  return <Text {...common} value={value} placeholder={field.hint} onChange={onChange} />;
}

/**
 * Text is an input that reports an empty value only when it loses focus, so that clearing the input to type another
 * value does not remove the field from the scenario's text.
 */
function Text({
  value,
  onChange,
  ...rest
}: { value: string; onChange: (value: string) => void } & Omit<React.ComponentProps<"input">, "value" | "onChange">) {
  const [cleared, setCleared] = useState(false);
  return (
    <input
      {...rest}
      value={cleared ? "" : value}
      autoComplete="off"
      spellCheck={false}
      onChange={(e) => {
        setCleared(e.target.value === "");
        if (e.target.value) onChange(e.target.value);
      }}
      onBlur={() => {
        if (cleared) onChange("");
        setCleared(false);
      }}
    />
  );
}

function Phases({ source, problems, onChange }: Props) {
  const phases = phasesOf(source);
  return (
    <fieldset className="phases">
      <legend>Phases: what happens to the ring, and when</legend>
      {!phases && <p className="quiet">The phases are written in brackets: edit them in the text below.</p>}
      {phases?.map((phase, i) => (
        <PhaseRow
          // biome-ignore lint/suspicious/noArrayIndexKey: a phase has no name; its index identifies it
          key={i}
          number={i + 1}
          phase={phase}
          wrong={problems.find((p) => p.field?.startsWith(`phases[${i}]`))?.problem}
          onChange={(next) => onChange(withPhase(source, i, next))}
        />
      ))}
      {phases && (
        <select
          aria-label="Add a phase"
          value=""
          onChange={(e) => {
            const action = ACTIONS.find((a) => a.name === e.target.value);
            if (action) onChange(addPhase(source, action));
          }}
        >
          <option value="">Add a phase…</option>
          {ACTIONS.map((a) => (
            <option key={a.name}>{a.name}</option>
          ))}
        </select>
      )}
    </fieldset>
  );
}

function PhaseRow(props: { number: number; phase: Phase; wrong?: string; onChange: (phase: Phase | null) => void }) {
  const { number, phase, wrong, onChange } = props;
  const input = (key: "at" | "what" | "for", name: string, hint: string) => (
    <Text
      aria-label={`Phase ${number}: ${name}`}
      aria-invalid={wrong !== undefined}
      aria-describedby="scenario-problems"
      title={wrong}
      className={`phase-${key}`}
      disabled={!phase.editable}
      value={phase[key]}
      placeholder={hint}
      onChange={(value) => onChange({ ...phase, [key]: value })}
    />
  );
  return (
    <div className="phase">
      <span className="quiet">at</span>
      {input("at", "when", "10s")}
      {input("what", "what", "crash: 1")}
      <span className="quiet">for</span>
      {input("for", "how long", "–")}
      <button
        type="button"
        className="icon-button"
        aria-label={`Remove phase ${number}`}
        onClick={() => onChange(null)}
      >
        <Icon name="close" size={13} />
      </button>
    </div>
  );
}

/** problemOf returns the problem of a field, or else of a field within it. */
function problemOf(problems: Problem[], field: string): string | undefined {
  return problems.find((p) => p.field === field || p.field?.startsWith(`${field}.`))?.problem;
}
