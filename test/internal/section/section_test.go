package section

import (
	"os"
	"path/filepath"
	"testing"
)

func TestReplace(t *testing.T) {
	for _, c := range []struct {
		name, page, want string // no want: an error, and the page stays
	}{
		{"the section alone", "# Page\n<!-- a: begin -->\nold\n<!-- a: end -->\nEnd.\n", "# Page\n<!-- a: begin -->\n\nnew\n\n<!-- a: end -->\nEnd.\n"},
		{"beside another", "<!-- b: begin -->\nb\n<!-- b: end -->\n<!-- a: begin -->\n<!-- a: end -->\n", "<!-- b: begin -->\nb\n<!-- b: end -->\n<!-- a: begin -->\n\nnew\n\n<!-- a: end -->\n"},
		{"no section", "# Page\n", ""},
		{"no end", "<!-- a: begin -->\nold\n", ""},
		{"an end before the beginning", "<!-- a: end -->\nold\n<!-- a: begin -->\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "page.md")
			if err := os.WriteFile(file, []byte(c.page), 0o600); err != nil {
				t.Fatal(err)
			}
			want := c.want
			if want == "" {
				want = c.page
			}
			if err := Replace(file, "a", "new\n"); (err == nil) != (c.want != "") {
				t.Errorf("error %v", err)
			}
			if page, err := os.ReadFile(file); err != nil || string(page) != want {
				t.Errorf("%q (%v), expected %q", page, err, want)
			}
		})
	}
	if err := Replace(filepath.Join(t.TempDir(), "none.md"), "a", ""); err == nil {
		t.Error("no error for a page that does not exist")
	}
}

// The pages have the sections that are written at the end of runs of hours.
func TestPages(t *testing.T) {
	for name, page := range map[string]string{"fuzz": "docs/fuzzing.md", "mutants": "docs/promises.md"} {
		text, err := os.ReadFile("../../../" + page)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "page.md")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Replace(file, name, ""); err != nil {
			t.Errorf("%s: %v", page, err)
		}
	}
}
