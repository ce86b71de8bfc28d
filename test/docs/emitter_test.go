package docs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const emitter = "examples/emitter/README.md"

// whole returns the text of a page.
func whole(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The commands of the example's page work in a fresh clone of the repository.
func TestEmitterReadme(t *testing.T) {
	commands := blocks(whole(t, emitter), "sh")
	if len(commands) != 1 {
		t.Fatalf("%d blocks of commands", len(commands))
	}
	s := begin(t, root, commands[0])
	s.ends(t, 10*time.Minute) // with an empty build cache everything is compiled first
	if n := strings.Count(s.output(), " PASSED\n"); n != 6 {
		t.Errorf("%d of 6 levels passed", n)
	}
}
