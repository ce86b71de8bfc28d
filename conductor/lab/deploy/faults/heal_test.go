package faults

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"chordconductor/conductor/lab/deploy/deploytest"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
)

// TestHealThatFails has each call, and each pair of calls, of a heal fail, before or after the host has carried it out:
// the answer names the members that the ended faults concern, all other faults are listed as ending, and every host is
// healthy at the latest when the orders can be sent again.
func TestHealThatFails(t *testing.T) {
	for first := range 8 {
		for second := first; second < 8; second++ {
			for _, late := range []bool{false, true} {
				f := deploytest.NewPaper("a", "b", "c")
				f.Late = late
				c := &clock{now: time.Unix(1e9, 0)}
				fs := newInForce(f, scenario.Network{}, c.Now)
				cut := &Fault{From: set("a"), Both: true, Partition: true}
				if err := fs.Impose(t.Context(), cut, &Fault{From: set("b"), Paused: true}); err != nil {
					t.Fatal(err)
				}
				label := fmt.Sprintf("calls %d and %d fail, late %v", first, second, late)
				f.Failing[f.Calls+first], f.Failing[f.Calls+second] = true, true
				ids, err := fs.Heal(t.Context())
				ending := map[string]bool{}
				for _, fault := range fs.List() {
					ending[fault.Kind] = fault.Ending
				}
				for kind, member := range map[string]chord.ID{"partition": deploytest.ID(1), "pause": deploytest.ID(2)} {
					if healed := slices.Contains(ids, member); healed == ending[kind] {
						t.Errorf("%s: of the %s %v are healed, and %v are listed", label, kind, ids, fs.List())
					}
				}
				if whole := len(fs.List()) == 0; whole != (err == nil) {
					t.Errorf("%s: %v, listed %v", label, err, fs.List())
				}
				unlisted(t, label, f, fs)
				for range 4 { // as Deployment.Renew does
					c.now = c.now.Add(2 * faultRetry)
					_ = fs.apply(t.Context())
				}
				if got := fmt.Sprint(f.Blocked(), f.Sent["b"].GetPaused(), fs.List()); got != "[] false []" {
					t.Errorf("%s: still in force: %s", label, got)
				}
			}
		}
	}
}

// unlisted fails a test if hosts are under faults that the list does not show.
func unlisted(t *testing.T, label string, f *deploytest.Paper, fs *InForce) {
	t.Helper()
	list := fs.List()
	for _, h := range f.List {
		sent := f.Sent[h.Address]
		shown := func(kinds ...string) bool {
			return slices.ContainsFunc(list, func(fault Listed) bool {
				return slices.Contains(kinds, fault.Kind) && (slices.Contains(fault.From, h.Address) || kinds[0] == "partition")
			})
		}
		cut := slices.ContainsFunc(sent.GetFaults(), func(fault *nodepb.Fault) bool { return fault.GetCut() })
		if cut && !shown("partition", "one_way_cut") || sent.GetPaused() && !shown("pause") || sent.GetTelemetryHeld() && !shown("telemetry_outage") {
			t.Errorf("%s: %s has %v, and listed are %v", label, h.Address, sent, list)
		}
	}
}

// TestWhatMayBeInForceIsListed gives commands in any order to hosts that fail at any call, before or after they have
// carried it out: a host's faults are always listed, an answer without an error is right, and once hosts no longer fail
// no fault remains.
func TestWhatMayBeInForceIsListed(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 13))
		names := []string{"a", "b", "c", "d"}
		f := deploytest.NewPaper(names...)
		c := &clock{now: time.Unix(1e9, 0)}
		fs := newInForce(f, scenario.Network{}, c.Now)
		draw := func() *Fault {
			d := &Fault{From: set(names[r.IntN(4)])}
			switch r.IntN(4) {
			case 0:
				d.Both, d.Partition = true, true
			case 1:
				d.To, d.Partition = set(names[r.IntN(4)]), true
			case 2:
				d.Paused = true
			case 3:
				d.Held = true
			}
			return d
		}
		var ends []func(context.Context) error
		for step := range 30 {
			f.Late = r.IntN(2) == 0
			for i := range 8 {
				f.Failing[f.Calls+i] = r.IntN(3) == 0
			}
			label := fmt.Sprintf("seed %d, step %d", seed, step)
			switch r.IntN(6) {
			case 0:
				before := len(fs.active)
				if err := fs.Impose(t.Context(), draw()); (err == nil) != (len(fs.active) == before+1) {
					t.Errorf("%s: imposed, and not listed", label)
				}
			case 1:
				end, _ := fs.Add(t.Context(), draw())
				ends = append(ends, end)
			case 2:
				if len(ends) > 0 {
					_ = ends[0](t.Context())
					ends = ends[1:]
				}
			case 3:
				ids, err := fs.Heal(t.Context())
				if err == nil && (len(fs.List()) > 0 || slices.ContainsFunc(slices.Collect(maps.Values(f.Sent)), func(q *nodepb.SetFaultsRequest) bool { return !Healthy(q) })) {
					t.Errorf("%s: healed %v, and in force is %v", label, ids, f.Sent)
				}
			default:
				c.now = c.now.Add(time.Duration(r.IntN(int(2 * faultRetry))))
				_ = fs.apply(t.Context())
			}
			unlisted(t, label, f, fs)
		}
		clear(f.Failing)
		if _, err := fs.Heal(t.Context()); err != nil || len(fs.List()) > 0 || len(fs.orders) > 0 {
			t.Errorf("seed %d: at the end: %v, %v listed, %v wanted", seed, err, fs.List(), fs.orders)
		}
	}
}
