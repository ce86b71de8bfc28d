package member

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/simenv"
	"chordconductor/node/wire"
)

// The tests of this file look inside members of a small simulated ring.

// smallRing starts hosts of one member each, and waits until each has two others as its neighbors.
func smallRing(t *testing.T, size int) (*simenv.World, []*Host) {
	t.Helper()
	w := simenv.New(simenv.Config{Seed: 1})
	t.Cleanup(w.Close)
	var hosts []*Host
	for i := range size {
		addr := fmt.Sprintf("host%d:7001", i)
		e, err := w.Host(addr)
		if err != nil {
			t.Fatal(err)
		}
		cfg := Config{Stabilize: 100 * time.Millisecond, CallLimit: 250 * time.Millisecond, RingOnly: true}
		if i > 0 {
			cfg.Join = []string{"host0:7001"}
		}
		h, err := NewHost(cfg, addr, e, Telemetry{})
		if err != nil {
			t.Fatal(err)
		}
		e.Serve(h, h, nil)
		if _, err := h.Start(1); err != nil {
			t.Fatal(err)
		}
		hosts = append(hosts, h)
	}
	if !w.RunUntil(time.Minute, 100*time.Millisecond, func() bool {
		for _, h := range hosts {
			if m := h.Any(); m == nil || size > 1 && (!m.State().Pred.Real() || len(m.State().Live()) == 0) {
				return false
			}
		}
		return true
	}) {
		t.Fatal("no ring after a minute")
	}
	return w, hosts
}

// inTask runs a task of a host to its end.
func inTask(t *testing.T, w *simenv.World, h *Host, task func(ctx context.Context)) {
	t.Helper()
	done := false
	if err := h.env.Go(context.Background(), func(ctx context.Context) {
		task(ctx)
		done = true
	}); err != nil {
		t.Fatal(err)
	}
	if !w.RunUntil(time.Hour, 100*time.Millisecond, func() bool { return done }) {
		t.Fatal("the task has not ended")
	}
}

// At rest the rounds of finger maintenance slow down to one in 8 intervals.
func TestFingerRoundsSlowDown(t *testing.T) {
	w, hosts := smallRing(t, 4)
	w.Run(2 * time.Minute)
	for _, h := range hosts {
		if got, want := h.Any().background.gap, 8*h.cfg.Stabilize; got != want {
			t.Errorf("%s: a pass begins %v after the one before, want %v", h.Address(), got, want)
		}
	}
}

// answering lists the contacts that answer an orphan, and never the orphan itself.
func TestAnsweringContacts(t *testing.T) {
	w, hosts := smallRing(t, 3)
	m := hosts[0].Any()
	silent := chord.Peer{ID: chord.ID{1}, Addr: "nowhere:1", Incarnation: 1}
	inTask(t, w, hosts[0], func(ctx context.Context) {
		for _, test := range []struct {
			contacts []chord.Peer
			found    int
			some     bool
		}{
			{[]chord.Peer{silent}, 0, false},
			{[]chord.Peer{m.self}, 0, false},
			{[]chord.Peer{hosts[1].Any().self, silent, hosts[2].Any().self}, 2, true},
		} {
			var contacts []candidate
			for _, p := range test.contacts {
				contacts = append(contacts, candidate{peer: p})
			}
			found, some, err := m.answering(ctx, contacts)
			if err != nil || len(found) != test.found || some != test.some {
				t.Errorf("%v: %d found, some: %t, %v", test.contacts, len(found), some, err)
			}
		}
	})
}

// The number of a member's recursive lookups under way is bounded: one more fails immediately.
func TestTooManyLookups(t *testing.T) {
	w, hosts := smallRing(t, 3)
	m := hosts[0].Any()
	inTask(t, w, hosts[0], func(ctx context.Context) {
		for id := range uint64(maxPending) {
			if m.lookups.add(id, m.host.env) == nil {
				t.Fatalf("lookup %d is one too many", id)
			}
		}
		l := &Lookup{Key: hosts[1].Any().self.ID, Start: m.env.Now()}
		if err := m.recursive(ctx, l, m.env.Now().Add(time.Minute)); !errors.Is(err, errTooMany) {
			t.Errorf("one lookup beyond the bound: %v", err)
		}
		m.lookups.remove(0, m.lookups.byID[0], false)
		if err := m.recursive(ctx, l, m.env.Now().Add(time.Minute)); err != nil {
			t.Errorf("at the bound: %v", err)
		}
	})
}

// Members that are remembered are listed by their distance, the nearest clockwise first.
func TestRememberedByDistance(t *testing.T) {
	w, hosts := smallRing(t, 8)
	w.Run(10 * time.Second)
	for _, h := range hosts {
		m := h.Any()
		list := m.Remembered()
		if len(list) < 3 {
			t.Fatalf("%s remembers %d members", h.Address(), len(list))
		}
		for i := range list[1:] {
			if h.space.Distance(m.self.ID, list[i].ID).Compare(h.space.Distance(m.self.ID, list[i+1].ID)) > 0 {
				t.Errorf("%s: %v is listed before %v", h.Address(), list[i], list[i+1])
			}
		}
	}
}

// The path of an answered lookup is what the hops on other hosts sent, then the hops on this one, with their timeouts.
func TestPathOfAnAnswer(t *testing.T) {
	_, hosts := smallRing(t, 4)
	for before := range 4 {
		for here := range 3 {
			a := answered{owner: hosts[0].Any().self}
			var want []Hop
			for i := range before + here {
				hop := Hop{Peer: hosts[i%4].Any().self, Slot: i, Timeouts: i, At: time.Duration(i) * time.Millisecond}
				if want = append(want, hop); i < before {
					a.before = append(a.before, hopToWire(&hop, wire.Ref(hop.Peer, 0)))
				} else {
					a.path = append(a.path, hop)
				}
			}
			var l Lookup
			if err := hosts[0].Any().accept(&l, a); err != nil || !slices.Equal(l.Path, want) || l.Owner != a.owner {
				t.Errorf("%d hops elsewhere, %d here: %v, owner %v, %v, want %v", before, here, l.Path, l.Owner, err, want)
			}
			n := before + here
			if l.Timeouts != n*(n-1)/2 {
				t.Errorf("%d hops: %d timeouts", n, l.Timeouts)
			}
		}
	}
}

// A last call asks each other host once, in the order in which it learns of them, up to the bound, and finds a member that
// stays.
func TestHostsOfALastCall(t *testing.T) {
	w, hosts := smallRing(t, 3)
	own, one, other := hosts[0].Address(), hosts[1].Address(), hosts[2].Address()
	c := &call{h: hosts[0]}
	c.add(other, own, one, other)
	var list []string
	for _, h := range c.hosts {
		list = append(list, h.addr)
	}
	if !slices.Equal(list, []string{other, one}) {
		t.Errorf("it asks %v", list)
	}
	inTask(t, w, hosts[0], func(ctx context.Context) {
		if stays, err := c.ask(ctx); err != nil || stays != hosts[2].Any().self {
			t.Errorf("%v stays, %v", stays, err)
		}
	})
	for i := range 2 * maxCalled {
		c.add(fmt.Sprint("h", i))
	}
	if len(c.hosts) != maxCalled {
		t.Errorf("it asks %d hosts, want %d", len(c.hosts), maxCalled)
	}
}
