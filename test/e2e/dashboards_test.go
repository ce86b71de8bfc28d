package e2e

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"chordconductor/test/internal/polltest"
)

// Prometheus's own tool checks the shipped configuration and runs the alert rules' tests.
func TestPromtool(t *testing.T) {
	promtool := onPath(t, "promtool")
	dir, err := filepath.Abs(filepath.Join(root, "dashboards"))
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"check", "config", filepath.Join(dir, "prometheus.yml")},
		{"check", "rules", filepath.Join(dir, "alerts.yaml")},
		{"test", "rules", filepath.Join(dir, "alerts_test.yaml")},
	} {
		if code, out := run(t, nil, promtool, args...); code != 0 {
			t.Errorf("promtool %s: exit %d:\n%s", strings.Join(args, " "), code, out)
		}
	}
}

// metricsAreDocumented checks that docs/telemetry.md contains every metric name that Prometheus has.
func metricsAreDocumented(t *testing.T, prometheus string) {
	text, err := os.ReadFile(filepath.Join(root, "docs/telemetry.md"))
	if err != nil {
		t.Fatal(err)
	}
	var names struct{ Data []string }
	if err := getJSON(prometheus+"/api/v1/label/__name__/values", &names); err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{"target_info": true}
	for _, m := range regexp.MustCompile("`((?:chord|rpc|traces)\\.[a-z._]+)`").FindAllStringSubmatch(string(text), -1) {
		name := strings.ReplaceAll(m[1], ".", "_")
		for _, unit := range []string{"", "_seconds", "_milliseconds", "_bytes", "_ratio"} {
			for _, kind := range []string{"", "_total", "_bucket", "_count", "_sum"} {
				documented[name+unit+kind] = true
			}
		}
	}
	for _, name := range names.Data {
		if !documented[name] {
			t.Errorf("%s is in Prometheus and not in docs/telemetry.md", name)
		}
	}
	if len(names.Data) < 30 {
		t.Errorf("only %d metrics in Prometheus", len(names.Data))
	}
}

// A selector of a PromQL expression, from Prometheus's own parser.
type selector struct {
	Type     string
	Name     string
	Matchers []struct{ Name, Type, Value string }
}

// selectors finds the selectors in an answer of /api/v1/parse_query.
func selectors(node any, into *[]selector) error {
	switch n := node.(type) {
	case []any:
		for _, child := range n {
			if err := selectors(child, into); err != nil {
				return err
			}
		}
	case map[string]any:
		if n["type"] == "vectorSelector" || n["type"] == "matrixSelector" {
			text, err := json.Marshal(n)
			var s selector
			if err == nil {
				err = json.Unmarshal(text, &s)
			}
			*into = append(*into, s)
			return err
		}
		for _, child := range n {
			if err := selectors(child, into); err != nil {
				return err
			}
		}
	}
	return nil
}

// labelsSayWhatIsAsked queries a real Prometheus for every label value that dashboards and alert rules name, since an
// alert on a value that nothing emits never fires. All values are emitted from the start, as 0 if need be.
func labelsSayWhatIsAsked(t *testing.T, prometheus string) {
	files, err := filepath.Glob(filepath.Join(root, "dashboards/grafana/dashboards/*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("no dashboards", err)
	}
	var rules struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Query string }
			}
		}
	}
	if err := getJSON(prometheus+"/api/v1/rules", &rules); err != nil {
		t.Fatal(err)
	}
	expressions := map[string]string{}
	for _, group := range rules.Data.Groups {
		for _, rule := range group.Rules {
			expressions["alert "+rule.Name] = rule.Query
		}
	}
	if len(expressions) == 0 {
		t.Error("Prometheus has loaded no alert rules")
	}
	for _, file := range files {
		for _, p := range panels(t, file) {
			for _, target := range p.Targets {
				expressions[filepath.Base(file)+" "+p.Title+": "+target.Expr] = target.Expr
			}
		}
	}
	asked := map[string]bool{}
	for where, expr := range expressions {
		var parsed struct{ Data any }
		expr = strings.ReplaceAll(expr, "$__rate_interval", "1m")
		if err := getJSON(prometheus+"/api/v1/parse_query?query="+url.QueryEscape(expr), &parsed); err != nil {
			t.Errorf("%s: %v", where, err)
			continue
		}
		var found []selector
		if err := selectors(parsed.Data, &found); err != nil || len(found) == 0 {
			t.Errorf("%s: selectors %v, %v", where, found, err)
		}
		for _, s := range found {
			for _, m := range s.Matchers {
				if m.Name == "__name__" || strings.HasPrefix(m.Value, "$") {
					continue
				}
				operator := "="
				if strings.Contains(m.Type, "~") {
					operator = "=~"
				}
				for _, word := range strings.Split(m.Value, "|") {
					series := fmt.Sprintf("%s{%s%s%q}", s.Name, m.Name, operator, word)
					if asked[series] {
						continue
					}
					asked[series] = true
					polltest.Passes(t, 40*time.Second, where+" asks for "+series, func() error {
						_, err := promValue(prometheus, series)
						return err
					})
				}
			}
		}
	}
	if len(asked) < 10 {
		t.Errorf("only %d values of labels are asked for", len(asked))
	}
	t.Logf("%d values of labels that dashboards and alert rules name are in Prometheus", len(asked))
}

// labelsAreDocumented checks that the table of metrics' attributes in docs/telemetry.md contains every value that labels
// have in Prometheus.
func labelsAreDocumented(t *testing.T, prometheus string) {
	text, err := os.ReadFile(filepath.Join(root, "docs/telemetry.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## Metrics") // the section on spans has such a table, too
	_, table, _ = strings.Cut(table, "| attribute | on | values | meaning |")
	table, _, _ = strings.Cut(table, "\n\n")
	words := regexp.MustCompile("`([^`]+)`")
	all, said := 0, 0
	for _, row := range strings.Split(table, "\n")[2:] {
		cells := strings.Split(row, "|")
		label := strings.ReplaceAll(words.FindStringSubmatch(cells[1])[1], ".", "_")
		documented := map[string]bool{}
		for _, word := range words.FindAllStringSubmatch(cells[3], -1) {
			documented[word[1]] = true
		}
		for _, metric := range words.FindAllStringSubmatch(cells[2], -1) {
			all += len(documented)
			match := fmt.Sprintf(`{__name__=~"%s(_seconds|_bytes|_ratio)?(_total|_count)?"}`, strings.ReplaceAll(metric[1], ".", "_"))
			var values struct{ Data []string }
			if err := getJSON(prometheus+"/api/v1/label/"+label+"/values?match[]="+url.QueryEscape(match), &values); err != nil {
				t.Fatal(err)
			}
			if len(values.Data) == 0 {
				t.Logf("%s has no %s in a healthy ring", metric[1], label)
			}
			for _, value := range values.Data {
				said++
				if !documented[value] {
					t.Errorf("%s has %s %q, which docs/telemetry.md does not list", metric[1], label, value)
				}
			}
		}
	}
	t.Logf("%d of %d documented values of labels are in Prometheus", said, all)
	if said < all/2 {
		t.Errorf("expected at least half of the documented values, got %d of %d", said, all)
	}
}

type panel struct {
	Title   string
	Targets []struct{ Expr string }
}

func panels(t *testing.T, file string) []panel {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var board struct{ Panels []panel }
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	return board.Panels
}

// dashboardsHaveData sends every query of every dashboard to a real Prometheus, and expects data.
func dashboardsHaveData(t *testing.T, prometheus string) {
	member, err := promLabel(prometheus, "chord_member_error", "chord_node_id")
	if err != nil {
		t.Fatal(err)
	}
	ring, err := promLabel(prometheus, "chord_ring_error", "chord_ring_name")
	if err != nil {
		t.Fatal(err)
	}
	variables := strings.NewReplacer("$__rate_interval", "1m", "$ring", ring, "$member", member)
	files, err := filepath.Glob(filepath.Join(root, "dashboards/grafana/dashboards/*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("no dashboards", err)
	}
	asked := 0
	for _, file := range files {
		for _, panel := range panels(t, file) {
			for _, target := range panel.Targets {
				asked++
				expr := variables.Replace(target.Expr)
				polltest.Passes(t, 40*time.Second, filepath.Base(file)+" "+panel.Title, func() error {
					_, err := promValue(prometheus, expr)
					return err
				})
			}
		}
	}
	t.Logf("%d queries of %d dashboards returned data", asked, len(files))
}
