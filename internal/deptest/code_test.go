package deptest

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// The packages and functions that pure or deterministic code must not use.
var (
	doesIO    = []string{"os", "net", "syscall", "io/fs", "log", "embed", "plugin", "database/sql", "google.golang.org/grpc"}
	clock     = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}
	deadlines = []string{"WithTimeout", "WithDeadline", "WithTimeoutCause", "WithDeadlineCause"}
)

// The protocol, the fold and the vocabulary are pure functions of values: they use no I/O, clock,
// goroutine or randomness.
func TestPure(t *testing.T) {
	for _, s := range tree(t) {
		if s.test || !withinAny(s.dir, "node/chord", "conductor/ring", "conductor/encoding", "otel/chordevent") || withinAny(s.dir, "node/chord/modelcheck", "conductor/ring/ringtest") {
			continue
		}
		not := doesIO
		if s.name != "conductor/ring/tree.go" { // the priorities of a treap are random, and do not affect any result
			not = append(slices.Clone(not), "math/rand")
		}
		noDirectWorld(t, s, not)
	}
}

// The parts of the key side are state machines: the lock, the tasks, the calls to peers and the
// telemetry belong to their caller.
func TestStateMachines(t *testing.T) {
	for _, s := range tree(t) {
		if !s.test && withinAny(s.dir, keyParts...) {
			noDirectWorld(t, s, append(slices.Clone(doesIO), "sync", "context", "math/rand", "crypto/rand", "go.opentelemetry.io"))
		}
	}
}

var keyParts = []string{"node/kv/terms", "node/kv/ownership", "node/kv/handoff", "node/kv/replication"}

// Members reach time, concurrency, randomness and the network only through env, so that one seed
// gives one run.
func TestDeterministic(t *testing.T) {
	for _, s := range tree(t) {
		if !s.test && withinAny(s.dir, "node/member", "node/kv", "node/store") {
			noDirectWorld(t, s, []string{"os", "net", "syscall", "math/rand", "crypto/rand"})
		}
	}
}

func noDirectWorld(t *testing.T, s source, not []string) {
	t.Helper()
	for _, target := range s.imports {
		if withinAny(target, not...) {
			t.Errorf("%s imports %s", s.name, target)
		}
	}
	s.calls(func(pkg, function string, at token.Position) {
		if pkg == "time" && slices.Contains(clock, function) || pkg == "context" && slices.Contains(deadlines, function) {
			t.Errorf("%s: %s.%s", at, pkg, function)
		}
	})
	ast.Inspect(s.ast, func(n ast.Node) bool {
		if g, ok := n.(*ast.GoStmt); ok {
			t.Errorf("%s: starts a goroutine; deterministic code starts tasks through env", files.Position(g.Pos()))
		}
		return true
	})
}

// Tests must not sleep: they would be slow, flaky or both. In the virtual time of testing/synctest
// they may sleep, since only sleeping advances that time.
func TestNoSleepInTests(t *testing.T) {
	for _, s := range tree(t) {
		if !s.test || slices.Contains(s.imports, "testing/synctest") {
			continue
		}
		s.calls(func(pkg, function string, at token.Position) {
			if pkg == "time" && function == "Sleep" {
				t.Errorf("%s: time.Sleep outside of testing/synctest", at)
			}
		})
	}
}

// A test that waits for a condition without a channel to signal it uses polltest, not a loop with a
// deadline of its own: polltest has one limit for all tests, and its failure names the condition.
func TestOnePoll(t *testing.T) {
	for _, s := range tree(t) {
		if !s.test || slices.Contains(s.imports, "testing/synctest") {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			loop, ok := n.(*ast.ForStmt)
			if !ok {
				return true
			}
			if looksAt, ok := loop.Cond.(*ast.CallExpr); ok && comparesNow(looksAt.Fun) {
				return true // such a loop works for a fixed time: it waits for no condition
			}
			ast.Inspect(loop, func(n ast.Node) bool {
				if _, another := n.(*ast.ForStmt); another && n != loop {
					return false
				}
				if e, ok := n.(ast.Expr); ok && comparesNow(e) {
					t.Errorf("%s: a loop that waits until a deadline; use internal/polltest", files.Position(e.Pos()))
				}
				return true
			})
			return true
		})
	}
}

// comparesNow reports whether e is the method After or Before of time.Now().
func comparesNow(e ast.Expr) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "After" && sel.Sel.Name != "Before" {
		return false
	}
	call, ok := sel.X.(*ast.CallExpr)
	return ok && isNow(call)
}

func isNow(call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "Now" {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && x.Name == "time"
}

func TestNoSkips(t *testing.T) {
	for _, s := range tree(t) {
		if !s.test {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok && (sel.Sel.Name == "Skip" || sel.Sel.Name == "SkipNow" || sel.Sel.Name == "Skipf") {
				if x, ok := sel.X.(*ast.Ident); ok && (x.Name == "t" || x.Name == "b" || x.Name == "f") {
					t.Errorf("%s: a test that skips itself; tests must run everywhere", files.Position(call.Pos()))
				}
			}
			return true
		})
	}
}

// Every package documents its purpose; a package with more than one file does so in doc.go or
// main.go.
func TestPackageDocs(t *testing.T) {
	type pkg struct {
		files int
		doc   string // the file with the package comment
	}
	pkgs := map[string]*pkg{}
	for _, s := range tree(t) {
		if s.test || s.generated {
			continue
		}
		p := pkgs[s.dir]
		if p == nil {
			p = new(pkg)
			pkgs[s.dir] = p
		}
		p.files++
		if s.ast.Doc == nil {
			continue
		}
		if p.doc != "" {
			t.Errorf("%s: package comments in both %s and %s", s.dir, p.doc, s.name)
		}
		p.doc = s.name
		text := s.ast.Doc.Text()
		if s.ast.Name.Name == "main" {
			continue // such a comment begins with the program's name
		}
		if !strings.HasPrefix(text, "Package "+s.ast.Name.Name+" ") {
			t.Errorf("%s: the package comment begins with %.40q, expected \"Package %s\"", s.name, text, s.ast.Name.Name)
		}
	}
	for dir, p := range pkgs {
		switch {
		case p.doc == "":
			t.Errorf("%s: no package comment", dir)
		case p.files > 1 && p.doc != dir+"/doc.go" && p.doc != dir+"/main.go":
			t.Errorf("%s: the package comment is in %s, expected it in doc.go or main.go", dir, p.doc)
		}
	}
}

// No file is longer than 600 lines.
func TestFileLength(t *testing.T) {
	for _, s := range tree(t) {
		if !s.generated && s.lines > 600 {
			t.Errorf("%s has %d lines, more than 600", s.name, s.lines)
		}
	}
}
