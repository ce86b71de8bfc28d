package kv

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/kv/ownership"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
)

// TestSilentWitnessIsAskedWhenItLives: a range is recovered although a member that may hold records of it does not
// answer, because that may be dead for good. If it calls after all, the range needs recovery until it has been asked,
// and a get returns what it holds.
func TestSilentWitnessIsAskedWhenItLives(t *testing.T) {
	w, a, b, own := pair(t)
	a.member.(*fakeMember).keeper = a
	rec := record(wideSpace(), 1, 7)
	if _, err := b.merge(rec, forKeeps); err != nil {
		t.Fatal(err)
	}
	a.requireRecovery()
	delete(w.keepers, "b")
	if err := a.recoverRange(t.Context(), own); err != nil || a.needsRecovery {
		t.Fatalf("without an answer: needs recovery %v, %v", a.needsRecovery, err)
	}
	w.keepers["b"] = b
	if _, err := a.Survey(t.Context(), &nodepb.SurveyRequest{Call: b.member.Call(a.self), Point: a.self.ID[:]}); err != nil {
		t.Fatal(err)
	}
	if a.needsRecovery {
		t.Fatal("a request with an unverified sender makes the range need recovery")
	}
	if _, err := a.survey(t.Context(), b.self, a.self.ID, ""); err != nil {
		t.Fatal(err)
	}
	if !a.needsRecovery {
		t.Fatal("the witness is alive, and the range does not need recovery")
	}
	if got := a.serveGet(t.Context(), rec.ID, rec.Key); got.Record.GetVersion() != rec.Version {
		t.Errorf("get: %v", got)
	}
	if err := a.recoverRange(t.Context(), own); err != nil || a.needsRecovery || len(a.silent) > 0 {
		t.Errorf("with an answer: needs recovery %v, silent %v, %v", a.needsRecovery, a.silent, err)
	}
}

// TestLoserOfADisputeIsAsked: of two owners of one range, the one that stays asks the other one before it serves what
// that may have written.
func TestLoserOfADisputeIsAsked(t *testing.T) {
	_, a, b, _ := pair(t)
	rec := record(wideSpace(), 1, 7)
	b.setRegister(&terms.Ownership{Owner: b.self, From: b.self.ID, Epoch: 1})
	if _, err := b.merge(rec, forKeeps); err != nil {
		t.Fatal(err)
	}
	a.setRegister(&terms.Ownership{Owner: a.self, From: a.self.ID, Epoch: 5})
	if err := b.resolveDispute(t.Context(), *a.reg.Load()); err != nil {
		t.Fatal(err)
	}
	if own := a.reg.Load(); !own.Covers(rec.ID) || b.Owns(rec.ID) {
		t.Fatalf("a owns from %v, b %v", own.From, b.reg.Load())
	}
	if got := a.serveGet(t.Context(), rec.ID, rec.Key); got.Record.GetVersion() != rec.Version {
		t.Errorf("get: %v", got)
	}
}

// TestOrphanedReplicasWithoutRoomAreRead: an owner that lacks room for what another host has kept of its range asks
// that host.
func TestOrphanedReplicasWithoutRoomAreRead(t *testing.T) {
	_, a, b, own := pair(t)
	rec := record(wideSpace(), 1, 7)
	a.budget = NewHostBudget(4)
	if err := b.pushRecords(t.Context(), a.self, nil, []*store.Record{rec}, nil, ""); !errors.Is(err, terms.ErrFull) {
		t.Fatalf("sent to an owner without room: %v", err)
	}
	a.preference.Hosts, a.replicas = nil, nil // b is no replica
	if _, err := b.merge(rec, forKeeps); err != nil {
		t.Fatal(err)
	}
	if got := a.serveGet(t.Context(), rec.ID, rec.Key); !own.Covers(rec.ID) || got.Record.GetVersion() != rec.Version {
		t.Errorf("get: %v", got)
	}
}

// TestSupersededTryHasItsOwnVersion: a write that is retried after another has superseded it is acknowledged with the
// version that it had, not with the one that stands.
func TestSupersededTryHasItsOwnVersion(t *testing.T) {
	_, a, b, _ := pair(t)
	put := func(n byte, value string) *nodepb.ApplyResponse {
		got, err := a.Apply(t.Context(), apply(n, opPut, value))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	put(1, "one") // so that the replica's room is known
	room := b.budget
	b.budget = NewHostBudget(4)
	b.budget.take(5, forKeeps)
	if first := put(2, "another"); first.Outcome != nodepb.ApplyResponse_OUTCOME_RETRY || !first.MaybeWritten {
		t.Fatalf("a put without a replica: %v", first)
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

// TestUnknownRangeIsNotTakenFromItsOwner: a member without a known owner below its range takes nothing over while it
// searches for its ring, and afterwards nothing that belongs to a member it has known, or could have, on any ring.
func TestUnknownRangeIsNotTakenFromItsOwner(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, w := wideSpace(), newFakeWorld()
		at := func(n int) chord.ID { return s.FromUint64(uint64(n)) }
		peer := func(n int, addr string) chord.Peer { return chord.Peer{ID: at(n), Addr: addr, Incarnation: 1} }
		cfg := Config{Space: s, Replicas: 2}
		top := rapid.IntRange(60, 100).Draw(rt, "identifier")
		k, m := w.add(t, terms.Ownership{Owner: peer(top, "a"), From: at(50), Epoch: 1}, cfg)
		ends := rapid.SliceOfNDistinct(rapid.IntRange(10, 50), 1, 4, rapid.ID).Draw(rt, "others")
		nearest := 0
		for i, end := range ends {
			other, _ := w.add(t, terms.Ownership{Owner: peer(end, string(rune('b'+i))), From: at(end - 1), Epoch: 1}, cfg)
			nearest = max(nearest, end)
			if rapid.Bool().Draw(rt, "met") {
				m.known = append(m.known, other.self)
			} else {
				m.joinHosts = append(m.joinHosts, other.self)
			}
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
		if own := k.reg.Load(); own.From != at(50) {
			rt.Fatalf("lost, it owns from %s", s.Format(own.From))
		}
		m.lost = false
		for range 5 {
			look()
			w.now = w.now.Add(time.Minute)
		}
		if own := k.reg.Load(); own.From != at(nearest) {
			rt.Fatalf("it owns from %s, the nearest other ends at %d", s.Format(own.From), nearest)
		}
	})
}

// TestDeadHostIsTakenOverTogether: a member learns of all members of a dead host whose ranges are adjacent below its
// own by one request, and asks all of them at the same time.
func TestDeadHostIsTakenOverTogether(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, w := wideSpace(), newFakeWorld()
		cfg := Config{Space: s, Replicas: 1}
		peer := func(n int, addr string) chord.Peer {
			return chord.Peer{ID: s.FromUint64(uint64(n)), Addr: addr, Incarnation: 1}
		}
		witness, _ := w.add(t, terms.Ownership{Owner: peer(1, "witness"), From: s.FromUint64(1000), Epoch: 1}, cfg)
		k, m := w.add(t, terms.Ownership{Owner: peer(1000, "a"), From: s.FromUint64(900), Epoch: 1}, cfg, witness.self)
		m.keeper, m.state.Pred = k, witness.self
		n := rapid.IntRange(1, ownership.MaxBelow).Draw(rt, "members")
		for i := range n {
			witness.own.Table.Learn(terms.Ownership{Owner: peer(900-10*i, "dead"), From: s.FromUint64(uint64(890 - 10*i)), Epoch: 1}, w.now)
		}
		const rounds = 3 // one to survey the ownerships, one to find one dead, one for the others
		for i := range rounds + n {
			if _, err := k.lookBelow(t.Context(), k.reg.Load()); err != nil {
				rt.Fatal(err)
			}
			if i == rounds-1 && len(m.failed) < n {
				rt.Fatalf("after %d rounds it has found %d of %d members dead", rounds, len(m.failed), n)
			}
		}
		if own := k.reg.Load(); own.From != s.FromUint64(uint64(900-10*n)) {
			rt.Errorf("it owns from %s", s.Format(own.From))
		}
	})
}

// TestUnknownStretchesAreWaitedForTogether: before a member takes over ranges without a known owner it waits, once for
// all that follow each other, with ranges of dead owners between them; and again after it has found a live owner.
func TestUnknownStretchesAreWaitedForTogether(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, w := wideSpace(), newFakeWorld()
		cfg := Config{Space: s, Replicas: 1, CallLimit: time.Second}
		peer := func(n int, addr string) chord.Peer {
			return chord.Peer{ID: s.FromUint64(uint64(n)), Addr: addr, Incarnation: 1}
		}
		other, _ := w.add(t, terms.Ownership{Owner: peer(1, "other"), From: s.FromUint64(1000), Epoch: 1}, cfg)
		k, m := w.add(t, terms.Ownership{Owner: peer(1000, "a"), From: s.FromUint64(900), Epoch: 1}, cfg, other.self)
		m.keeper, m.state.Pred = k, other.self
		n := rapid.IntRange(1, 8).Draw(rt, "stretches")
		for i := range n { // of ten each, dead owners of ten between them
			k.own.Table.Learn(terms.Ownership{Owner: peer(890-20*i, "dead"), From: s.FromUint64(uint64(880 - 20*i)), Epoch: 1}, w.now)
		}
		waited := time.Duration(0)
		until := func(done func() bool) {
			for i := 0; !done(); i++ {
				before := k.reg.Load()
				if _, err := k.lookBelow(t.Context(), before); err != nil || i > 1000 {
					rt.Fatal(i, err)
				}
				if k.reg.Load() == before {
					w.now = w.now.Add(100 * time.Millisecond)
					waited += 100 * time.Millisecond
				}
			}
		}
		until(func() bool { return k.reg.Load().From == other.self.ID })
		if most := (ownerlessTime + 1) * cfg.CallLimit; waited > most {
			rt.Errorf("%d ranges: waited for %v, want at most %v", n, waited, most)
		}
		until(func() bool { return k.own.Ownerless(w.now) > time.Hour })
		w.now = w.now.Add(time.Hour)
		k.own.Table = nil
		m.state.Pred = peer(1, "nowhere")
		k.setRegister(&terms.Ownership{Owner: k.self, From: s.FromUint64(900), Epoch: k.reg.Load().Epoch + 1})
		if _, err := k.lookBelow(t.Context(), k.reg.Load()); err != nil || k.reg.Load().From != s.FromUint64(900) {
			rt.Errorf("a range without a known owner is taken over at once: from %s, %v", s.Format(k.reg.Load().From), err)
		}
	})
}

// slowlySilent is a host that does not answer, which takes time to detect.
type slowlySilent struct {
	nowhere
	w     *fakeWorld
	calls *int
}

func (s slowlySilent) Compare(context.Context, *nodepb.CompareRequest) (*nodepb.CompareResponse, error) {
	*s.calls++
	s.w.now = s.w.now.Add(500 * time.Millisecond)
	return nil, env.ErrTimeout
}

// TestOwnerWithoutHostsThatAnswerServes: an owner whose other hosts all do not answer calls each of them once and
// serves. It called them in turn for minutes, if the first counted again by the time the last one was found dead.
func TestOwnerWithoutHostsThatAnswerServes(t *testing.T) {
	for n := 1; n <= 12; n++ {
		s, w := wideSpace(), newFakeWorld()
		var peers []chord.Peer
		calls := 0
		for i := range n + 1 {
			peers = append(peers, chord.Peer{ID: s.FromUint64(uint64(i)), Addr: fmt.Sprint("h", i), Incarnation: 1})
			if i > 0 {
				w.others[peers[i].Addr] = slowlySilent{w: w, calls: &calls}
			}
		}
		k, m := w.add(t, terms.Ownership{Owner: peers[0], From: peers[0].ID, Epoch: 1}, Config{Space: s, Replicas: 3}, peers[1:]...)
		m.keeper = k
		if got := k.serveGet(t.Context(), s.Hash([]byte("k")), "k"); got.Outcome != nodepb.ApplyResponse_OUTCOME_NOT_FOUND || calls > n*k.cfg.CallTries {
			t.Errorf("%d hosts: %v after %d calls", n, got, calls)
		}
	}
}

// TestSilentWitnessIsAskedAgain: a witness that was wrongly taken for dead, and does not call the owner, is asked by it
// when it may count again; one that stays silent is asked for a while and no more.
func TestSilentWitnessIsAskedAgain(t *testing.T) {
	for _, lives := range []bool{true, false} {
		w, a, _, own := pair(t)
		m := a.member.(*fakeMember)
		m.keeper = a
		rec := record(wideSpace(), 1, 7)
		c, _ := w.add(t, terms.Ownership{Owner: chord.Peer{ID: wideSpace().FromUint64(9), Addr: "c", Incarnation: 1}}, a.cfg)
		merged(t, c, rec)
		delete(w.keepers, "c")
		a.requireRecovery(c.self)
		recoverWithout(t, w, a, own, true)
		if lives {
			w.keepers["c"] = c
		}
		asked := 0
		for range 100 {
			again, err := a.repairRange(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			w.now = w.now.Add(again)
			if n := len(m.failed); n > 0 {
				asked, m.failed = asked+1, nil
			}
			if got := a.serveGet(t.Context(), rec.ID, rec.Key); lives && w.now.Sub(time.Unix(1_000_000, 0)) > 2*a.suspicion() && got.Record.GetVersion() != rec.Version {
				t.Fatalf("%v later: %v", w.now.Sub(time.Unix(1_000_000, 0)), got)
			}
		}
		if most := 2 + int(fresh(a.cfg)/a.suspicion()); !lives && (asked < 3 || asked > most) {
			t.Errorf("asked %d times, want at most %d", asked, most)
		}
	}
}
