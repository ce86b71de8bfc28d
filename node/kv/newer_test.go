package kv

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/kv/handoff"
	"chordconductor/node/kv/hlc"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
)

// TestAcknowledgedWriteIsNewerThanAllThatIsHeld: whatever versions of a key replicas have received from elsewhere,
// forged ones included, an acknowledged write supersedes them at all replicas, and so does the version in its answer. A
// forged record that the owner did not have could supersede an acknowledged put when the owner was gone.
func TestAcknowledgedWriteIsNewerThanAllThatIsHeld(t *testing.T) {
	s := wideSpace()
	key := "k"
	id := s.Hash([]byte(key))
	rapid.Check(t, func(rt *rapid.T) {
		w := newFakeWorld()
		replicas := rapid.IntRange(2, 4).Draw(rt, "replicas")
		cfg := Config{Space: s, Replicas: replicas}
		var peers []chord.Peer
		for i := range replicas {
			peers = append(peers, chord.Peer{ID: s.FromUint64(uint64(i)), Addr: fmt.Sprintf("h%d", i), Incarnation: 1})
		}
		a, _ := w.add(t, terms.Ownership{Owner: peers[0], From: peers[0].ID, Epoch: 1}, cfg, peers[1:]...)
		all := []*Keeper{a}
		for _, p := range peers[1:] {
			k, _ := w.add(t, terms.Ownership{Owner: p}, cfg)
			all = append(all, k)
		}
		acknowledged := uint64(0)
		for n := range rapid.IntRange(1, 6).Draw(rt, "writes") {
			for _, k := range all[1:] {
				ahead := rapid.SampledFrom([]int64{-1, 0, 1, 1 << 16, 1 << 40}).Draw(rt, "planted ahead of the clock by")
				if ahead >= 0 {
					merged(t, k, &store.Record{ID: id, Key: key, Value: []byte("planted"), Version: hlc.StampOf(w.now) + uint64(ahead), Writer: s.FromUint64(99)})
				}
			}
			op := rapid.SampledFrom([]nodepb.ApplyRequest_Operation{opPut, opDelete}).Draw(rt, "operation")
			got, err := a.Apply(t.Context(), apply(byte(n+1), op, fmt.Sprint("value ", n)))
			if err != nil || got.Outcome != nodepb.ApplyResponse_OUTCOME_OK || int(got.Copies) != replicas || got.Record.Version <= acknowledged {
				rt.Fatalf("write %d after version %d: %v, %v", n, acknowledged, got, err)
			}
			acknowledged = got.Record.Version
			for i, k := range all {
				held := k.store.Get(id, key)
				if held == nil || held.Version != got.Record.Version || held.Deleted != (op == opDelete) || !held.Deleted && string(held.Value) != fmt.Sprint("value ", n) {
					rt.Errorf("host %d holds %+v, acknowledged is %v", i, held, got.Record)
				}
			}
			if again, err := a.Apply(t.Context(), apply(byte(n+1), op, fmt.Sprint("value ", n))); err != nil || again.Record.GetVersion() != acknowledged {
				rt.Errorf("retried: %v, %v", again, err)
			}
			w.now = w.now.Add(1)
		}
	})
}

// TestWriteDuringAHandoffIsNewerThanWhatTheReceiverHolds: the receiver of a range, too, reports a newer version of a
// write under way.
func TestWriteDuringAHandoffIsNewerThanWhatTheReceiverHolds(t *testing.T) {
	w, a, b, own := pair(t)
	a.cfg.Replicas, b.cfg.Replicas = 1, 1
	a.confirmed = w.now
	key := "k"
	id := wideSpace().Hash([]byte(key))
	a.mu.Lock()
	move := a.beginOut(b.self, b.self.ID, own.Epoch+1, "join")
	move.Open, move.To = true, a.self.ID // all of it, so that the key is in it
	a.mu.Unlock()
	merged(t, b, &store.Record{ID: id, Key: key, Value: []byte("planted"), Version: hlc.StampOf(w.now) + 1<<40})
	in := &handoff.Incoming{Arc: move.Arc, ID: move.ID, Source: a.self, Grant: move.Grant, LastSeen: w.now}
	b.in.Begin(in)
	rec := &store.Record{ID: id, Key: key, Value: []byte("v"), Version: hlc.StampOf(w.now)}
	newer, err := b.takeRecords(in, []*store.Record{rec}, true)
	if err != nil || len(newer) != 1 || newer[0].Version != hlc.StampOf(w.now)+1<<40 {
		t.Fatalf("the receiver reports %v, %v", newer, err)
	}
	if newer, err = b.takeRecords(in, []*store.Record{rec}, false); err != nil || len(newer) > 0 {
		t.Errorf("of a record that is not a write under way: %v, %v", newer, err)
	}
}

// TestReadFindsWhatAReplicaHasInstead: a get that sends an unsettled version to the replicas learns of a newer one
// there.
func TestReadFindsWhatAReplicaHasInstead(t *testing.T) {
	w, a, b, _ := pair(t)
	a.confirmed = w.now
	rec := record(wideSpace(), 1, 7)
	newer := record(wideSpace(), 1, 9)
	merged(t, a, rec)
	merged(t, b, newer)
	a.unsettle(rec.ID, rec.Key, false)
	if got := a.serveGet(t.Context(), rec.ID, rec.Key); got.Outcome != nodepb.ApplyResponse_OUTCOME_RETRY {
		t.Errorf("at first: %v", got)
	}
	if got := a.serveGet(t.Context(), rec.ID, rec.Key); got.Record.GetVersion() != newer.Version {
		t.Errorf("then: %v", got)
	}
}
