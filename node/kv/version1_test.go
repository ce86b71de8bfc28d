package kv

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/wire"
)

// olderKeys answers a Discard as version 1 does: by the ownership named, and with yes or no.
type olderKeys struct{ *Keeper }

func (o olderKeys) Discard(ctx context.Context, q *nodepb.DiscardRequest) (*nodepb.DiscardResponse, error) {
	a, err := o.Keeper.Discard(ctx, &nodepb.DiscardRequest{
		Call: &nodepb.Call{Target: q.Call.Target, From: q.Call.From, Clock: q.Call.Clock}, Ownership: q.Ownership, Leaving: q.Leaving,
	})
	if err != nil {
		return nil, err
	}
	return &nodepb.DiscardResponse{Reply: &nodepb.Reply{Status: a.Reply.Status, Self: a.Reply.Self, Clock: a.Reply.Clock}, Granted: a.Granted}, nil
}

// TestLeaverAtVersion1: whatever a leaver holds of the range of an owner of version 1, the owner has the newest version
// of all before the leaver drops it, even if the leaver has an outdated ownership.
func TestLeaverAtVersion1(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, w := wideSpace(), newFakeWorld()
		peerA, peerB := chord.Peer{ID: s.FromUint64(1), Addr: "a", Incarnation: 1}, chord.Peer{ID: s.FromUint64(2), Addr: "b", Incarnation: 1}
		cfg := Config{Space: s, Replicas: rapid.IntRange(1, 2).Draw(rt, "replicas")}
		own := terms.Ownership{Owner: peerA, From: peerA.ID, Epoch: 3}
		a, _ := w.add(t, own, cfg, peerB)
		b, _ := w.add(t, terms.Ownership{Owner: peerB}, cfg, peerA)
		w.older = map[string]bool{"a": true}
		newest := map[string]uint64{}
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		for n := range rapid.SampledFrom([]int{1, 3, 200}).Draw(rt, "keys") {
			for _, k := range []*Keeper{a, b} {
				if version := random.Uint64N(4); version > 0 {
					rec := record(s, n, version)
					if _, err := k.merge(rec, forKeeps); err != nil {
						rt.Fatal(err)
					}
					newest[rec.Key] = max(newest[rec.Key], version)
				}
			}
		}
		own.Epoch = rapid.Int64Range(1, 3).Draw(rt, "known epoch")
		b.own.Table.Learn(own, w.now)
		b.Leaving(t.Context(), true)
		if err := b.drain(t.Context(), w.now.Add(time.Minute)); err != nil {
			rt.Fatal(err)
		}
		for key, version := range newest {
			if r := a.store.Get(s.Hash([]byte(key)), key); r == nil || r.Version != version {
				rt.Fatalf("the owner holds %v of %q, newest is %d", r, key, version)
			}
		}
		if left := b.store.Summary(peerB.ID, peerB.ID).Count; left > 0 {
			rt.Fatalf("%d records are left at the leaver", left)
		}
	})
}

// TestLeaverOfVersion1: an owner lets a leaver of version 1 drop its records although no other host can hold them.
func TestLeaverOfVersion1(t *testing.T) {
	for _, leaving := range []bool{false, true} {
		_, a, b, own := pair(t)
		b.Leaving(t.Context(), leaving)
		call := b.member.Call(a.self)
		call.Version = 0
		got, err := a.Discard(t.Context(), &nodepb.DiscardRequest{Call: call, Ownership: wire.Ownership(*own), Leaving: leaving})
		if err != nil || got.Granted != leaving {
			t.Errorf("leaving %v: %v, %v", leaving, got, err)
		}
	}
}

// TestSourceOfVersion1: a source that cannot wait for its turn is refused until its turn, and keeps its range.
func TestSourceOfVersion1(t *testing.T) {
	for version := range uint32(3) {
		for _, near := range []bool{true, false} {
			t.Run(fmt.Sprintf("version %d, adjacent %v", version, near), func(t *testing.T) {
				s, w := wideSpace(), newFakeWorld()
				peer := func(n uint64, addr string) chord.Peer {
					return chord.Peer{ID: s.FromUint64(n), Addr: addr, Incarnation: 1}
				}
				source, receiver := peer(30, "source"), peer(60, "receiver")
				from := s.FromUint64(50)
				if near {
					from = source.ID
				}
				cfg := Config{Space: s, Replicas: 1}
				a, _ := w.add(t, terms.Ownership{Owner: source, From: s.FromUint64(20), Epoch: 1}, cfg, receiver)
				b, _ := w.add(t, terms.Ownership{Owner: receiver, From: from, Epoch: 1}, cfg, source)
				grant := wire.Ownership(terms.Ownership{Owner: receiver, From: s.FromUint64(20), Epoch: 2})
				step := func(phase nodepb.MoveRequest_Phase) *nodepb.MoveResponse {
					call := a.member.Call(receiver)
					call.Version = version
					got, err := b.Move(t.Context(), &nodepb.MoveRequest{
						Call: call, MoveId: "one", Phase: phase, Grant: grant, RangeTo: source.ID[:], Reason: nodepb.MoveRequest_REASON_LEAVE,
					})
					if err != nil {
						t.Fatal(err)
					}
					return got
				}
				if got := step(nodepb.MoveRequest_PHASE_BEGIN); got.Outcome != nodepb.MoveResponse_OUTCOME_OK {
					t.Fatalf("begin: %v", got)
				}
				got := step(nodepb.MoveRequest_PHASE_PREPARE)
				refused := got.Outcome == nodepb.MoveResponse_OUTCOME_REFUSED
				if refused != (version < 2 && !near) || !refused && got.Waits == near {
					t.Errorf("prepare: %v", got)
				}
			})
		}
	}
}
