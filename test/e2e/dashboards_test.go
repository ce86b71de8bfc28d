package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
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

// metricsAreDocumented holds every name that Prometheus has against docs/telemetry.md.
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
		for _, unit := range []string{"", "_seconds", "_milliseconds", "_bytes"} {
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

// dashboardsHaveData asks a real Prometheus every query of every dashboard.
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
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var board struct {
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
		}
		if err := json.Unmarshal(text, &board); err != nil {
			t.Fatal(err)
		}
		for _, panel := range board.Panels {
			for _, target := range panel.Targets {
				asked++
				expr := variables.Replace(target.Expr)
				eventually(t, 40*time.Second, filepath.Base(file)+" "+panel.Title, func() error {
					_, err := promValue(prometheus, expr)
					return err
				})
			}
		}
	}
	t.Logf("%d queries of %d dashboards returned data", asked, len(files))
}
