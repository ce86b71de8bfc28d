package deptest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestThePagesDependenciesAreDecided: the decision on dependencies (docs/adr/0003) has a row for
// each package from which the page is built, and no others.
func TestThePagesDependenciesAreDecided(t *testing.T) {
	read := func(name string) []byte {
		text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	var page struct{ Dependencies map[string]string }
	if err := json.Unmarshal(read("client/package.json"), &page); err != nil {
		t.Fatal(err)
	}
	if len(page.Dependencies) == 0 {
		t.Fatal("client/package.json names no dependency")
	}
	var decided []string
	for _, row := range regexp.MustCompile(`(?m)^\| ([^|]+) \| the page(?:'s typeface)? \|`).FindAllStringSubmatch(string(read("docs/adr/0003-dependencies.md")), -1) {
		decided = append(decided, strings.Split(row[1], ", ")...)
	}
	for name := range page.Dependencies {
		if !slices.Contains(decided, name) {
			t.Errorf("docs/adr/0003-dependencies.md has no row for %s, which the page depends on", name)
		}
	}
	for _, name := range decided {
		if _, is := page.Dependencies[name]; !is {
			t.Errorf("docs/adr/0003-dependencies.md has %s for the page, which does not depend on it", name)
		}
	}
}
