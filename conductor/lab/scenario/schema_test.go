package scenario

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("scenario.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("scenario.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// values returns the values of a YAML file as a program would pass them to a validator; ok is false if the file is not
// YAML, or not one document.
func values(source string) (v any, ok bool) {
	if strings.Contains(source, "\n---\n") && !strings.HasPrefix(source, "%") && !strings.HasPrefix(source, "#") {
		return nil, false
	}
	return v, yaml.Unmarshal(withoutVersion([]byte(source)), &v) == nil
}

// The schema accepts what the parser accepts: all scenarios that come with the program, and those that are right
// according to the parser's tests.
func TestSchemaAccepts(t *testing.T) {
	s := compiled(t)
	for _, shipped := range Shipped() {
		v, ok := values(shipped.Source)
		if !ok {
			t.Fatal(shipped.Name)
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("%s: %v", shipped.Name, err)
		}
	}
	for source, want := range merged(texts, impossible) {
		if v, ok := values(source); ok && want == "" {
			if err := s.Validate(v); err != nil {
				t.Errorf("%q: %v", source, err)
			}
		}
	}
	if err := s.Validate(map[string]any{}); err != nil {
		t.Error(err)
	}
}

// The schema rejects what the parser rejects, except for combinations of fields and for mistakes in YAML's notation.
func TestSchemaRefuses(t *testing.T) {
	s := compiled(t)
	together := []string{
		"too few for", "does not survive the crash", "carries at most", "has no jitter of its own", "is greater than max", "after the scenario's duration",
		"a phase cannot change it", "without a duration has no end", " members; lower the count", " hosts; lower the count", "cannot be measured",
	}
	written := []string{"given twice", "leading zero", "not YAML", "the file is empty"}
	refused := 0
	all := merged(texts, impossible)
	for _, p := range problems {
		all[p.source] = p.want
	}
	for source, want := range all {
		v, ok := values(source)
		if want == "" || !ok || containsAny(want, together) || containsAny(want, written) {
			continue
		}
		refused++
		if s.Validate(v) == nil {
			t.Errorf("%q: accepted by the schema, by the parser: %s", source, want)
		}
	}
	if refused < 30 {
		t.Errorf("%d refused", refused)
	}
}

// The copy in the docs is equal to the schema.
func TestSchemaInDocs(t *testing.T) {
	const path = "../../../docs/scenario.schema.json"
	if text, err := os.ReadFile(path); err != nil || !bytes.Equal(text, Schema()) {
		t.Errorf("%s: %v: run `go generate ./conductor/lab/scenario`", path, err)
	}
}

func merged(maps ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range maps {
		for source, want := range m {
			all[source] = want
		}
	}
	return all
}

func containsAny(text string, parts []string) bool {
	for _, p := range parts {
		if strings.Contains(text, p) {
			return true
		}
	}
	return false
}
