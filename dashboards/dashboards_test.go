package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
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
		t.Errorf("%s contains %d files, the program writes %d", folder, len(committed), len(all()))
	}
	for name := range all() {
		want, err := os.ReadFile(filepath.Join(fresh, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || string(got) != string(want) {
			t.Errorf("%s differs from what the program writes (run make dashboards): %v", name, err)
		}
	}
}

// An asked is an expression, and the text into which Grafana or Prometheus inserts its result.
type asked struct{ expr, text string }

var labelsOfVariable = regexp.MustCompile(`^label_values\((\w+), (\w+)\)$`)

// expressions returns every PromQL expression of the dashboards, the alert rules and their tests, by its position.
func expressions(t *testing.T) map[string]asked {
	t.Helper()
	found := map[string]asked{}
	for name, builder := range all() {
		text, err := render(builder)
		if err != nil {
			t.Fatal(err)
		}
		var board struct {
			Panels []struct {
				Title   string
				Targets []struct{ RefID, Expr, LegendFormat string }
			}
			Annotations struct {
				List []struct{ Name, Expr, TextFormat string }
			}
			Templating struct {
				List []struct{ Name, Query string }
			}
		}
		if err := json.Unmarshal(text, &board); err != nil {
			t.Fatal(err)
		}
		for _, p := range board.Panels {
			if len(p.Targets) == 0 {
				t.Errorf("%s: panel %q has no expression", name, p.Title)
			}
			for _, target := range p.Targets {
				found[name+": "+p.Title+" "+target.RefID] = asked{target.Expr, target.LegendFormat}
			}
		}
		for _, a := range board.Annotations.List {
			found[name+": annotation "+a.Name] = asked{a.Expr, a.TextFormat}
		}
		for _, v := range board.Templating.List {
			asks := labelsOfVariable.FindStringSubmatch(v.Query)
			if asks == nil {
				t.Fatalf("%s: variable %s has the query %q", name, v.Name, v.Query)
			}
			found[name+": variable "+v.Name] = asked{asks[1], "{{" + asks[2] + "}}"}
		}
	}
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Record, Expr string
				Annotations         map[string]string
			}
		}
	}
	read(t, "alerts.yaml", &rules)
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			found["alerts.yaml: "+rule.Alert+rule.Record] = asked{rule.Expr, rule.Annotations["summary"] + rule.Annotations["description"]}
		}
	}
	var tests struct {
		Tests []struct {
			Name   string
			Series []struct{ Series string } `yaml:"input_series"`
		}
	}
	read(t, "alerts_test.yaml", &tests)
	for _, test := range tests.Tests {
		for _, s := range test.Series { // a test of a rule with series that nothing emits would not test the rule
			found["alerts_test.yaml: "+test.Name+": "+s.Series] = asked{s.Series, ""}
		}
	}
	return found
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = yaml.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
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
						Thresholds struct {
							Steps []struct {
								Value *float64
								Color string
							}
						}
					}
				}
			}
		}
		if err := json.Unmarshal(text, &board); err != nil {
			t.Fatal(err)
		}
		if board.UID == "" || len(board.Panels) == 0 {
			t.Errorf("%s: has the uid %q and %d panels, want a uid and panels", name, board.UID, len(board.Panels))
		}
		for _, p := range board.Panels {
			d := p.FieldConfig.Defaults
			if !statement.MatchString(p.Title) || !strings.HasSuffix(p.Description, ".") || d.Unit == "" || len(d.Thresholds.Steps) == 0 || p.Datasource.UID != prometheusUID {
				t.Errorf("%s: panel %q: its title, description (%q), unit (%q), thresholds or data source is missing or malformed", name, p.Title, p.Description, d.Unit)
				continue
			}
			// Limits set the colours, and the description gives each limit with its reason; without limits there is no colour.
			steps := d.Thresholds.Steps
			if steps[0].Value != nil || (len(steps) == 1) != (steps[0].Color == neutral) {
				t.Errorf("%s: panel %q begins with the colour %s, and has %d steps", name, p.Title, steps[0].Color, len(steps))
			}
			for i, step := range steps[1:] {
				said := step.Color + " from " + amount(*step.Value, d.Unit) + ": "
				if i > 0 && *step.Value <= *steps[i].Value || !strings.Contains(strings.ToLower(p.Description), strings.ToLower(said)) {
					t.Errorf("%s: panel %q: the description does not contain the limit %q, or the limit is not above the previous one: %q", name, p.Title, said, p.Description)
				}
			}
		}
	}
}
