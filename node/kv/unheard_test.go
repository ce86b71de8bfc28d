package kv

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
)

// A member takes the range of a dead owner over, while other hosts that may hold records of it count as dead. If they are
// too few to have a record that no other host has, keys are served; otherwise not before each has been asked again. Those
// that left gracefully do not count, whether their departure or their silence is noticed first.
func TestRangeIsServedOnceItsHoldersAreHeard(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, w := wideSpace(), newFakeWorld()
		replicas := rapid.IntRange(1, 5).Draw(rt, "replicas")
		others := rapid.IntRange(0, 6).Draw(rt, "other hosts")
		silent := rapid.IntRange(0, others).Draw(rt, "silent")
		left := rapid.IntRange(0, silent).Draw(rt, "of these, left gracefully")
		lives := rapid.Bool().Draw(rt, "the others live")
		cfg := Config{Space: s, Replicas: replicas}
		rec := record(s, 1, 7)
		peer := func(n int, addr string) chord.Peer {
			return chord.Peer{ID: s.FromUint64(uint64(n)), Addr: addr, Incarnation: 1}
		}
		owner := peer(1, "owner")
		var peers []chord.Peer
		held := map[string]*Keeper{}
		for i := range others {
			other, _ := w.add(t, terms.Ownership{Owner: peer(3+i, fmt.Sprint("h", i))}, cfg)
			peers = append(peers, other.self)
			if held[other.self.Addr] = other; i < silent {
				merged(t, other, rec)
			}
		}
		k, m := w.add(t, terms.Ownership{Owner: peer(2, "k"), From: owner.ID, Epoch: 1}, cfg, peers...)
		m.keeper = k
		k.own.Table.Learn(terms.Ownership{Owner: owner, From: s.FromUint64(2), Epoch: 1}, w.now)
		for i := range silent {
			delete(w.keepers, peers[i].Addr)
			first := rapid.Bool().Draw(rt, "departure noticed first")
			if i < left && first {
				k.PeerLeft(peers[i])
			}
			k.PeerDied(t.Context(), peers[i])
			if i < left && !first {
				k.PeerLeft(peers[i])
			}
		}
		m.state.Succ = peers[left:] // a member's pointers drop those that depart
		k.PeerDied(t.Context(), owner)
		k.mu.Lock()
		k.apply(k.own.TakeOver(k.self.ID, 1))
		k.mu.Unlock()
		k.confirmed = w.now // the silence of all others is not what is tested
		get := func() *nodepb.ApplyResponse { return k.serveGet(t.Context(), rec.ID, rec.Key) }
		wait := replicas > 1 && 1+silent-left >= replicas
		if got := get(); wait != (got.Outcome == nodepb.ApplyResponse_OUTCOME_RETRY) {
			rt.Fatalf("R=%d, the owner and %d others are silent: %v", replicas, silent, got)
		}
		if !wait {
			return
		}
		for i := left; i < silent; i++ {
			if lives {
				w.keepers[peers[i].Addr] = held[peers[i].Addr]
			}
		}
		found := false
		for began := w.now; w.now.Sub(began) < k.suspicion()+2*time.Second && !found; {
			again, err := k.repairRange(t.Context())
			if err != nil && !errors.Is(err, terms.ErrDead) {
				rt.Fatal(err)
			}
			k.confirmed = w.now
			if found = get().Outcome != nodepb.ApplyResponse_OUTCOME_RETRY; !found {
				w.now = w.now.Add(again)
			}
		}
		want := (*store.Record)(nil)
		if lives {
			want = rec
		}
		if got := get(); !found || got.Record.GetVersion() != versionOf(want) {
			rt.Errorf("R=%d, %d silent, they live: %v: answered %v, %v", replicas, silent, lives, found, got)
		}
	})
}

func versionOf(r *store.Record) uint64 {
	if r == nil {
		return 0
	}
	return r.Version
}

// A host that has been about to leave and stays holds replicas again soon, not only after LeaveLimit. While it is about
// to leave it holds none, however long.
func TestLeaverThatStaysIsAReplicaAgain(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, a, b, _ := pair(t)
		b.leaving = true
		a.mu.Lock()
		a.learnLeaver(b.self)
		a.mu.Unlock()
		stays := time.Duration(rapid.Int64Range(0, int64(3*a.cfg.LeaveLimit)).Draw(rt, "stays after"))
		for took := time.Duration(0); ; {
			if b.leaving = took < stays; !b.leaving && took > stays+2*a.suspicion() {
				break
			}
			again, err := a.repairRange(t.Context())
			if err != nil {
				rt.Fatal(err)
			}
			if b.leaving && len(a.replicas) > 0 {
				rt.Fatalf("%v: a replica is on a host that is about to leave", took)
			}
			w.now, took = w.now.Add(again), took+again
		}
		if len(a.replicas) != 1 {
			rt.Errorf("it stays after %v, and is no replica then", stays)
		}
	})
}
