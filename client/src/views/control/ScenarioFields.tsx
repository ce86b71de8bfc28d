import { FIELDS, fieldOf, withField } from "../../model/scenario";

/** ScenarioFields is the form: the numbers people change most, edited in the YAML where they stand. */
export function ScenarioFields({ source, onChange }: { source: string; onChange: (source: string) => void }) {
  return (
    <div className="row">
      {FIELDS.map((field) => {
        const value = fieldOf(source, field);
        if (value === undefined) return null;
        return (
          <label key={field.key}>
            {field.name}
            <input
              className="short"
              value={value}
              onChange={(e) => {
                const text = e.target.value.replace(/[\s,}#]/g, "");
                if (text) onChange(withField(source, field, text));
              }}
            />
          </label>
        );
      })}
    </div>
  );
}
