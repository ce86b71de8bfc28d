package deptest

import (
	"bytes"
	"go/ast"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sureSigns are words that treat a machine as a person, or that the glossary has replaced: a sentence with one of them
// must be rewritten. Other words need a reader.
var sureSigns = regexp.MustCompile(`(?i)\b(says|tells|told|hears|heard of|nobody|somebody|mended|farewell|unclean|outlived|by its own word)\b`)

// maxExceptions bounds the lines on which a sure sign is right, each marked with //lang:ok and the reason.
const maxExceptions = 20

var (
	exception = regexp.MustCompile(`lang:ok +\S`)
	prose     = []string{".go", ".ts", ".tsx", ".css", ".md", ".proto", ".mjs", ".js", ".yaml", ".yml", ".sh", ".html", "Makefile"}
)

// Comments, messages, docs and the page use the glossary's words.
func TestWords(t *testing.T) {
	exceptions := 0
	eachText(t, func(name string, text []byte) {
		if name == "docs/glossary.md" || name == "CHANGELOG.md" || name == "internal/deptest/words_test.go" {
			return
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			sign := sureSigns.Find(line)
			switch {
			case sign == nil || bytes.HasPrefix(bytes.TrimSpace(line), []byte("> ")): // a quotation
			case exception.Match(line):
				exceptions++
			default:
				t.Errorf("%s:%d: %q: %s", name, i+1, sign, bytes.TrimSpace(line))
			}
		}
	})
	if exceptions > maxExceptions {
		t.Errorf("%d exceptions, at most %d", exceptions, maxExceptions)
	}
}

// eachText visits the files of the repository that people read and write.
func eachText(t *testing.T, visit func(name string, text []byte)) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch skip := []string{"node_modules", "dist", "gen", "testdata", "bin", "release"}; {
		case d.IsDir() && name != root && (slices.Contains(skip, d.Name()) || strings.HasPrefix(d.Name(), ".") && d.Name() != ".ci"):
			return filepath.SkipDir
		case d.IsDir() || !slices.ContainsFunc(prose, func(end string) bool { return strings.HasSuffix(name, end) }):
			return nil
		case strings.HasSuffix(name, ".pb.go"), strings.HasSuffix(name, "_pb.ts"):
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		visit(rel, text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A retired identifier is a name that the glossary has replaced, except in the directories where it is right.
type retired struct {
	name, now string
	rightIn   []string
}

var retiredRow = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| ([^|]+) \\| ([^|]*)\\|$")

func retiredIdentifiers(t *testing.T) map[string]retired {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "glossary.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Retired identifiers\n")
	all := map[string]retired{}
	for _, row := range retiredRow.FindAllStringSubmatch(section, -1) {
		r := retired{name: row[1], now: strings.TrimSpace(row[2])}
		for _, dir := range strings.Split(row[3], ",") {
			if dir = strings.Trim(dir, " `"); dir != "" {
				r.rightIn = append(r.rightIn, dir)
			}
		}
		all[r.name] = r
	}
	if len(all) < 50 {
		t.Fatalf("only %d retired identifiers found in the glossary: this test no longer reads its table", len(all))
	}
	return all
}

// No identifier in the code is one that the glossary lists as retired.
func TestRetiredIdentifiers(t *testing.T) {
	all := retiredIdentifiers(t)
	for _, s := range tree(t) {
		if s.generated {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			if r, is := all[id.Name]; is && !withinAny(s.dir, r.rightIn...) {
				t.Errorf("%s: %s is retired: %s", files.Position(id.Pos()), r.name, r.now)
			}
			return true
		})
	}
}
