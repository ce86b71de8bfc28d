package deptest

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// What code that must be pure, or deterministic, must not use.
var (
	doesIO    = []string{"os", "net", "syscall", "io/fs", "log", "embed", "plugin", "database/sql", "google.golang.org/grpc"}
	clock     = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}
	deadlines = []string{"WithTimeout", "WithDeadline", "WithTimeoutCause", "WithDeadlineCause"}
)

// The protocol, the fold and the vocabulary are functions of values: no I/O, clock, goroutine or randomness.
func TestPure(t *testing.T) {
	for _, s := range tree(t) {
		if s.test || !withinAny(s.dir, "node/chord", "conductor/ring", "conductor/encoding", "otel/chordevent") || withinAny(s.dir, "node/chord/modelcheck", "conductor/ring/ringtest") {
			continue
		}
		not := doesIO
		if s.name != "conductor/ring/tree.go" { // the priorities of a treap, which do not affect any result
			not = append(slices.Clone(not), "math/rand")
		}
		noDirectWorld(t, s, not)
	}
}

// The parts of the key side are state machines: their caller has the lock, the tasks, the calls to peers and the
// telemetry, and they have none of them.
func TestStateMachines(t *testing.T) {
	for _, s := range tree(t) {
		if !s.test && withinAny(s.dir, keyParts...) {
			noDirectWorld(t, s, append(slices.Clone(doesIO), "sync", "context", "math/rand", "crypto/rand", "go.opentelemetry.io"))
		}
	}
}

var keyParts = []string{"node/kv/terms", "node/kv/ownership", "node/kv/handoff", "node/kv/replication"}

// Members reach time, concurrency, randomness and the network only through env: so one seed is one run.
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
			t.Errorf("%s: a goroutine of its own", files.Position(g.Pos()))
		}
		return true
	})
}

// Tests must not sleep: they would be slow, flaky or both. In the virtual time of testing/synctest they may, since only
// sleeping advances it.
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

// Tests wait for what no channel signals with polltest, not in a loop with a deadline of their own: that is neither as
// patient everywhere, nor has each words for what it waited for.
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
				return true // what it does goes on for a time: it waits for nothing
			}
			ast.Inspect(loop, func(n ast.Node) bool {
				if _, another := n.(*ast.ForStmt); another && n != loop {
					return false
				}
				if e, ok := n.(ast.Expr); ok && comparesNow(e) {
					t.Errorf("%s: a loop with a deadline: internal/polltest has one", files.Position(e.Pos()))
				}
				return true
			})
			return true
		})
	}
}

// comparesNow reports whether e is time.Now().After or Before.
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
					t.Errorf("%s: a skipped test tests nothing", files.Position(call.Pos()))
				}
			}
			return true
		})
	}
}

// Every package documents its purpose; in doc.go, where it has more than one file.
func TestPackageDocs(t *testing.T) {
	type pkg struct {
		files int
		doc   string // the file that has it
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
			continue // begins with the program's name
		}
		if !strings.HasPrefix(text, "Package "+s.ast.Name.Name+" ") {
			t.Errorf("%s: the package comment begins %.40q", s.name, text)
		}
	}
	for dir, p := range pkgs {
		switch {
		case p.doc == "":
			t.Errorf("%s: no package comment", dir)
		case p.files > 1 && p.doc != dir+"/doc.go" && p.doc != dir+"/main.go":
			t.Errorf("%s: the package comment is in %s, neither doc.go nor main.go", dir, p.doc)
		}
	}
}

// No file is too long to read.
func TestFileLength(t *testing.T) {
	for _, s := range tree(t) {
		if !s.generated && s.lines > 600 {
			t.Errorf("%s has %d lines, more than 600", s.name, s.lines)
		}
	}
}
