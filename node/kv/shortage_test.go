package kv

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/kv/ownership"
	"chordconductor/node/kv/replication"
	"chordconductor/node/kv/terms"
	"chordconductor/node/kv/termstest"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
)

// The tests of this file are about ranges whose owners lack room for all of it, and about the members that hold the
// rest.

// merged stores records at a Keeper.
func merged(t testing.TB, k *Keeper, records ...*store.Record) {
	t.Helper()
	for _, r := range records {
		if _, err := k.merge(r, forKeeps); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWitnessFoundDeadBeforeIsAskedWhenItLives: a witness that was taken for dead before the last comparison counts
// like one that does not answer in it: the range is recovered without it once it has been found dead again, and needs
// recovery when it calls.
func TestWitnessFoundDeadBeforeIsAskedWhenItLives(t *testing.T) {
	for name, source := range map[string]bool{"a host that may have replicas": false, "a source": true} {
		t.Run(name, func(t *testing.T) {
			w, a, b, own := pair(t)
			a.member.(*fakeMember).keeper = a
			rec := record(wideSpace(), 1, 7)
			merged(t, b, rec)
			if source {
				a.requireRecovery(b.self)
				a.member.(*fakeMember).state.Succ = nil
				a.NeighborsChanged(t.Context())
			} else {
				a.requireRecovery()
			}
			delete(w.keepers, "b")
			a.PeerDied(t.Context(), b.self)
			recoverWithout(t, w, a, own, source)
			w.keepers["b"] = b
			if _, err := a.survey(t.Context(), b.self, a.self.ID, ""); err != nil {
				t.Fatal(err)
			}
			if got := a.serveGet(t.Context(), rec.ID, rec.Key); got.Record.GetVersion() != rec.Version {
				t.Errorf("get: %v", got)
			}
		})
	}
}

// recoverWithout recovers a range of which a member that does not answer may have records. If what that one has may be
// nowhere else, this succeeds when it has been found dead for the second time.
func recoverWithout(t testing.TB, w *fakeWorld, k *Keeper, own *terms.Ownership, waits bool) {
	t.Helper()
	if err := k.recoverRange(t.Context(), own); err != nil || k.needsRecovery != waits {
		t.Fatalf("without an answer: needs recovery %v, %v", k.needsRecovery, err)
	}
	if !waits {
		return
	}
	w.now = w.now.Add(k.suspicion()/2 - 1)
	if err := k.recoverRange(t.Context(), own); err != nil || !k.needsRecovery {
		t.Fatalf("before it is asked again: needs recovery %v, %v", k.needsRecovery, err)
	}
	w.now = w.now.Add(1)
	if err := k.recoverRange(t.Context(), own); err != nil || k.needsRecovery {
		t.Fatalf("found dead twice: needs recovery %v, %v", k.needsRecovery, err)
	}
}

// TestSilenceIsNoAnswer: while a member that may have a newer version of a key does not answer, a get and a put of it
// are answered with RETRY. Once it has been found dead it is not waited for any more.
func TestSilenceIsNoAnswer(t *testing.T) {
	for name, op := range map[string]nodepb.ApplyRequest_Operation{"get": opGet, "put": opPut, "delete": opDelete} {
		for held, version := range map[string]uint64{"nothing": 0, "an older version": 3} {
			t.Run(name+" with "+held, func(t *testing.T) {
				w, a, _, _ := pair(t)
				a.member.(*fakeMember).keeper = a
				if version > 0 {
					merged(t, a, &store.Record{ID: wideSpace().Hash([]byte("k")), Key: "k", Version: version, Value: []byte("older")})
				}
				a.requireRecovery()
				a.confirmed = w.now // otherwise its silence is detected before the key is asked for
				delete(w.keepers, "b")
				first, err := a.Apply(t.Context(), apply(1, op, "v"))
				if err != nil || first.Outcome != nodepb.ApplyResponse_OUTCOME_RETRY || first.MaybeWritten {
					t.Fatalf("while it is silent: %v, %v", first, err)
				}
				then, err := a.Apply(t.Context(), apply(2, op, "v"))
				if err != nil || then.Outcome == nodepb.ApplyResponse_OUTCOME_RETRY {
					t.Errorf("once it has been found dead: %v, %v", then, err)
				}
			})
		}
	}
}

// TestOneFullOwnerDoesNotBlockOrphanedReplicasOfOthers: a member with orphaned replicas of several ranges returns to
// each owner what that has room for, whichever of the others have none.
func TestOneFullOwnerDoesNotBlockOrphanedReplicasOfOthers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, w := wideSpace(), newFakeWorld()
		cfg := Config{Space: s, Replicas: 1}
		n := rapid.IntRange(2, 6).Draw(rt, "owners")
		var ends []chord.ID // of equal parts of the circle; the last one belongs to the member with the orphaned replicas
		for i := range n + 1 {
			ends = append(ends, s.Hash([]byte{byte(i)}))
		}
		ends = sorted(ends)
		peer := func(i int) chord.Peer {
			return chord.Peer{ID: ends[i], Addr: string(rune('a' + i)), Incarnation: 1}
		}
		var owners []*Keeper
		for i := range n + 1 {
			k, _ := w.add(t, terms.Ownership{Owner: peer(i), From: ends[(i+n)%(n+1)], Epoch: 1}, cfg)
			if i < n && rapid.Bool().Draw(rt, "full") {
				k.budget = NewHostBudget(4)
			}
			owners = append(owners, k)
		}
		former := owners[n]
		former.member.(*fakeMember).lookup = func(id chord.ID) chord.Peer {
			for _, k := range owners {
				if k.Owns(id) {
					return k.self
				}
			}
			panic("every point has an owner")
		}
		var all []*store.Record
		for i := range 40 {
			all = append(all, record(s, i, 7))
		}
		merged(t, former, all...)
		if _, err := former.sweepOrphanedReplicas(t.Context()); err != nil {
			rt.Fatal(err)
		}
		for _, r := range all {
			for i, k := range owners[:n] {
				held := k.store.Get(r.ID, r.Key) != nil
				if full := k.budget.limit > 0; k.Owns(r.ID) && held == full {
					rt.Errorf("owner %d of %d (full: %v) holds its record: %v", i, n, full, held)
				}
			}
		}
	})
}

func sorted(ids []chord.ID) []chord.ID {
	for i := range ids {
		for j := range i {
			if ids[i].Compare(ids[j]) < 0 {
				ids[i], ids[j] = ids[j], ids[i]
			}
		}
	}
	return ids
}

// TestRecoverySendsRecordsToReplicasAlone: a member that is only asked for its records of a range is sent none, and a
// replica without room does not prevent the recovery of the range.
func TestRecoverySendsRecordsToReplicasAlone(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, w := wideSpace(), newFakeWorld()
		replicas := rapid.IntRange(1, 3).Draw(rt, "replicas")
		cfg := Config{Space: s, Replicas: replicas}
		var peers []chord.Peer
		for i := range 6 {
			peers = append(peers, chord.Peer{ID: s.FromUint64(uint64(i)), Addr: string(rune('a' + i)), Incarnation: 1})
		}
		a, _ := w.add(t, terms.Ownership{Owner: peers[0], From: peers[0].ID, Epoch: 1}, cfg, peers[1:]...)
		mine, theirs := record(s, 1, 7), record(s, 2, 7)
		merged(t, a, mine)
		var others []*Keeper
		for _, p := range peers[1:] {
			k, _ := w.add(t, terms.Ownership{Owner: p}, cfg)
			if rapid.Bool().Draw(rt, "full") {
				k.budget = NewHostBudget(4)
			}
			others = append(others, k)
		}
		has := others[rapid.IntRange(0, replicas+replication.Fallbacks-2).Draw(rt, "who has a record")]
		has.budget = NewHostBudget(0)
		merged(t, has, theirs)
		a.requireRecovery()
		if err := a.recoverRange(t.Context(), a.reg.Load()); err != nil || a.needsRecovery {
			rt.Fatalf("needs recovery: %v, %v", a.needsRecovery, err)
		}
		if !theirs.Same(a.store.Get(theirs.ID, theirs.Key)) {
			rt.Error("a record that one of them has is not here")
		}
		for i, k := range others {
			held := k.store.Get(mine.ID, mine.Key) != nil
			if want := i < replicas-1 && k.budget.limit == 0; held != want {
				rt.Errorf("R=%d, host %d (full: %v) holds a record: %v", replicas, i+1, k.budget.limit > 0, held)
			}
		}
	})
}

// TestWhatFitsIsTaken: an owner without room for all that others have of its range takes what it has room for, the
// range still needs recovery, and every record of it can be read.
func TestWhatFitsIsTaken(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		_, a, b, own := pair(t)
		var all []*store.Record
		size := int64(0)
		for i := range rapid.IntRange(1, 30).Draw(rt, "records") {
			r := record(wideSpace(), i, 7)
			r.Value = make([]byte, rapid.IntRange(0, 300).Draw(rt, "bytes"))
			all, size = append(all, r), size+r.Size()
		}
		merged(t, b, all...)
		a.budget = NewHostBudget(rapid.Int64Range(4, 2*size).Draw(rt, "limit"))
		a.requireRecovery(b.self)
		err := a.recoverRange(t.Context(), own)
		room := a.budget.limit + a.budget.reserve - a.budget.Used()
		if enough := a.budget.limit+a.budget.reserve >= size; enough != (err == nil) || enough == a.needsRecovery {
			rt.Fatalf("%d bytes for %d: needs recovery %v, %v", a.budget.limit, size, a.needsRecovery, err)
		}
		for _, r := range all {
			if a.store.Get(r.ID, r.Key) == nil && r.Size() <= room {
				rt.Errorf("a record of %d bytes has not been taken, of %d there is room", r.Size(), room)
			}
			if got := a.serveGet(t.Context(), r.ID, r.Key); got.Record.GetVersion() != r.Version {
				rt.Errorf("get: %v", got)
			}
		}
	})
}

// TestHandoffNamesWhoHasTheRest: the receiver of a range that needs recovery also asks the members that its source
// names as holding some of it.
func TestHandoffNamesWhoHasTheRest(t *testing.T) {
	for _, who := range []string{"a source of records", "a member that was silent", "a host that may have replicas"} {
		t.Run(who, func(t *testing.T) {
			s, w := wideSpace(), newFakeWorld()
			rec := record(s, 1, 7)
			cfg := Config{Space: s, Replicas: 1}
			at := func(id chord.ID, addr string) chord.Peer { return chord.Peer{ID: id, Addr: addr, Incarnation: 1} }
			a, m := w.add(t, terms.Ownership{Owner: at(s.FromUint64(1), "a"), From: s.FromUint64(1), Epoch: 1}, cfg)
			b, _ := w.add(t, terms.Ownership{Owner: at(rec.ID, "b")}, cfg, a.self) // receives the record's range
			c, _ := w.add(t, terms.Ownership{Owner: at(s.FromUint64(3), "c")}, cfg)
			merged(t, c, rec)
			switch who {
			case "a source of records":
				a.requireRecovery(c.self)
			case "a member that was silent":
				a.silent = []unheardMember{{peer: c.self}} // what it has may be elsewhere, too
			default:
				m.state.Succ = []chord.Peer{c.self}
				a.NeighborsChanged(t.Context())
				a.requireRecovery()
			}
			if r, err := a.Claim(t.Context(), &nodepb.ClaimRequest{Call: b.member.Call(a.self)}); err != nil || !r.Accepted || !b.Owns(rec.ID) {
				t.Fatalf("claim: %v, %v", r, err)
			}
			if got := b.serveGet(t.Context(), rec.ID, rec.Key); got.Record.GetVersion() != rec.Version {
				t.Errorf("get: %v", got)
			}
		})
	}
}

// TestDeadOwnersRangeIsTakenAtOnce: the owner above a dead one's range takes over all of it down to its beginning, even
// all the way around, in one step. From a dead owner of the whole circle it took nothing, repeatedly in the same
// instant.
func TestDeadOwnersRangeIsTakenAtOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		// It has a range of its own, but not the whole circle, and the dead one's range reaches from below it into it.
		from := rapid.Uint64Range(0, 63).Draw(rt, "from")
		self := (from + rapid.Uint64Range(1, 63).Draw(rt, "its own points")) % 64
		below := rapid.Uint64Range(1, 64).Draw(rt, "points of the dead one's below")
		var ends []uint64
		for into := range 65 - below {
			if end := (from + into) % 64; end != self {
				ends = append(ends, end)
			}
		}
		own := termstest.Ownership(from, self, 1)
		dead := termstest.Ownership((from+64-below)%64, rapid.SampledFrom(ends).Draw(rt, "dead"), rapid.Int64Range(1, 5).Draw(rt, "epoch"))
		if !dead.Covers(own.From) {
			rt.Fatalf("(%v, %v] does not cover %v", dead.From, dead.Owner.ID, own.From)
		}
		w := newFakeWorld()
		k, m := w.add(t, own, Config{Space: termstest.Space(), Replicas: 2})
		m.keeper = k
		k.own.Table = ownership.Table{{Ownership: dead, Received: w.now}}
		if _, err := k.lookBelow(t.Context(), k.reg.Load()); err != nil {
			rt.Fatal(err)
		}
		got := termstest.Points(*k.reg.Load())
		for n := own.From; ; n = termstest.ID(uint64(termstest.Number(n)) + 63) { // down to where the dead one's range begins, or all around
			if !got[termstest.Number(n)] {
				rt.Fatalf("of its own (%s, %s] and the dead one's (%s, %s] it owns from %s: not %s", termstest.Space().Format(own.From), termstest.Space().Format(own.Owner.ID),
					termstest.Space().Format(dead.From), termstest.Space().Format(dead.Owner.ID), termstest.Space().Format(k.reg.Load().From), termstest.Space().Format(n))
			}
			if next := termstest.ID(uint64(termstest.Number(n)) + 63); next == dead.From || next == own.From {
				break
			}
		}
	})
}

// TestReplicaHasWhatTheOwnerLacksRoomFor: an owner that finds at a replica what it has no room for reads it there, and
// can hand its range off to it all the same.
func TestReplicaHasWhatTheOwnerLacksRoomFor(t *testing.T) {
	s, w := wideSpace(), newFakeWorld()
	rec := record(s, 1, 7)
	peerA, peerB := chord.Peer{ID: s.FromUint64(1), Addr: "a", Incarnation: 1}, chord.Peer{ID: rec.ID, Addr: "b", Incarnation: 1}
	cfg := Config{Space: s, Replicas: 2}
	a, _ := w.add(t, terms.Ownership{Owner: peerA, From: peerA.ID, Epoch: 1}, cfg, peerB)
	b, _ := w.add(t, terms.Ownership{Owner: peerB}, cfg, peerA)
	merged(t, b, rec)
	a.budget = NewHostBudget(4)
	if err := a.syncReplica(t.Context(), a.reg.Load(), a.replicas[0]); !errors.Is(err, terms.ErrFull) {
		t.Fatal(err)
	}
	if got := a.serveGet(t.Context(), rec.ID, rec.Key); got.Record.GetVersion() != rec.Version {
		t.Errorf("get: %v", got)
	}
	if r, err := a.Claim(t.Context(), &nodepb.ClaimRequest{Call: b.member.Call(a.self)}); err != nil || !r.Accepted || !b.Owns(rec.ID) {
		t.Errorf("claim: %v, %v", r, err)
	}
}
