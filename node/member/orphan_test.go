package member_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/simenv"
)

// TestAcquaint: hosts that join at the same time through another one, which dies before they meet, find each other by
// the addresses to join through, however many of these are silent.
func TestAcquaint(t *testing.T) {
	for _, silent := range []int{0, 1, 40} {
		w := newSimWorld(t, simenv.Config{Seed: 7, Delay: simenv.Fixed(2 * time.Millisecond)})
		cfg := ringOnly
		cfg.Join = nil
		for range silent {
			cfg.Join = append(cfg.Join, "nowhere:1")
		}
		founder := w.hostAt(t, ringOnly, "founder:1")
		if _, err := founder.Start(1); err != nil {
			t.Fatal(err)
		}
		w.until(t, 20*time.Second, "it founds a ring", func() bool { return founder.Any() != nil })
		cfg.Join = append(cfg.Join, "founder:1", "a:1", "b:1")
		a, b := w.hostAt(t, cfg, "a:1"), w.hostAt(t, cfg, "b:1")
		for _, h := range []*host{a, b} {
			if _, err := h.Start(1); err != nil {
				t.Fatal(err)
			}
		}
		w.until(t, 20*time.Second, "one of them is on the ring", func() bool { return a.Any() != nil || b.Any() != nil })
		founder.stop()
		w.until(t, 20*time.Second, "both are members", func() bool { return a.Any() != nil && b.Any() != nil })
		at, other := a, b
		w.do(t, at, func(ctx context.Context) {
			knows := func(p chord.Peer) bool { return p.Addr == other.Address() }
			if slices.ContainsFunc(at.Any().Known(), knows) {
				t.Fatalf("%d silent: it has met the other one without Acquaint", silent)
			}
			begin := w.Now()
			if err := at.Any().Acquaint(ctx); err != nil {
				t.Error(err)
			}
			if !slices.ContainsFunc(at.Any().Known(), knows) {
				t.Errorf("%d silent: it knows %v", silent, at.Any().Known())
			}
			if took := w.Now().Sub(begin); took > 3*time.Second {
				t.Errorf("%d silent: it took %v", silent, took)
			}
			begin = w.Now()
			if err := at.Any().Acquaint(ctx); err != nil || w.Now() != begin {
				t.Errorf("%d silent: again at once it asks anew, for %v: %v", silent, w.Now().Sub(begin), err)
			}
		})
	}
}
