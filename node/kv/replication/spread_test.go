package replication

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/kv/termstest"
	"chordconductor/node/store"
)

// TestSpread: whatever the hosts answer, a write is acknowledged with the distinct hosts that have accepted it, R of
// them or all that are alive; not while a live host refuses it, and at no time after the range has been lost.
func TestSpread(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.IntRange(1, 5).Draw(t, "R")
		var hosts []chord.Peer
		for i := range rapid.IntRange(0, 8).Draw(t, "hosts") {
			hosts = append(hosts, termstest.Peer(uint64(i+1)))
		}
		outcomes := map[string]error{"dead": terms.ErrDead, "refuses": fmt.Errorf("%w: no", terms.ErrRefused), "overtaken": terms.ErrOvertaken, "accepts": nil, "": nil}
		answers := map[chord.Peer]error{}
		s := NewSpread(termstest.Peer(0), r)
		for {
			n, tried := s.Missing()
			batch := Next(hosts, n, tried)
			if len(batch) == 0 {
				break
			}
			s.Send(batch)
			errs := make([]error, len(batch))
			for i, p := range batch {
				if _, twice := answers[p]; twice {
					t.Fatalf("%v is tried twice", p)
				}
				errs[i] = outcomes[rapid.SampledFrom([]string{"accepts", "accepts", "", "dead", "refuses", "overtaken"}).Draw(t, "answer")]
				answers[p] = errs[i]
			}
			lack, err := s.Answered(batch, errs)
			if lost := slices.Contains(errs, terms.ErrOvertaken); lost != (err != nil) {
				t.Fatalf("%v of %v", err, errs)
			}
			if err != nil {
				return
			}
			for i, p := range batch {
				if slices.Contains(lack, p) != (errs[i] != nil) {
					t.Fatalf("%v lacks it: %v, after %v", p, lack, errs[i])
				}
			}
		}
		holds, err := s.Outcome()
		accepted, refused := 1, false
		for p, answer := range answers {
			if answer == nil {
				if accepted++; err == nil && !slices.Contains(holds, p) {
					t.Fatalf("%v has accepted it, and is not in %v", p, holds)
				}
			}
			refused = refused || errors.Is(answer, terms.ErrRefused)
		}
		switch {
		case err == nil && (len(holds) != accepted || accepted > r):
			t.Fatalf("%d hosts of %d hold it: %v", accepted, r, holds)
		case err == nil && accepted < r && len(answers) < len(hosts):
			t.Fatalf("%d of %d hosts, and %d were not tried", accepted, r, len(hosts)-len(answers))
		case (err != nil) != (refused && accepted < r):
			t.Fatalf("%d of %d hosts, one refuses %v: %v", accepted, r, refused, err)
		}
	})
}

// TestNewest: of the versions found, the newest is read, and it needs not be sent to the replicas if each of them was
// asked, and has it.
func TestNewest(t *testing.T) {
	a, b, c := termstest.Peer(1), termstest.Peer(2), termstest.Peer(3)
	one, two := record(1, 1, 0), record(1, 2, 0)
	for name, x := range map[string]struct {
		held       *store.Record
		found      []*store.Record // at a and b
		replicas   []chord.Peer
		want       *store.Record
		everywhere bool
	}{
		"nothing":               {nil, []*store.Record{nil, nil}, []chord.Peer{a, b}, nil, true},
		"everywhere":            {one, []*store.Record{one, one}, []chord.Peer{a, b}, one, true},
		"newer here":            {two, []*store.Record{one, two}, []chord.Peer{a, b}, two, false},
		"newer there":           {one, []*store.Record{two, nil}, []chord.Peer{a, b}, two, false},
		"only here, no replica": {one, []*store.Record{nil, nil}, nil, one, true},
		"a replica not asked":   {one, []*store.Record{one, one}, []chord.Peer{a, c}, one, false},
	} {
		got, everywhere := Newest(x.held, []chord.Peer{a, b}, x.found, x.replicas)
		if got != x.want || everywhere != x.everywhere {
			t.Errorf("%s: %v, everywhere %v", name, got, everywhere)
		}
	}
}
