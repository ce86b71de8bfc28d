package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var apiPath = regexp.MustCompile(`(?:\$api|4321/api)(/[a-z]+)(/\$ID)?(/[a-z]+)?`)

// The guide's scenario works as the guide's sections describe. The commands up to "In CI" run unchanged, in a folder
// where my.yaml is the scenario shown. Each must succeed, which for a run means that every expectation held.
func TestExperimentsGuide(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/experiments.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir, bin := t.TempDir(), filepath.Join(root, "bin")
	if bin, err = filepath.Abs(bin); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(bin, filepath.Join(dir, "bin")); err != nil {
		t.Fatal(err)
	}
	shown := blocks(string(text), "yaml")
	if len(shown) == 0 {
		t.Fatal("no scenario in the guide")
	}
	if err := os.WriteFile(filepath.Join(dir, "my.yaml"), []byte(shown[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	tried, _, _ := strings.Cut(string(text), "\n## Read the report")
	ran := 0
	for _, b := range blocks(tried, "sh") {
		for line := range strings.Lines(b) {
			line = strings.TrimSpace(line)
			if !strings.HasPrefix(line, "bin/conductor ") {
				continue
			}
			ran++
			cmd := exec.Command("bash", "-c", line)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", line, err, out)
			}
		}
	}
	if ran < 5 {
		t.Errorf("only %d commands were run", ran)
	}
	for _, file := range []string{"out.html", "out.json", "adjacent.html"} {
		if info, err := os.Stat(filepath.Join(dir, file)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// Every path of the API that the guide shows exists in the server.
func TestPathsShownExist(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/experiments.md"))
	if err != nil {
		t.Fatal(err)
	}
	server, err := os.ReadFile(filepath.Join(root, "conductor/web/routes.go"))
	if err != nil {
		t.Fatal(err)
	}
	paths := apiPath.FindAllStringSubmatch(string(text), -1)
	for _, m := range paths {
		route := "/api" + m[1] + strings.Replace(m[2], "$ID", "{id}", 1) + m[3]
		if m[1] == "/keys" {
			route = "/api/keys/{key}"
		}
		if !strings.Contains(string(server), `"`+route+`"`) {
			t.Errorf("%s: the server has no %s", m[0], route)
		}
	}
	if len(paths) < 10 {
		t.Errorf("only %d paths found: does the pattern still fit?", len(paths))
	}
}

var route = regexp.MustCompile(`"(/(?:api/|healthz|readyz|ws)[^"]*)"`)

// docs/api.md documents every path of the server, and no other.
func TestAPIIsDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/api.md"))
	if err != nil {
		t.Fatal(err)
	}
	server, err := os.ReadFile(filepath.Join(root, "conductor/web/routes.go"))
	if err != nil {
		t.Fatal(err)
	}
	served := map[string]bool{}
	for _, m := range route.FindAllSubmatch(server, -1) {
		if path := strings.Replace(string(m[1]), "{key...}", "{key}", 1); path != "/api/" {
			served[path] = false
		}
	}
	for _, m := range regexp.MustCompile("`(?:GET|POST|PUT|DELETE) (/[^`?]*)[`?]").FindAllSubmatch(text, -1) {
		path := string(m[1])
		if _, ok := served[path]; !ok {
			t.Errorf("docs/api.md shows %s, which the server does not have", path)
		}
		served[path] = true
	}
	for path, shown := range served {
		if !shown {
			t.Errorf("docs/api.md lacks %s", path)
		}
	}
	if len(served) < 20 {
		t.Errorf("only %d paths found: does the pattern still fit?", len(served))
	}
}
