package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const source = `package p

func f(a, b int) int {
	if a < b && b != 3 {
		g(a, b)
	} else {
		a = b
	}
	for a > 0 {
		a--
	}
	switch {
	case a == b:
		return 1
	}
	return h(a, b+1)
}
`

// TestSites checks that each operator finds its sites, and that the changed source is still Go.
func TestSites(t *testing.T) {
	found, err := sitesOf("p.go", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range found {
		got = append(got, m.operator+": "+m.before+" → "+m.after)
		if _, err := parser.ParseFile(token.NewFileSet(), "p.go", m.apply([]byte(source)), 0); err != nil {
			t.Errorf("%v: %v", m, err)
		}
	}
	for _, want := range []string{
		"negate: if a < b && b != 3 { → if !(a < b && b != 3) {",
		"off by one: if a < b && b != 3 { → if a <= b && b != 3 {",
		"off by one: if a < b && b != 3 { → if a < b && b != 4 {",
		"swap operator: if a < b && b != 3 { → if a < b || b != 3 {",
		"swap operator: if a < b && b != 3 { → if a < b && b == 3 {",
		"swap arguments: g(a, b) → g(b, a)",
		"drop: g(a, b) → {}",
		"stale copy: a = b → {}",
		"negate: for a > 0 { → for !(a > 0) {",
		"drop: a-- → {}",
		"negate: case a == b: → case !(a == b):",
		"off by one: return 1 → return 2",
		"swap arguments: return h(a, b+1) → return h(b+1, a)",
		"swap operator: return h(a, b+1) → return h(a, b-1)",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("not found: %s", want)
		}
	}
	if !slices.ContainsFunc(found, func(m mutant) bool { return m.operator == "swap branches" && strings.Contains(m.text, "a = b") }) {
		t.Error("not found: swapped branches")
	}
}

// TestChoice checks that the named mutants of every suite still apply, that one seed gives one draw, and that a first
// part of the draw has mutants of each directory and operator.
func TestChoice(t *testing.T) {
	for _, s := range suites {
		chosen, drawn, total, err := s.choose("../..", 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(chosen) < 20 || total < 1000 || len(drawn) != total {
			t.Errorf("%s: %d named mutants, %d places, %d drawn", s.name, len(chosen), total, len(drawn))
		}
		_, again, _, err := s.choose("../..", 1)
		_, other, _, err2 := s.choose("../..", 2)
		if err != nil || err2 != nil || !slices.Equal(drawn, again) || slices.Equal(drawn, other) {
			t.Errorf("%s: one seed is not one draw", s.name)
		}
		seen := map[string]bool{}
		for _, m := range drawn[:100] {
			seen[part(m.file)+m.operator] = true
			seen[m.operator] = true
		}
		for _, dir := range s.dirs {
			for _, operator := range []string{"negate", "drop", "off by one", "swap operator", "swap arguments", "stale copy"} {
				if !seen[part(dir)+operator] {
					t.Errorf("%s: no %s in %s among the first 100", s.name, operator, dir)
				}
			}
		}
		keys := map[string]bool{}
		for _, m := range slices.Concat(chosen, drawn) {
			if keys[m.key()] {
				t.Errorf("two mutants are %s", m.key())
			}
			keys[m.key()] = true
		}
		for _, e := range equivalents {
			if !slices.ContainsFunc(drawn, e.is) {
				t.Errorf("no mutant is %s/%s: %s", e.file, e.operator, e.change)
			}
		}
		for _, m := range chosen {
			source, err := os.ReadFile(filepath.Join("../..", m.file))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.ParseFile(token.NewFileSet(), m.file, m.apply(source), 0); err != nil {
				t.Errorf("%v: %v", m, err)
			}
		}
	}
}

// TestVerdicts runs five mutants: a test fails, a test loops forever, a test waits forever, the change does not compile,
// no test notices it.
func TestVerdicts(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":      "module m\n\ngo 1.26\n",
		"p/p.go":      "package p\n\nimport \"time\"\n\nfunc Sum(n int) (s int) {\n\tfor i := 1; i <= n; i++ {\n\t\ts += i\n\t}\n\tif n < -1 {\n\t\ts = 0\n\t}\n\tif s < 0 {\n\t\ttime.Sleep(time.Hour)\n\t}\n\treturn s\n}\n",
		"p/p_test.go": "package p\n\nimport \"testing\"\n\nfunc TestSum(t *testing.T) {\n\tif Sum(3) != 6 {\n\t\tt.Fatal()\n\t}\n}\n",
	} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := &runner{root: root, limits: map[string]limit{}, stages: func(dir string) []stage { return []stage{{"own", dir, nil}} }}
	ctx := t.Context()
	if _, err := r.limit(ctx, stage{"own", "p", nil}); err != nil {
		t.Fatal(err)
	}
	for key := range r.limits {
		r.limits[key] = limit{2 * time.Second, 5 * time.Second}
	}
	for _, test := range []struct {
		before, after string
		verdict       verdict
		by            string
	}{
		{"i <= n", "i < n", killed, "TestSum"},
		{"i++", "i -= 0", tooLong, "limit of CPU time"},
		{"if s < 0", "if s > 0", tooLong, "time limit"},
		{"s += i", "t += i", invalid, ""},
		{"n < -1", "n < -2", survived, ""},
	} {
		m, err := named{"x", "p/p.go", test.before, test.after}.mutant(root)
		if err != nil {
			t.Fatal(err)
		}
		o, err := r.run(ctx, m)
		if err != nil || o.verdict != test.verdict || o.by != test.by {
			t.Errorf("%s → %s: %s by %q, %v", test.before, test.after, o.verdict, o.by, err)
		}
	}
}

// TestReport checks what the page shows of the outcomes.
func TestReport(t *testing.T) {
	text := report([]outcome{
		{mutant{operator: "drop", file: "p.go", line: 3, before: "g()", after: "{}"}, survived, "", "", 0},
		{mutant{operator: "drop", file: "p.go", line: 5}, tooLong, "own", "time limit", 0},
		{mutant{operator: "named", name: "late", file: "p.go", line: 4}, killed, "own", "TestX", 0},
	}, 10, 1)
	for _, want := range []string{"2 of 3 mutants killed (66.7 %), 1 of them because", "| drop | 2 | 0 | 1 | 1 |", "| named | 1 | 1 | 0 | 0 |", "| own | 1 | 1 |", "- p.go:3/drop"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
}

// TestResults checks that an interrupted run continues: outcomes in the file are not run again, except survivors if asked.
func TestResults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results")
	first, err := readResults(file)
	if err != nil {
		t.Fatal(err)
	}
	dead, living := mutant{operator: "drop", file: "p.go", line: 3}, mutant{operator: "drop", file: "p.go", line: 4}
	for _, o := range []outcome{{dead, killed, "own", "TestX", 1500 * time.Millisecond}, {living, survived, "", "", 0}} {
		if err := first.add(o); err != nil {
			t.Fatal(err)
		}
		second, err := readResults(file)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := second.get(o.mutant, false); !ok || got != o {
			t.Errorf("%v is %v after a restart, want %v", o.mutant, got, o)
		}
		if _, ok := second.get(o.mutant, true); ok != (o.verdict == killed) {
			t.Errorf("with survivors to run again, %v is known: %t", o.mutant, ok)
		}
	}
	if err := os.WriteFile(file, []byte("{}\nno outcome\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readResults(file); err == nil || !strings.Contains(err.Error(), ":2:") {
		t.Errorf("a line that is no outcome: %v", err)
	}
}
