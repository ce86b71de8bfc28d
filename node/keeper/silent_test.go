package keeper

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
)

// TestSilentWitnessIsAskedWhenItLives: a range becomes clean though somebody who may hold records of it does not answer,
// since it may be dead for good. If it gives a sign of life after all, the range is unclean until it has been asked, and
// a get returns what it holds.
func TestSilentWitnessIsAskedWhenItLives(t *testing.T) {
	w, a, b, own := pair(t)
	a.member.(*fakeMember).keeper = a
	rec := record(wideSpace(), 1, 7)
	if _, err := b.merge(rec, forKeeps); err != nil {
		t.Fatal(err)
	}
	a.soil()
	delete(w.keepers, "b")
	if err := a.cleanse(t.Context(), own); err != nil || a.unclean {
		t.Fatalf("without an answer: unclean %v, %v", a.unclean, err)
	}
	w.keepers["b"] = b
	if _, err := a.Survey(t.Context(), &nodepb.SurveyRequest{Call: b.member.Call(a.self), Point: a.self.ID[:]}); err != nil {
		t.Fatal(err)
	}
	if a.unclean {
		t.Fatal("a question whose sender nobody has checked makes the range unclean")
	}
	if _, err := a.survey(t.Context(), b.self, a.self.ID, ""); err != nil {
		t.Fatal(err)
	}
	if !a.unclean {
		t.Fatal("the witness lives, and the range is still clean")
	}
	if got := a.serveGet(t.Context(), rec.ID, rec.Key); got.Record.GetVersion() != rec.Version {
		t.Errorf("get: %v", got)
	}
	if err := a.cleanse(t.Context(), own); err != nil || a.unclean || len(a.silent) > 0 {
		t.Errorf("with an answer: unclean %v, silent %v, %v", a.unclean, a.silent, err)
	}
}

// TestLoserOfADisputeIsAsked: of two owners of one range, the one that stays asks the other one before it serves what
// that may have written.
func TestLoserOfADisputeIsAsked(t *testing.T) {
	_, a, b, _ := pair(t)
	rec := record(wideSpace(), 1, 7)
	b.setRegister(&ownership{owner: b.self, from: b.self.ID, epoch: 1})
	if _, err := b.merge(rec, forKeeps); err != nil {
		t.Fatal(err)
	}
	a.setRegister(&ownership{owner: a.self, from: a.self.ID, epoch: 5})
	if err := b.settleOne(t.Context(), *a.reg.Load()); err != nil {
		t.Fatal(err)
	}
	if own := a.reg.Load(); !own.covers(rec.ID) || b.Owns(rec.ID) {
		t.Fatalf("a owns from %v, b %v", own.from, b.reg.Load())
	}
	if got := a.serveGet(t.Context(), rec.ID, rec.Key); got.Record.GetVersion() != rec.Version {
		t.Errorf("get: %v", got)
	}
}

// TestLeftoversWithoutRoomAreRead: an owner that lacks room for what another host has kept of its range asks that host.
func TestLeftoversWithoutRoomAreRead(t *testing.T) {
	_, a, b, own := pair(t)
	rec := record(wideSpace(), 1, 7)
	a.budget = NewHostBudget(4)
	if err := b.bring(t.Context(), a.self, nil, []*store.Record{rec}, nil, ""); !errors.Is(err, errFull) {
		t.Fatalf("brought to an owner without room: %v", err)
	}
	a.walk.hosts, a.holders = nil, nil // b holds no copies
	if _, err := b.merge(rec, forKeeps); err != nil {
		t.Fatal(err)
	}
	if got := a.serveGet(t.Context(), rec.ID, rec.Key); !own.covers(rec.ID) || got.Record.GetVersion() != rec.Version {
		t.Errorf("get: %v", got)
	}
}

// TestSupersededTryHasItsOwnVersion: a write that is tried again after another has superseded it is acknowledged with
// the version that it had, not with the one that stands.
func TestSupersededTryHasItsOwnVersion(t *testing.T) {
	_, a, b, _ := pair(t)
	put := func(n byte, value string) *nodepb.ApplyResponse {
		got, err := a.Apply(t.Context(), apply(n, opPut, value))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	put(1, "one") // so that the holder's room is known
	room := b.budget
	b.budget = NewHostBudget(4)
	b.budget.take(5, forKeeps)
	if first := put(2, "another"); first.Outcome != nodepb.ApplyResponse_OUTCOME_RETRY || !first.MaybeWritten {
		t.Fatalf("a put without a copy: %v", first)
	}
	b.budget = room
	later := put(3, "three")
	if again := put(2, "another"); again.Outcome != nodepb.ApplyResponse_OUTCOME_OK || again.Record.Version >= later.Record.Version {
		t.Errorf("the put is acknowledged as %v, after a later one as %v", again, later)
	}
	if got := a.serveGet(t.Context(), wideSpace().Hash([]byte("k")), "k"); string(got.Record.GetValue()) != "three" {
		t.Errorf("get: %v", got)
	}
}

// TestUnknownRangeIsNotTakenFromItsOwner: a member below whose range nobody is known to own anything takes nothing while
// it looks for its ring, and afterwards nothing that a member owns which it has known, wherever that is.
func TestUnknownRangeIsNotTakenFromItsOwner(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, w := wideSpace(), newFakeWorld()
		at := func(n int) chord.ID { return s.FromUint64(uint64(n)) }
		peer := func(n int, addr string) chord.Peer { return chord.Peer{ID: at(n), Addr: addr, Incarnation: 1} }
		cfg := Config{Space: s, Replicas: 2}
		top := rapid.IntRange(60, 100).Draw(rt, "identifier")
		k, m := w.add(t, ownership{owner: peer(top, "a"), from: at(50), epoch: 1}, cfg)
		ends := rapid.SliceOfNDistinct(rapid.IntRange(10, 50), 1, 4, rapid.ID).Draw(rt, "others")
		nearest := 0
		for i, end := range ends {
			other, _ := w.add(t, ownership{owner: peer(end, string(rune('b'+i))), from: at(end - 1), epoch: 1}, cfg)
			m.known, nearest = append(m.known, other.self), max(nearest, end)
		}
		look := func() {
			if _, err := k.lookBelow(t.Context(), k.reg.Load()); err != nil {
				rt.Fatal(err)
			}
		}
		m.lost = true
		for range 5 {
			look()
			w.now = w.now.Add(time.Minute)
		}
		if own := k.reg.Load(); own.from != at(50) {
			rt.Fatalf("lost, it owns from %s", s.Format(own.from))
		}
		m.lost = false
		for range 5 {
			look()
			w.now = w.now.Add(time.Minute)
		}
		if own := k.reg.Load(); own.from != at(nearest) {
			rt.Fatalf("it owns from %s, the nearest other ends at %d", s.Format(own.from), nearest)
		}
	})
}
