package deptest

import (
	"go/ast"
	"slices"
	"testing"
)

// reading lists the clients and requests of calls that only read a node's state. Commands and
// operations on keys are not in the list.
var reading = []string{
	"StatusRequest", "PingRequest", "NeighborsRequest", "FindNextRequest", "SurveyRequest", "CompareRequest", "FetchRequest",
	"NewRingClient", "NewKeysClient",
}

const mayAsk = "conductor/lab/judge/groundtruth"

// mayCall lists the packages that may import mayAsk: the one that measures the view's accuracy, and
// the one that has it measured every second.
var mayCall = []string{"conductor/lab/judge", "conductor/lab/run"}

// No package of the conductor reads a node's state, except the one that compares the view with the
// ground truth; only the packages of mayCall import it.
func TestNothingPolls(t *testing.T) {
	found := 0
	for _, s := range tree(t) {
		if s.test || !within(s.dir, "conductor") {
			continue
		}
		if slices.Contains(s.imports, module+mayAsk) && !slices.Contains(mayCall, s.dir) {
			t.Errorf("%s imports %s: only %v may", s.name, mayAsk, mayCall)
		}
		if slices.Contains(s.imports, module+"node/host") {
			t.Errorf("%s imports node/host, whose Status reads a node's state without nodepb's names, which this test looks for", s.name)
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || !slices.Contains(reading, sel.Sel.Name) {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); !ok || x.Name != "nodepb" {
				return true
			}
			if s.dir == mayAsk {
				found++
				return true
			}
			t.Errorf("%s: nodepb.%s reads a node's state: only %s may", files.Position(sel.Pos()), sel.Sel.Name, mayAsk)
			return true
		})
		for _, i := range s.ast.Imports {
			if i.Path.Value == `"`+module+`node/nodepb"` && i.Name != nil {
				t.Errorf("%s imports nodepb under another name: this test would not find its calls", s.name)
			}
		}
	}
	if found == 0 {
		t.Errorf("%s was not found to read a node's state: this test no longer finds such calls", mayAsk)
	}
}
