package controller

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"chordconductor/conductor/lab/deploy/deploytest"
	"chordconductor/conductor/lab/deploy/faults"
	"chordconductor/conductor/lab/judge"
	"chordconductor/conductor/lab/run"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/conductor/ring"
)

// under lists the hosts with faults.
func under(f *deploytest.Paper) (hosts []string) {
	for _, h := range f.Hosts() {
		if !faults.Healthy(f.Order(h.Address)) {
			hosts = append(hosts, h.Address)
		}
	}
	return hosts
}

// viewOf returns the view of an ideal ring of a fleet's members.
func viewOf(f *deploytest.Paper) *ring.View {
	v := &ring.View{Status: ring.Ideal, Bits: 160}
	for _, id := range f.Members() {
		v.Members = append(v.Members, &ring.Member{ID: id, Status: ring.Active})
		v.Counts.Active++
	}
	return v
}

// TestPhasesOnAFleetThatFails runs each kind of phase on hosts of which one call after the other fails, either before
// or after the host has carried it out. A phase that passes has done everything that it requests, for as long as it
// requests; no more is reported than was done; a failure fails the run, and is named. At the end, when the hosts answer
// again, no fault remains.
func TestPhasesOnAFleetThatFails(t *testing.T) {
	kinds := map[string]struct {
		planned int
		under   int // hosts with faults while it lasts
		counts  func(*deploytest.Paper) int
	}{
		"join: 3":                             {3, 0, func(f *deploytest.Paper) int { return f.Started }},
		"join: 3, for: 6s":                    {3, 0, func(f *deploytest.Paper) int { return f.Started }},
		"leave: 2":                            {2, 0, func(f *deploytest.Paper) int { return f.Stopped }},
		"crash: 2":                            {2, 0, func(f *deploytest.Paper) int { return f.Stopped }},
		"crash: 2, adjacent: true":            {2, 0, func(f *deploytest.Paper) int { return f.Stopped }},
		"crash: 2, for: 6s":                   {2, 0, func(f *deploytest.Paper) int { return f.Stopped }},
		"partition: {fraction: 0.5}, for: 6s": {2, 4, nil},
		"one_way_cut: {from: 0.5, to: 1}, for: 6s":         {2, 2, nil},
		"slow_link: {fraction: 0.5, latency: 1s}, for: 6s": {2, 2, nil},
		"pause: 2, for: 6s":                                {2, 2, nil},
		"telemetry_outage: {fraction: 0.5}, for: 6s":       {2, 2, nil},
	}
	for text, kind := range kinds {
		for call := range 14 {
			for _, late := range []bool{false, true} {
				label := fmt.Sprintf("%s, call %d fails, late %v", text, call, late)
				synctest.Test(t, func(t *testing.T) {
					l, f := onStage(t, "phases: [{at: 3s, "+text+"}]\nduration: 15s\n", call, late)
					defer l.Close(t.Context())
					held := true
					time.Sleep(3*time.Second + 10*time.Millisecond)
					for range 11 { // until shortly before its end
						held = held && len(under(f)) >= kind.under
						time.Sleep(500 * time.Millisecond)
					}
					time.Sleep(600 * time.Millisecond)
					ended := len(under(f)) == 0
					failedInPhase := f.Failed > 0
					time.Sleep(2 * time.Minute)
					r := l.Result()
					if !r.Finished || len(r.Phases) != 2 {
						t.Fatalf("%s: %+v", label, r)
					}
					p := r.Phases[1]
					if p.Planned != kind.planned {
						t.Errorf("%s: planned %d", label, p.Planned)
					}
					if failedInPhase != !r.Passed() || failedInPhase && len(r.Notes) == 0 {
						// a renewal that fails is made good before the lease ends
						if !(held && ended && kind.under > 0) {
							t.Errorf("%s: passed %v, %d of %d done, notes %q", label, r.Passed(), p.Done, p.Planned, r.Notes)
						}
					}
					if r.Passed() && !(held && ended) {
						t.Errorf("%s: passed, but in force throughout is %v, and that it ended in time %v", label, held, ended)
					}
					if kind.counts != nil && (p.Done > kind.counts(f) || !late && p.Done != kind.counts(f)) {
						t.Errorf("%s: %d are reported done, and %d were", label, p.Done, kind.counts(f))
					}
					if got := under(f); len(got) > 0 || len(l.Faults()) > 0 {
						t.Errorf("%s: in the end %v have faults, and %v is listed", label, got, l.Faults())
					}
				})
			}
		}
	}
}

// onStage starts a scenario on a fleet of which one call fails.
func onStage(t *testing.T, text string, call int, late bool) (*Controller, *deploytest.Paper) {
	s, err := scenario.Parse("x", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	f := deploytest.NewPaper("a", "b", "c", "d")
	f.Failing[call], f.Late = true, late
	l := New(Config{Sources: run.Sources{View: func() *ring.View { return viewOf(f) }, Watch: judge.NewWatch()}, Remote: f})
	if err := l.StartSimulation(s); err != nil {
		l.Close(t.Context())
		t.Fatal(err)
	}
	return l, f
}

// TestHealPhasesOnAFleetThatFails does the same with a phase that heals an earlier one's faults, and with a scenario's
// network on a ring that existed before.
func TestHealPhasesOnAFleetThatFails(t *testing.T) {
	for text, during := range map[string][]string{
		"phases: [{at: 2s, pause: 2}, {at: 5s, heal: true}]\nduration: 12s\n":                     nil,
		"phases: [{at: 2s, partition: {fraction: 0.5}}, {at: 5s, heal: true}]\nduration: 12s\n":   nil,
		"network: {latency: 5ms}\nphases: [{at: 5s, workload: {rate: 0.001/s}}]\nduration: 12s\n": {"a", "b", "c", "d"},
	} {
		for call := range 14 {
			for _, late := range []bool{false, true} {
				label := fmt.Sprintf("%q, call %d fails, late %v", text, call, late)
				synctest.Test(t, func(t *testing.T) {
					l, f := onStage(t, text, call, late)
					defer l.Close(t.Context())
					time.Sleep(time.Second)
					begun := during == nil || slices.Equal(under(f), during)
					time.Sleep(4*time.Second + 10*time.Millisecond)
					healed := slices.Equal(under(f), during)
					time.Sleep(2 * time.Minute)
					r := l.Result()
					if r.Passed() && !(begun && healed) {
						t.Errorf("%s: passed, though in force at first as wanted: %v, and then: %v", label, begun, healed)
					}
					if !r.Passed() && len(r.Notes) == 0 {
						t.Errorf("%s: failed without a note: %+v", label, r.Phases)
					}
					if f.Failed == 0 && !r.Passed() {
						t.Errorf("%s: nothing fails: %+v, notes %q", label, r.Phases, r.Notes)
					}
					if got := under(f); len(got) > 0 || len(l.Faults()) > 0 {
						t.Errorf("%s: in the end %v have faults, and %v is listed", label, got, l.Faults())
					}
				})
			}
		}
	}
}

// TestNothingToHealMeasuresNothing: a heal repairs nothing if nothing was broken, and measures no repair.
func TestNothingToHealMeasuresNothing(t *testing.T) {
	for text, measured := range map[string]bool{
		"phases: [{at: 2s, heal: true}]\n":                       false,
		"phases: [{at: 2s, pause: 2}, {at: 4s, heal: true}]\n":   true,
		"phases: [{at: 2s, heal: true}, {at: 3s, heal: true}]\n": false,
	} {
		synctest.Test(t, func(t *testing.T) {
			l, _ := onStage(t, text+"duration: 12s\nexpect: {repaired_within: 1s}\n", -1, false)
			defer l.Close(t.Context())
			time.Sleep(2 * time.Minute)
			if r := l.Result(); !r.Finished || len(r.Checks) != 1 || r.Checks[0].Measured != measured {
				t.Errorf("%q: %+v", text, r.Checks)
			}
		})
	}
}
