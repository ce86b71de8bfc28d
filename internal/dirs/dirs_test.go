package dirs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Make makes the whole path or nothing, whichever part of the path cannot be made.
func TestAllOrNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		root, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "file"), nil, 0o600); err != nil {
			rt.Fatal(err)
		}
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "127.0.0.1:4317"}), 1, 6).Draw(rt, "parts")
		there := rapid.IntRange(0, len(parts)).Draw(rt, "there")
		if err := os.MkdirAll(filepath.Join(append([]string{root}, parts[:there]...)...), 0o700); err != nil {
			rt.Fatal(err)
		}
		bad := rapid.SampledFrom([]string{"", "x\x00y", strings.Repeat("n", 300), "file"}).Draw(rt, "bad")
		if bad == "file" {
			parts = append([]string{"file"}, parts...)
		} else if bad != "" {
			at := rapid.IntRange(there, len(parts)).Draw(rt, "at")
			parts = append(parts[:at:at], append([]string{bad}, parts[at:]...)...)
		}
		before := list(rt, root)
		path := strings.Join(append([]string{root}, parts...), "/")
		err = Make(path, 0o700)
		switch after := list(rt, root); {
		case bad == "" && err != nil:
			rt.Fatal(err)
		case bad == "":
			if info, err := os.Stat(path); err != nil || !info.IsDir() {
				rt.Fatal(info, err)
			}
		case err == nil:
			rt.Fatalf("%q was made, expected an error", path)
		case after != before:
			rt.Fatalf("the failed call left:\n%s\nbefore the call:\n%s", after, before)
		}
	})
}

func list(t *rapid.T, root string) string {
	var all strings.Builder
	if err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		all.WriteString(path + "\n")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all.String()
}
