package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
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
