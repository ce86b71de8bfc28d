package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// folder is where Grafana's provisioning finds the files, relative to this program's folder.
const folder = "grafana/dashboards"

func main() {
	if err := write(folder); err != nil {
		fmt.Fprintln(os.Stderr, "dashboards:", err)
		os.Exit(1)
	}
}

func write(folder string) error {
	for name, build := range all() {
		text, err := render(build)
		if err != nil {
			return fmt.Errorf("cannot build dashboard %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// all lists the dashboards by file name.
func all() map[string]*classic {
	return map[string]*classic{
		"ring.json":      ringDashboard(),
		"lookups.json":   lookupsDashboard(),
		"member.json":    memberDashboard(),
		"conductor.json": conductorDashboard(),
	}
}

func render(builder *classic) ([]byte, error) {
	built, err := builder.Build()
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(built, "", "  ")
	return append(text, '\n'), err
}
