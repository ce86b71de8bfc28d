package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"chordconductor/conductor/sim/scenario"
	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
)

// paperFleet is hosts that exist on paper, and note their faults.
type paperFleet struct {
	hosts []Host
	told  map[string][]*nodepb.Fault
	calls int
	fail  string // address of a host that cannot be told
}

func newPaperFleet(addresses ...string) *paperFleet {
	f := &paperFleet{told: make(map[string][]*nodepb.Fault)}
	for i, a := range addresses {
		f.hosts = append(f.hosts, Host{ID: a, Address: a, Members: []Member{{id(byte(i + 1)), true}}})
	}
	return f
}

func (f *paperFleet) Hosts() []Host { return f.hosts }
func (f *paperFleet) SetFaults(_ context.Context, address string, list []*nodepb.Fault) error {
	f.calls++
	if address == f.fail {
		return errors.New("unreachable")
	}
	f.told[address] = list
	return nil
}
func (f *paperFleet) Start(context.Context, int, string) ([]chord.ID, error) { return nil, nil }
func (f *paperFleet) Stop(context.Context, chord.ID, bool) error             { return nil }
func (f *paperFleet) Client(string) Client                                   { return nil }
func (f *paperFleet) SetTelemetry(string, bool) error                        { return nil }
func (f *paperFleet) SetPaused(context.Context, string, bool) error {
	return refuse(ErrUnavailable, "no")
}
func (f *paperFleet) Replicas() int         { return 3 }
func (f *paperFleet) Close(context.Context) {}

// cuts lists the pairs whose calls are cut, as "a>b".
func (f *paperFleet) cuts() (pairs []string) {
	for _, h := range f.hosts {
		for _, fault := range f.told[h.Address] {
			if fault.Cut {
				pairs = append(pairs, h.Address+">"+fault.Address)
			}
		}
	}
	return pairs
}

func set(addresses ...string) map[string]bool {
	m := make(map[string]bool)
	for _, a := range addresses {
		m[a] = true
	}
	return m
}

func TestCutsReachTheHostsConcerned(t *testing.T) {
	for _, test := range []struct {
		name string
		d    disturbance
		want []string
	}{
		{"partition", disturbance{from: set("a", "b"), both: true, cut: true}, []string{"a>c", "a>d", "b>c", "b>d", "c>a", "c>b", "d>a", "d>b"}},
		{"one way", disturbance{from: set("a"), to: set("c", "d"), cut: true}, []string{"a>c", "a>d"}},
		{"alone", disturbance{from: set("a", "b"), both: true, cut: true, alone: true}, []string{"a>b", "a>c", "a>d", "b>a", "b>c", "b>d", "c>a", "c>b", "d>a", "d>b"}},
	} {
		f := newPaperFleet("a", "b", "c", "d")
		fs := newFaults(f, scenario.Network{})
		end, err := fs.add(t.Context(), &test.d)
		if got := f.cuts(); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v; %v", test.name, got, test.want, err)
		}
		if err := end(t.Context()); err != nil || len(f.cuts()) > 0 {
			t.Errorf("%s: %v stay cut after its end", test.name, f.cuts())
		}
	}
}

func TestFaultsCompose(t *testing.T) {
	f := newPaperFleet("a", "b", "c")
	fs := newFaults(f, scenario.Network{Latency: 5 * time.Millisecond, Loss: 0.01})
	ctx := t.Context()
	if err := fs.apply(ctx); err != nil || fmt.Sprint(f.told["a"]) != fmt.Sprint([]*nodepb.Fault{{Address: "*", LatencyMillis: 5, Loss: 0.01}}) {
		t.Errorf("the network itself: %v %v", f.told["a"], err)
	}
	calls := f.calls
	if err := fs.apply(ctx); err != nil || f.calls != calls {
		t.Errorf("hosts are told again what they know: %d calls", f.calls-calls)
	}
	endSlow, _ := fs.add(ctx, &disturbance{from: set("a"), to: set("a", "b", "c"), latency: 200 * time.Millisecond})
	endCut, _ := fs.add(ctx, &disturbance{from: set("c"), both: true, cut: true, cuts: 1})
	want := []*nodepb.Fault{{Address: "b", LatencyMillis: 205, Loss: 0.01}, {Address: "c", Cut: true, LatencyMillis: 205, Loss: 0.01}, {Address: "*", LatencyMillis: 5, Loss: 0.01}}
	if !slices.EqualFunc(f.told["a"], want, sameFault) {
		t.Errorf("slow and cut: %v", f.told["a"])
	}
	if fs.cut() != 1 {
		t.Errorf("%d members are cut off", fs.cut())
	}
	f.hosts = append(f.hosts, Host{ID: "d", Address: "d"}) // a newcomer does not bridge the cut
	if err := fs.apply(ctx); err != nil || !slices.Contains(f.cuts(), "d>c") {
		t.Errorf("a newcomer was told %v", f.told["d"])
	}
	_ = endSlow(ctx)
	_ = endCut(ctx)
	if len(f.told["a"]) != 1 || fs.cut() != 0 {
		t.Errorf("after both ended: %v", f.told["a"])
	}
}

func TestHostThatCannotBeToldIsTriedAgain(t *testing.T) {
	f := newPaperFleet("a", "b", "c")
	fs := newFaults(f, scenario.Network{})
	f.fail = "a"
	if _, err := fs.add(t.Context(), &disturbance{from: set("a"), both: true, cut: true}); err == nil {
		t.Error("no error")
	}
	if got := f.cuts(); !slices.Equal(got, []string{"b>a", "c>a"}) {
		t.Errorf("the others were told %v", got)
	}
	f.fail = ""
	if err := fs.apply(t.Context()); err != nil || !slices.Contains(f.cuts(), "a>b") {
		t.Errorf("not tried again: %v %v", f.cuts(), err)
	}
}

func TestPauseWhereHostsCannotBeStopped(t *testing.T) {
	f := newPaperFleet("a", "b", "c")
	here := &site{&Ground{Fleet: f}, newFaults(f, scenario.Network{})}
	resume, err := here.pause(t.Context(), set("a"))
	if got := f.cuts(); err != nil || !slices.Equal(got, []string{"a>b", "a>c", "b>a", "c>a"}) {
		t.Errorf("paused: %v %v", got, err)
	}
	if err := resume(t.Context()); err != nil || len(f.cuts()) != 0 {
		t.Errorf("resumed: %v %v", f.cuts(), err)
	}
}
