// Package docs checks the documentation: that its links lead somewhere, and that the commands it shows exist.
package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

func pages(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "examples/*/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			texts[file] = string(text)
		}
	}
	if len(texts) < 5 {
		t.Fatalf("only %d pages", len(texts))
	}
	return texts
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestRelativeLinksLeadSomewhere(t *testing.T) {
	for file, text := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), target)); err != nil {
				t.Errorf("%s: link to %s: %v", file, m[1], err)
			}
		}
	}
}

var (
	fence   = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")
	program = regexp.MustCompile(`(?:^|[ (./])(node|conductor)((?: [^\n|>&#]*)?)`)
	flag    = regexp.MustCompile(`--[a-z][a-z-]+`)
	target  = regexp.MustCompile(`(?m)^make ([a-z-]+)`)
)

// blocks returns the fenced code blocks of a page that are in one of the languages.
func blocks(text string, languages ...string) (found []string) {
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		if slices.Contains(languages, m[1]) {
			found = append(found, m[2])
		}
	}
	return found
}

// Every flag of node and conductor that the pages show exists in that program, and every make target exists.
func TestCommandsShownExist(t *testing.T) {
	help := map[string]string{}
	for _, name := range []string{"node", "conductor"} {
		for _, args := range [][]string{{"--help"}, {"put", "--help"}, {"run", "--help"}, {"replay", "--help"}, {"conform", "--help"}, {"health", "--help"}} {
			out, err := exec.Command(filepath.Join(root, "bin", name), args...).CombinedOutput()
			if err != nil && args[0] == "--help" {
				t.Fatalf("%s --help: %v (run `make build` first)", name, err)
			}
			help[name] += string(out)
		}
	}
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for file, text := range pages(t) {
		for _, b := range blocks(text, "", "sh") {
			lines := strings.ReplaceAll(b, "\\\n", " ")
			for line := range strings.Lines(lines) {
				if strings.HasPrefix(strings.TrimSpace(line), "docker ") {
					continue // another program's flags
				}
				m := program.FindStringSubmatch(strings.TrimRight(line, "\n"))
				if m == nil {
					continue
				}
				for _, f := range flag.FindAllString(m[2], -1) {
					seen++
					if !regexp.MustCompile(regexp.QuoteMeta(f) + `\b`).MatchString(help[m[1]]) {
						t.Errorf("%s: %s has no flag %s", file, m[1], f)
					}
				}
			}
			for _, m := range target.FindAllStringSubmatch(b, -1) {
				if !strings.Contains(string(makefile), "\n"+m[1]+":") {
					t.Errorf("%s: no target %s in the Makefile", file, m[1])
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d flags found in the pages: does the pattern still fit?", seen)
	}
}

// The Compose file is valid, and the documentation names its profiles.
func TestComposeIsValid(t *testing.T) {
	docker, err := exec.LookPath("docker")
	if err != nil {
		t.Fatalf("needs docker with Compose: %v", err)
	}
	cmd := exec.Command(docker, "compose", "--profile", "large", "--profile", "chaos", "config", "--services")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range []string{"large", "chaos", "node", "seed", "conductor", "grafana"} {
		if !strings.Contains("\n"+string(out), "\n"+service+"\n") {
			t.Errorf("no service %s in:\n%s", service, out)
		}
	}
}
