package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"chordconductor/otel/chordevent"
)

func TestCommittedFilesAreWhatTheProgramWrites(t *testing.T) {
	fresh := t.TempDir()
	if err := write(fresh); err != nil {
		t.Fatal(err)
	}
	committed, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(committed) != len(all()) {
		t.Errorf("%s holds %d files, the program writes %d", folder, len(committed), len(all()))
	}
	for name := range all() {
		want, err := os.ReadFile(filepath.Join(fresh, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || string(got) != string(want) {
			t.Errorf("%s is not what the program writes (make dashboards): %v", name, err)
		}
	}
}

// expressions yields every PromQL expression of the dashboards and the alert rules, with where it stands.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for name, builder := range all() {
		text, err := render(builder)
		if err != nil {
			t.Fatal(err)
		}
		var board struct {
			Panels []struct {
				Title   string
				Targets []struct{ RefID, Expr string }
			}
			Annotations struct {
				List []struct{ Name, Expr string }
			}
		}
		if err := json.Unmarshal(text, &board); err != nil {
			t.Fatal(err)
		}
		for _, p := range board.Panels {
			if len(p.Targets) == 0 {
				t.Errorf("%s: panel %q asks nothing", name, p.Title)
			}
			for _, target := range p.Targets {
				found[name+": "+p.Title+" "+target.RefID] = target.Expr
			}
		}
		for _, a := range board.Annotations.List {
			found[name+": annotation "+a.Name] = a.Expr
		}
	}
	text, err := os.ReadFile("alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(text, &rules); err != nil {
		t.Fatal(err)
	}
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			found["alerts.yaml: "+rule.Alert] = rule.Expr
		}
	}
	return found
}

var variables = strings.NewReplacer("$__rate_interval", "1m", "$ring", "chord", "$member", "2a")

// prometheusName is the name and the labels under which Prometheus's OTLP endpoint keeps a metric.
func prometheusName(m *chordevent.Metric) (series []string, names map[string]bool) {
	name := strings.ReplaceAll(m.Name, ".", "_")
	switch m.Unit {
	case "s":
		name += "_seconds"
	case "By":
		name += "_bytes"
	}
	series = []string{name}
	names = map[string]bool{"__name__": true, "service_instance_id": true, "service_name": true, "chord_ring_name": true}
	for _, key := range m.Attributes {
		names[strings.ReplaceAll(string(key), ".", "_")] = true
	}
	switch m.Instrument {
	case chordevent.Counter:
		series = []string{name + "_total"}
	case chordevent.Histogram:
		series = []string{name + "_bucket", name + "_count", name + "_sum"}
		names["le"] = true
	}
	return series, names
}

func TestEveryExpressionNamesWhatIsEmitted(t *testing.T) {
	emitted := map[string]map[string]bool{}
	for _, m := range chordevent.Metrics() {
		series, names := prometheusName(m)
		for _, s := range series {
			emitted[s] = names
		}
	}
	p := parser.NewParser(parser.Options{})
	for where, expr := range expressions(t) {
		tree, err := p.ParseExpr(variables.Replace(expr))
		if err != nil {
			t.Errorf("%s: %v", where, err)
			continue
		}
		known := map[string]bool{}
		parser.Inspect(tree, func(node parser.Node, _ []parser.Node) error {
			selector, ok := node.(*parser.VectorSelector)
			if !ok {
				return nil
			}
			names, ok := emitted[selector.Name]
			if !ok {
				t.Errorf("%s: nothing emits %s", where, selector.Name)
			}
			for name := range names {
				known[name] = true
			}
			for _, matcher := range selector.LabelMatchers {
				if ok && !names[matcher.Name] {
					t.Errorf("%s: %s has no label %s", where, selector.Name, matcher.Name)
				}
			}
			return nil
		})
		parser.Inspect(tree, func(node parser.Node, _ []parser.Node) error {
			if aggregate, ok := node.(*parser.AggregateExpr); ok {
				for _, label := range aggregate.Grouping {
					if !known[label] {
						t.Errorf("%s: groups by %s, which none of its metrics has", where, label)
					}
				}
			}
			return nil
		})
	}
}

var statement = regexp.MustCompile(`^[A-Z].* .*[^.]$`)

func TestEveryPanelExplainsItself(t *testing.T) {
	for name, builder := range all() {
		text, err := render(builder)
		if err != nil {
			t.Fatal(err)
		}
		var board struct {
			UID    string
			Panels []struct {
				Title, Description string
				Datasource         struct{ UID string }
				FieldConfig        struct {
					Defaults struct {
						Unit       string
						Thresholds struct{ Steps []any }
					}
				}
			}
		}
		if err := json.Unmarshal(text, &board); err != nil {
			t.Fatal(err)
		}
		if board.UID == "" || len(board.Panels) == 0 {
			t.Errorf("%s: uid %q, %d panels", name, board.UID, len(board.Panels))
		}
		for _, p := range board.Panels {
			d := p.FieldConfig.Defaults
			if !statement.MatchString(p.Title) || !strings.HasSuffix(p.Description, ".") || d.Unit == "" || len(d.Thresholds.Steps) == 0 || p.Datasource.UID != prometheusUID {
				t.Errorf("%s: panel %q: title, description %q, unit %q, thresholds or data source is missing", name, p.Title, p.Description, d.Unit)
			}
		}
	}
}
