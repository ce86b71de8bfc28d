package kv

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
)

// TestRoomIsReservedFirst: a write for which the owner, or any replica, has no room is refused, and no host holds
// anything of it; any other write is carried out on all of them. In particular no replica of a client's put goes into
// the reserve of a quarter, where it would not be noticed until that is full, too.
func TestRoomIsReservedFirst(t *testing.T) {
	t.Run("a small replica beside an owner without a limit", func(t *testing.T) {
		r := newLimited(t, 2, []int64{0, 1000})
		r.write(t, opPut, "k", 500)
		r.write(t, opPut, "l", 400)
		if r.refused != 1 {
			t.Errorf("%d of two puts are refused, want the second", r.refused)
		}
	})
	rapid.Check(t, func(rt *rapid.T) {
		limits := rapid.SliceOfN(rapid.SampledFrom([]int64{0, 500, 1500, 4000, 20_000}), 2, 6).Draw(rt, "limits")
		r := newLimited(t, rapid.IntRange(2, 5).Draw(rt, "replicas"), limits)
		for range rapid.IntRange(1, 40).Draw(rt, "writes") {
			op := rapid.SampledFrom([]nodepb.ApplyRequest_Operation{opPut, opPut, opPut, opDelete}).Draw(rt, "operation")
			r.write(rt, op, rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"}).Draw(rt, "key"), rapid.IntRange(0, 3000).Draw(rt, "bytes"))
		}
	})
}

// limited is an owner and other hosts, each with a memory limit.
type limited struct {
	w        *fakeWorld
	hosts    []*Keeper // the owner first, then the replicas, then hosts that must hold nothing
	replicas int       // of these hosts, the owner included
	writes   int
	refused  int
}

func newLimited(t testing.TB, replicas int, limits []int64) *limited {
	r := &limited{w: newFakeWorld(), replicas: min(replicas, len(limits))}
	s, cfg := wideSpace(), Config{Space: wideSpace(), Replicas: replicas, CallLimit: time.Second}
	var peers []chord.Peer
	for i := range limits {
		peers = append(peers, chord.Peer{ID: s.FromUint64(uint64(i)), Addr: fmt.Sprintf("h%d", i), Incarnation: 1})
	}
	for i, limit := range limits {
		own := terms.Ownership{Owner: peers[i]}
		if i == 0 {
			own.From, own.Epoch = peers[0].ID, 1 // all the ring
		}
		k, _ := r.w.add(t, own, cfg, slices.Concat(peers[i+1:], peers[:i])...)
		k.budget = NewHostBudget(limit)
		r.hosts = append(r.hosts, k)
	}
	return r
}

// write has the owner carry out a write, and checks its outcome against the room that there was before.
func (r *limited) write(t rapid.TB, op nodepb.ApplyRequest_Operation, key string, size int) {
	t.Helper()
	r.w.now = r.w.now.Add(2 * time.Second) // what earlier writes have reserved has lapsed
	q := apply(0, op, "")
	r.writes++
	q.RequestId[0], q.RequestId[1], q.Key = byte(r.writes), 1, []byte(key)
	if op == opPut {
		q.Value = make([]byte, size)
	}
	id, fits, before := wideSpace().Hash(q.Key), true, make([]*store.Record, len(r.hosts))
	used, asks := make([]int64, len(r.hosts)), false // an owner that has no room itself reserves none
	for i, k := range r.hosts {
		before[i] = k.store.Get(id, key)
		if i >= r.replicas {
			continue
		}
		b := k.budget
		b.lapse(r.w.now)
		bound := b.limit
		if op == opDelete {
			bound += b.reserve
		}
		need := store.SizeOf(len(key), int64(len(q.Value))) - before[i].Size()
		used[i] = b.Used()
		fits = fits && (b.limit == 0 || need <= 0 || used[i]+need <= bound)
		if i == 0 {
			asks = fits || op == opDelete
		}
	}
	want := nodepb.ApplyResponse_OUTCOME_OK
	if !fits {
		want, r.refused = nodepb.ApplyResponse_OUTCOME_EXHAUSTED, r.refused+1
	}
	a, err := r.hosts[0].Apply(context.Background(), q)
	if err != nil || a.Outcome != want || a.MaybeWritten {
		t.Fatalf("write %d, %v of %d bytes under %q: %v, %v; want %v", r.writes, op, size, key, a, err, want)
	}
	for i, k := range r.hosts {
		switch rec := k.store.Get(id, key); {
		case i >= r.replicas:
			if rec != nil {
				t.Errorf("write %d: host %d, which is no replica, has %q", r.writes, i, key)
			}
		case !fits && rec != before[i]:
			t.Errorf("write %d is refused, and host %d has it: %v", r.writes, i, rec)
		case !asks && k.budget.Used() != used[i]:
			t.Errorf("write %d: the owner has no room, and host %d has reserved %d bytes", r.writes, i, k.budget.Used()-used[i])
		case fits && (rec == nil || rec.Version != a.Record.Version):
			t.Errorf("write %d is done, and host %d does not have it: %v", r.writes, i, rec)
		}
	}
}
