package version

import (
	"os"
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	if got := Text(); got != "(devel)" && !strings.HasPrefix(got, "v") && !strings.HasPrefix(got, "devel-") {
		t.Errorf("version %q of a build that is no release", got)
	}
	release = "v1.2.3"
	defer func() { release = "" }()
	if got := Text(); got != "v1.2.3" {
		t.Errorf("version %q of a release v1.2.3", got)
	}
}

// The linker ignores a variable that does not exist, so release builds must name this one.
func TestReleasesSetTheVersion(t *testing.T) {
	for _, name := range []string{"Makefile", "Dockerfile"} {
		text, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), "-X "); n != 1 || !strings.Contains(string(text), "-X chordconductor/internal/version.release=") {
			t.Errorf("%s does not set release of this package, or other variables too", name)
		}
	}
}
