package kv

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
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
