package deptest

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var quotedPath = regexp.MustCompile("`([^`]+)`")

// Every folder in the table of docs/architecture.md exists, and every package is in the table or
// below a folder that is. The folders of the two programs, node and conductor, do not cover the
// folders below them.
func TestArchitectureIsTheTree(t *testing.T) {
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Where things live\n")
	section, _, _ = strings.Cut(section, "\n## ")
	listed := map[string]bool{}
	for line := range strings.Lines(section) {
		column, _, row := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if !row || !strings.HasPrefix(line, "| ") {
			continue
		}
		for _, folder := range quotedPath.FindAllStringSubmatch(column, -1) {
			listed[folder[1]] = true
			if info, err := os.Stat(filepath.Join(root, folder[1])); err != nil || !info.IsDir() {
				t.Errorf("the table of docs/architecture.md names %s, and there is no such folder", folder[1])
			}
		}
	}
	if len(listed) < 20 {
		t.Fatalf("only %d folders found in docs/architecture.md: this test no longer reads the table", len(listed))
	}
	for _, s := range tree(t) {
		dir := s.dir
		for dir != "." && !listed[dir] {
			dir = path.Dir(dir)
		}
		if dir == "." || dir != s.dir && (dir == "node" || dir == "conductor") {
			t.Errorf("no folder in the table of docs/architecture.md contains %s", s.name)
		}
	}
}
