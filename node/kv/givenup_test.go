package kv

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/kv/handoff"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
)

// TestOwnersLearnWhatWasWrittenInTheirRanges: a member has taken over the ranges of several owners, which are alive, and
// accepted writes there. Whichever of them it meets first, and gives all of that up to: no owner serves a key without
// what was written.
func TestOwnersLearnWhatWasWrittenInTheirRanges(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, w := wideSpace(), newFakeWorld()
		cfg := Config{Space: s, Replicas: rapid.IntRange(1, 2).Draw(rt, "replicas")}
		var records []*store.Record
		ids := make([]chord.ID, 1+rapid.IntRange(1, 5).Draw(rt, "owners"))
		for n := range ids {
			ids[n] = s.Hash([]byte{byte(n), rapid.Byte().Draw(rt, "identifier")})
		}
		slices.SortFunc(ids, chord.ID.Compare)
		peers := make([]chord.Peer, len(ids))
		for n, id := range ids {
			peers[n] = chord.Peer{ID: id, Addr: string(rune('a' + n)), Incarnation: 1}
		}
		last := len(ids) - 1
		taker, _ := w.add(t, terms.Ownership{Owner: peers[last], From: ids[last-1], Epoch: 1}, cfg, peers[0])
		owners := make([]*Keeper, last)
		for n := range owners {
			from := ids[(n+last)%len(ids)]
			owners[n], _ = w.add(t, terms.Ownership{Owner: peers[n], From: from, Epoch: int64(rapid.IntRange(1, 9).Draw(rt, "epoch"))}, cfg, peers[last])
		}
		taker.mu.Lock()
		taker.apply(taker.own.TakeOver(taker.self.ID, 9))
		taker.mu.Unlock()
		for n := range 20 {
			rec := record(s, n, 2)
			records = append(records, rec)
			merged(t, taker, rec)
			for _, k := range owners {
				if k.Owns(rec.ID) && rapid.Bool().Draw(rt, "has an older version") {
					merged(t, k, record(s, n, 1))
				}
			}
		}
		for range 30 {
			k := owners[rapid.IntRange(0, len(owners)-1).Draw(rt, "owner")]
			own := k.reg.Load()
			if own == nil { // it has taken its range back too often
				continue
			}
			switch rapid.IntRange(0, 4).Draw(rt, "step") {
			case 0:
				_ = k.announce(t.Context(), taker.self, *own) // it may be refused
			case 1:
				_ = k.resolveDisputes(t.Context())
				_ = taker.resolveDisputes(t.Context())
			case 2:
				if !taker.Owns(own.Owner.ID) {
					_, _ = taker.returnOrphanedReplicas(t.Context(), *own)
				}
			case 3:
				_ = k.recoverRange(t.Context(), own)
			default:
				w.now = w.now.Add(time.Second) // so that each has to ask before it serves
				for _, rec := range records {
					if !own.Covers(rec.ID) {
						continue
					}
					got := k.serveGet(t.Context(), rec.ID, rec.Key)
					if got.Outcome != nodepb.ApplyResponse_OUTCOME_RETRY && got.Record.GetVersion() != 2 {
						rt.Fatalf("%s owns (%s, %s] and answers %v for %q, which was written at %s", k.self.Addr, s.Format(own.From), s.Format(own.Owner.ID), got, rec.Key, taker.self.Addr)
					}
				}
			}
		}
	})
}

// TestRangesGivenUpDoNotStayWithoutAnOwner: a leaver has handed its range off to a member that had taken the ranges above
// for dead, and gives all of them up to their owner. That one still has the leaver in its table, as a live owner, and
// takes the range over all the same.
func TestRangesGivenUpDoNotStayWithoutAnOwner(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, w := wideSpace(), newFakeWorld()
		cfg := Config{Space: s, Replicas: rapid.IntRange(1, 3).Draw(rt, "replicas")}
		peer := func(n int, addr string) chord.Peer {
			return chord.Peer{ID: s.FromUint64(uint64(n)), Addr: addr, Incarnation: 1}
		}
		taken, left, above := peer(10, "taker"), peer(20, "leaver"), peer(30, "owner")
		taker, _ := w.add(t, terms.Ownership{Owner: taken, From: above.ID, Epoch: 1}, cfg, left, above)
		leaver, before := w.add(t, terms.Ownership{Owner: left}, cfg, above, taken)
		leaver.leaving = rapid.Bool().Draw(rt, "still leaving")
		owner, m := w.add(t, terms.Ownership{Owner: above, From: left.ID, Epoch: 1}, cfg, taken, left)
		m.state.Pred, before.state.Pred = left, taken
		owner.own.Table.Learn(terms.Ownership{Owner: left, From: taken.ID, Epoch: 1}, w.now)
		taker.mu.Lock()
		taker.apply(taker.own.TakeOver(taken.ID, int64(rapid.IntRange(1, 9).Draw(rt, "epoch"))))
		taker.mu.Unlock()
		for range 8 {
			switch rapid.IntRange(0, 2).Draw(rt, "step") {
			case 0:
				_ = owner.announce(t.Context(), taken, *owner.reg.Load()) // it may be refused
			case 1:
				_ = taker.announce(t.Context(), above, *taker.reg.Load())
			case 2:
				_ = owner.resolveDisputes(t.Context())
				_ = taker.resolveDisputes(t.Context())
			}
		}
		for range 12 {
			w.now = w.now.Add(time.Second) // a range of which no owner is known is taken over after a while
			_ = owner.announce(t.Context(), taken, *owner.reg.Load())
			_ = owner.resolveDisputes(t.Context())
			if _, err := owner.lookBelow(t.Context(), owner.reg.Load()); err != nil {
				rt.Fatal(err)
			}
		}
		if at := taker.reg.Load(); at.From != above.ID || owner.reg.Load().From != taken.ID {
			rt.Fatalf("the owner has the range from %s on, the taker from %s on", s.Format(owner.reg.Load().From), s.Format(at.From))
		}
	})
}

// TestReceiverOfAHandoffIsNoReplica: what a member has received before a handoff ended without it returns to the owner
// soon, though the source of another handoff has compared with it a moment ago.
func TestReceiverOfAHandoffIsNoReplica(t *testing.T) {
	for _, receives := range []bool{false, true} {
		_, a, b, own := pair(t)
		rec := record(wideSpace(), 1, 7)
		merged(t, b, rec)
		if receives {
			b.in.Begin(&handoff.Incoming{Source: a.self})
		}
		if _, err := a.reconcile(t.Context(), b.self, own, own.Arc(), false, nil); err != nil {
			t.Fatal(err)
		}
		if _, orphaned := b.nextOrphanedReplica(b.self.ID, b.self.ID); orphaned != receives {
			t.Errorf("a handoff is under way: %v; the record counts as orphaned: %v", receives, orphaned)
		}
	}
}
