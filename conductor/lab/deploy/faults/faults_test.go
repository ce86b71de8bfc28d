package faults

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/deploy/deploytest"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/node/nodepb"
)

// clock is a time that tests set.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// paperFaults returns the faults of a Paper fleet, and their clock.
func paperFaults(f *deploytest.Paper, n scenario.Network) (*InForce, *clock) {
	c := &clock{now: time.Unix(1e9, 0)}
	return newInForce(f, n, c.Now), c
}

func set(addresses ...string) map[string]bool {
	m := make(map[string]bool)
	for _, a := range addresses {
		m[a] = true
	}
	return m
}

func TestPartitionsReachTheHostsConcerned(t *testing.T) {
	for _, test := range []struct {
		name string
		d    Fault
		want []string
	}{
		{"partition", Fault{From: set("a", "b"), Both: true, Partition: true}, []string{"a>c", "a>d", "b>c", "b>d", "c>a", "c>b", "d>a", "d>b"}},
		{"one way", Fault{From: set("a"), To: set("c", "d"), Partition: true}, []string{"a>c", "a>d"}},
	} {
		f := deploytest.NewPaper("a", "b", "c", "d")
		fs, _ := paperFaults(f, scenario.Network{})
		end, err := fs.Add(t.Context(), &test.d)
		if got := f.Blocked(); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v; %v", test.name, got, test.want, err)
		}
		if err := end(t.Context()); err != nil || len(f.Blocked()) > 0 {
			t.Errorf("%s: %v still blocked after its end", test.name, f.Blocked())
		}
	}
}

func TestFaultsCompose(t *testing.T) {
	f := deploytest.NewPaper("a", "b", "c")
	fs, _ := paperFaults(f, scenario.Network{Latency: 5 * time.Millisecond, Jitter: time.Millisecond, Loss: 0.01})
	ctx := t.Context()
	base := &nodepb.Fault{Address: "*", LatencyMicros: 5000, JitterMicros: 1000, Loss: 0.01}
	is := func(what string, got *nodepb.SetFaultsRequest, want ...*nodepb.Fault) {
		t.Helper()
		if !proto.Equal(got, &nodepb.SetFaultsRequest{Faults: want}) {
			t.Errorf("%s: %v", what, got)
		}
	}
	if err := fs.apply(ctx); err != nil {
		t.Error(err)
	}
	is("the network itself", f.Sent["a"], base)
	calls := f.Calls
	if err := fs.apply(ctx); err != nil || f.Calls != calls {
		t.Errorf("hosts are sent an order that they have: %d calls", f.Calls-calls)
	}
	endSlow, _ := fs.Add(ctx, &Fault{From: set("a"), To: set("a", "b", "c"), Latency: 200 * time.Millisecond})
	endCut, _ := fs.Add(ctx, &Fault{From: set("c"), Both: true, Partition: true, Partitioned: 1})
	is("slow and partitioned", f.Sent["a"],
		&nodepb.Fault{Address: "b", LatencyMicros: 205_000, JitterMicros: 1000, Loss: 0.01},
		&nodepb.Fault{Address: "c", Cut: true, LatencyMicros: 205_000, JitterMicros: 1000, Loss: 0.01}, base)
	if fs.Partitioned() != 1 {
		t.Errorf("%d members are partitioned off", fs.Partitioned())
	}
	f.List = append(f.List, deploy.Host{ID: "d", Address: "d"}) // a new host does not bridge the partition
	if err := fs.apply(ctx); err != nil || !slices.Contains(f.Blocked(), "d>c") {
		t.Errorf("a new host was sent %v", f.Sent["d"])
	}
	_ = endSlow(ctx)
	_ = endCut(ctx)
	is("after both ended", f.Sent["a"], base)
	if err := fs.SetNetwork(ctx, scenario.Network{Latency: time.Second, Spread: scenario.Exponential}); err != nil {
		t.Error(err)
	}
	is("another network", f.Sent["a"], &nodepb.Fault{Address: "*", ExponentialMicros: 1e6})
	if err := fs.Clear(ctx); err != nil {
		t.Error(err)
	}
	is("home again", f.Sent["a"], base)
}

// An order is sent again to a host that could not be reached, though not at once. To a host with faults it is sent
// again before the host's lease ends.
func TestHostsAreSentOrdersAgain(t *testing.T) {
	f := deploytest.NewPaper("a", "b", "c")
	fs, clock := paperFaults(f, scenario.Network{})
	f.Fail = "a"
	end, err := fs.Add(t.Context(), &Fault{From: set("a"), Both: true, Partition: true})
	if err == nil {
		t.Error("no error")
	}
	if got := f.Blocked(); !slices.Equal(got, []string{"b>a", "c>a"}) {
		t.Errorf("the others were sent %v", got)
	}
	f.Fail = ""
	apply := func(later time.Duration, calls int) {
		t.Helper()
		clock.now = clock.now.Add(later)
		before := f.Calls
		if err := fs.apply(t.Context()); err != nil || f.Calls != before+calls {
			t.Errorf("after %v: %d calls, want %d; %v", later, f.Calls-before, calls, err)
		}
	}
	apply(time.Second, 0)
	apply(faultRetry-time.Second, 1)
	if !slices.Contains(f.Blocked(), "a>b") {
		t.Errorf("a was sent %v", f.Blocked())
	}
	apply(faultRenewal-faultRetry, 2) // b and c
	apply(faultRetry, 1)
	if err := end(t.Context()); err != nil || len(f.Blocked()) > 0 {
		t.Errorf("after its end: %v %v", f.Blocked(), err)
	}
	apply(time.Hour, 0)
}

// slowFleet answers when the test lets it.
type slowFleet struct {
	*deploytest.Paper
	answer chan error
}

func (f *slowFleet) SetFaults(ctx context.Context, address string, q *nodepb.SetFaultsRequest) error {
	select {
	case err := <-f.answer:
		if err != nil {
			return err
		}
		return f.Paper.SetFaults(ctx, address, q)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A command that meets another call under way to the same host, such as the renewal of a lease, waits for it. It fails
// only if the host could not be sent what is wanted now.
func TestCommandsWaitForEachOther(t *testing.T) {
	for name, answers := range map[string][]error{
		"the host answers":                       {nil, nil},
		"the first answer is an error":           {errors.New("unreachable"), nil},
		"the answer to what is new is an error":  {nil, errors.New("unreachable"), nil},
		"the host does not answer while we wait": {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &slowFleet{deploytest.NewPaper("a", "b"), make(chan error)}
				fs := newInForce(f, scenario.Network{}, time.Now)
				pausing, cancel := context.WithCancel(t.Context())
				defer cancel()
				go fs.Add(pausing, &Fault{From: set("a"), Paused: true})
				synctest.Wait()
				done := make(chan error, 1)
				waiting, enough := context.WithTimeout(t.Context(), time.Second)
				defer enough()
				go func() {
					_, err := fs.Add(waiting, &Fault{From: set("a"), Held: true})
					done <- err
				}()
				synctest.Wait()
				for _, err := range answers {
					f.answer <- err
				}
				err := <-done
				if sent := f.Sent["a"]; len(answers) > 0 && (err != nil || !sent.GetPaused() || !sent.GetTelemetryHeld()) {
					t.Errorf("%v; a was sent %v", err, sent)
				} else if len(answers) == 0 && !errors.Is(err, deploy.ErrUnavailable) {
					t.Errorf("without an answer: %v", err)
				}
			})
		})
	}
}

// Every heal ends pauses and outages, also of a host that the fleet no longer lists.
func TestPauseAndOutage(t *testing.T) {
	f := deploytest.NewPaper("a", "b", "c")
	fs, _ := paperFaults(f, scenario.Network{})
	if _, err := fs.Add(t.Context(), &Fault{From: set("a"), Paused: true}); err != nil {
		t.Error(err)
	}
	if _, err := fs.Add(t.Context(), &Fault{From: set("a", "b"), Held: true}); err != nil {
		t.Error(err)
	}
	for address, want := range map[string]*nodepb.SetFaultsRequest{"a": {Paused: true, TelemetryHeld: true}, "b": {TelemetryHeld: true}, "c": nil} {
		if got := f.Sent[address]; !proto.Equal(got, want) {
			t.Errorf("%s was sent %v, want %v", address, got, want)
		}
	}
	if len(f.Blocked()) > 0 {
		t.Errorf("partition: %v", f.Blocked())
	}
	f.List = f.List[1:] // a, silent, is taken for dead
	if err := fs.apply(t.Context()); err != nil || !f.Sent["a"].GetPaused() {
		t.Errorf("the pause of a ended because the fleet no longer lists it: %v", err)
	}
	if _, err := fs.Heal(t.Context()); err != nil {
		t.Error(err)
	}
	for address, got := range f.Sent {
		if !Healthy(got) {
			t.Errorf("healed: %s was sent %v", address, got)
		}
	}
	if len(fs.orders) != 0 {
		t.Errorf("orders are kept for %d healthy hosts", len(fs.orders))
	}
}

// TestCallersLearnTheOutcome: if the periodic task sees a change first and fails to send it, this does not hide the
// failure from the caller that made the change: the order is sent again.
func TestCallersLearnTheOutcome(t *testing.T) {
	fleet := deploytest.NewPaper("a", "b", "c", "d")
	fleet.Failing[2] = true
	f := newInForce(fleet, scenario.Network{}, time.Now)
	paused := &Fault{From: map[string]bool{"a": true}, Paused: true}
	if _, err := f.Add(t.Context(), paused); err != nil {
		t.Fatal(err)
	}
	other := &Fault{From: map[string]bool{"a": true}, Held: true}
	if _, err := f.Add(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	f.end(every)
	f.mu.Unlock()
	if f.apply(t.Context()) == nil {
		t.Fatal("the call did not fail")
	}
	if err := f.Remove(t.Context(), paused, other); err != nil || !Healthy(fleet.Sent["a"]) {
		t.Errorf("%v, and in force is %v", err, fleet.Sent["a"])
	}
}
