package chordevent

import (
	"bytes"
	_ "embed"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"text/template"

	"go.opentelemetry.io/otel/attribute"
)

const docsFile = "../../docs/telemetry.md"

var update = flag.Bool("update", false, "write "+docsFile)

//go:embed telemetry.md.tmpl
var docsTemplate string

// docs/telemetry.md matches the tables. `go generate ./otel/chordevent` writes it.
func TestDocumentation(t *testing.T) {
	want := documentation(t)
	if *update {
		if err := os.WriteFile(docsFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s does not match the tables: run go generate ./otel/chordevent", docsFile)
	}
}

func documentation(t *testing.T) []byte {
	funcs := template.FuncMap{
		"code":     func(s any) string { return fmt.Sprintf("`%v`", s) },
		"type":     typeName,
		"sentence": func(s string) string { return strings.ToUpper(s[:1]) + s[1:] },
		"identity": func() []attr { return rows(identityFields) },
		"events":   func() []layout { return layouts },
		"own":      func(l layout) []attr { return rows(l.Fields[len(l.identity()):]) },
		"optional": func(l layout) string {
			var keys []string
			for _, f := range l.Fields {
				if l.Optional&(1<<f) != 0 {
					keys = append(keys, "`"+string(attrs[f].Key)+"`")
				}
			}
			return strings.Join(keys, ", ")
		},
		"eventValues": func() []enumRow { return eventValues },
		"spanValues":  func() []enumRow { return spanValues },
		"on": func(r enumRow) string {
			if r.On == nil {
				return "all others that have it"
			}
			return "`" + strings.Join(r.On, "`, `") + "`"
		},
		"spans":            func() []spanRow { return spans },
		"spanAttributes":   func() []spanAttr { return spanAttrs },
		"nodeMetrics":      func() []*Metric { return nodeMetrics },
		"conductorMetrics": func() []*Metric { return conductorMetrics },
		"keys": func(keys []attribute.Key) string {
			var out []string
			for _, k := range keys {
				out = append(out, "`"+string(k)+"`")
			}
			return strings.Join(out, ", ")
		},
		"values": func() []valueRow { return metricValues },
		"names": func(metrics []*Metric) string {
			var out []string
			for _, m := range metrics {
				out = append(out, "`"+m.Name+"`")
			}
			return strings.Join(out, ", ")
		},
		"list":    func(values []string) string { return "`" + strings.Join(values, "`, `") + "`" },
		"reasons": func() []Reason { return reasons },
		"limits": func() map[string]int {
			return map[string]int{"successors": MaxSuccessors, "fingers": MaxFingerRuns, "replicas": MaxReplicas, "text": MaxText}
		},
	}
	tmpl, err := template.New("telemetry.md").Funcs(funcs).Parse(docsTemplate)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := tmpl.Execute(&out, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func rows(fields []field) (out []attr) {
	for _, f := range fields {
		out = append(out, attrs[f])
	}
	return out
}

func typeName(a attr) string {
	name := map[any]string{str: "string", num: "int", boolean: "bool"}
	if a.Type == list {
		return name[a.Elem] + "[]"
	}
	return name[a.Type]
}

// Every row of the tables is complete, and names follow OpenTelemetry's rules.
func TestTables(t *testing.T) {
	if numFields > 64 {
		t.Fatalf("%d attributes: sets of them are uint64", numFields)
	}
	seen := map[attribute.Key]bool{}
	for _, a := range attrs {
		if a.Key == "" || a.Text == "" || a.Example == "" || seen[a.Key] {
			t.Errorf("attribute row %+v is incomplete or appears twice", a)
		}
		seen[a.Key] = true
	}
	names := map[string]bool{}
	check := func(name string) {
		if !strings.HasPrefix(name, namePrefix) || name != strings.ToLower(name) || strings.Contains(name, "total") || names[name] {
			t.Errorf("name %q", name)
		}
		names[name] = true
	}
	for _, l := range layouts {
		check(string(l.Kind))
	}
	for _, s := range spans {
		check(s.Name)
		for _, k := range s.Attrs {
			found := false
			for _, a := range spanAttrs {
				found = found || a.Key == k
			}
			if !found {
				t.Errorf("span %s carries %s, which no row explains", s.Name, k)
			}
		}
	}
	for _, m := range Metrics() {
		if m.Name != KeysMovedCount.Name { // an event has this name too
			check(m.Name)
		}
		if m.Unit == "" || m.Text == "" || (m.Instrument == Histogram) != (m.Buckets != nil) {
			t.Errorf("metric row %+v is incomplete", m)
		}
	}
}

// Every attribute of a metric has its values in the table, unless it names something: then no list could be complete.
func TestValuesOfMetrics(t *testing.T) {
	open := map[attribute.Key]bool{RingNameKey: true, NodeIDKey: true}
	for _, m := range Metrics() {
		for _, key := range m.Attributes {
			if open[key] != (m.Values(key) == nil) {
				t.Errorf("%s, %s: values %v", m.Name, key, m.Values(key))
			}
		}
	}
	for _, row := range metricValues {
		seen := map[string]bool{}
		for _, value := range row.Values {
			if value == "" || seen[value] {
				t.Errorf("%s: value %q is empty or appears twice", row.Key, value)
			}
			seen[value] = true
		}
		for _, m := range row.On {
			if !slices.Contains(m.Attributes, row.Key) || &m.Values(row.Key)[0] != &row.Values[0] {
				t.Errorf("%s has no attribute %s, or two rows of it", m.Name, row.Key)
			}
		}
	}
}
