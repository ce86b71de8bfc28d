package faults

import (
	"fmt"
	"testing"
	"time"

	"chordconductor/conductor/lab/deploy/deploytest"
	"chordconductor/conductor/lab/scenario"
)

// TestCommandsThatFail has each call, and each pair of calls, of every command fail: after an error nothing is in
// force, at the latest when the orders could be sent again; without an error everything is in force.
func TestCommandsThatFail(t *testing.T) {
	commands := map[string]struct {
		ds   func() []*Fault
		want string // what is then in force
	}{
		"partition": {func() []*Fault {
			return []*Fault{{From: set("a"), Both: true, Partition: true}, {From: set("b"), Both: true, Partition: true}}
		},
			"[a>b a>c b>a b>c c>a c>b]"},
		"pause": {func() []*Fault { return []*Fault{{From: set("b"), Paused: true}} }, "[] paused b"},
		"slow":  {func() []*Fault { return []*Fault{{From: set("a", "c"), To: set("b"), Partition: true}} }, "[a>b c>b]"},
	}
	for name, command := range commands {
		for first := range 12 {
			for second := first; second < 12; second++ {
				f := deploytest.NewPaper("a", "b", "c")
				f.Failing[first], f.Failing[second], f.Late = true, true, second%2 == 0
				c := &clock{now: time.Unix(1e9, 0)}
				fs := newInForce(f, scenario.Network{}, c.Now)
				err := fs.Impose(t.Context(), command.ds()...)
				for range 4 { // as Deployment.Renew does
					c.now = c.now.Add(2 * faultRetry)
					_ = fs.apply(t.Context())
				}
				got := fmt.Sprint(f.Blocked())
				for _, h := range f.List {
					if f.Sent[h.Address].GetPaused() {
						got += " paused " + h.Address
					}
				}
				want := command.want
				if err != nil {
					want = "[]"
				}
				if got != want || (err != nil) != (len(fs.List()) == 0) {
					t.Errorf("%s, calls %d and %d fail: %v, and in force are %s, want %s; listed %v", name, first, second, err, got, want, fs.List())
				}
			}
		}
	}
}
