package simtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"chordconductor/node/kv"
	"chordconductor/node/nodepb"
)

// TestHandoffWithoutRoomIsNotRepeatedAtOnce: a member whose host has no room for its range claims it again at
// intervals. It once claimed it again in the same instant, so that a host with full memory kept a processor busy
// forever, and sent its records each time.
func TestHandoffWithoutRoomIsNotRepeatedAtOnce(t *testing.T) {
	for seed := range uint64(several(12)) {
		rnd := rand.New(rand.NewPCG(seed, 41))
		hosts, size := 1+rnd.IntN(3), 100<<rnd.IntN(6)
		r := newRing(seed, plan{bits: 32, successors: 4, replicas: 1 + rnd.IntN(hosts)})
		t.Cleanup(r.w.Close)
		for i := range hosts {
			r.made++
			r.addAt(fmt.Sprintf("h%d:7000", i+1), 40<<10)
		}
		r.settle(t)
		r.on(t, r.hosts[0], func(ctx context.Context, k *kv.Keeper) {
			for n := 0; ; n++ { // up to the first that no host has room for
				if _, err := k.Put(ctx, keyName(n), make([]byte, size), 0); err != nil {
					break
				}
			}
		})
		records, begun := 0, 0
		r.onMove = func(_ *host, q *nodepb.MoveRequest, after bool) {
			if !after {
				records += len(q.Records)
				if q.Phase == nodepb.MoveRequest_PHASE_BEGIN {
					begun++
				}
			}
		}
		members := 1 + rnd.IntN(8)
		if _, err := r.pick(rnd.IntN(hosts)).Start(members); err != nil {
			t.Fatal(err)
		}
		const minutes = 2
		r.w.Run(minutes * time.Minute)
		without := 0
		for _, m := range r.onRing() {
			if !keeperOf(m).Ownership().Owns {
				without++
			}
		}
		if most := members * (10 + 30*minutes); begun > most || records > 10*members*(40<<10)/size {
			t.Errorf("seed %d: %d hosts, R=%d, %d members more, %d of them without a range after %d minutes: %d handoffs begun, %d records sent", seed, hosts, r.plan.replicas, members, without, minutes, begun, records)
		}
		t.Logf("seed %d: %d members more, %d without a range: %d handoffs begun, %d records sent", seed, members, without, begun, records)
	}
}

// TestAHostThatCannotLeaveForItsClockTriesAtIntervals: a host whose clock is wrong, and whose keys have no room
// elsewhere or no other host, tries to leave again every few seconds. It once did so in the same instant, for ever.
func TestAHostThatCannotLeaveForItsClockTriesAtIntervals(t *testing.T) {
	for _, alone := range []bool{false, true} {
		r := newRing(1, plan{bits: 32, successors: 6, replicas: 1, virtual: 2})
		t.Cleanup(r.w.Close)
		r.addAt("large:7000", 0)
		for i := range 3 {
			r.addAt(fmt.Sprintf("small%d:7000", i), 4<<10)
		}
		r.settle(t)
		r.on(t, r.hosts[0], func(ctx context.Context, k *kv.Keeper) {
			for n := range 100 {
				_, _ = k.Put(ctx, keyName(n), make([]byte, 1<<10), 0) // what is the large host's succeeds
			}
		})
		wrong := r.hosts[0]
		r.skew[wrong.addr] = 3 * time.Minute
		if !r.w.RunUntil(time.Minute, 10*time.Millisecond, func() bool { return len(wrong.notices) > 0 }) {
			t.Fatal("the host has not noticed that its clock is wrong")
		}
		if alone {
			for len(r.hosts) > 1 {
				r.crash(r.hosts[1])
			}
		}
		before := r.log.events
		r.w.Run(time.Minute)
		if n := r.log.events - before; n > 300 {
			t.Errorf("alone %v: %d events in a minute", alone, n)
		} else {
			t.Logf("alone %v: %d events in a minute", alone, n)
		}
		if len(wrong.Members()) != 2 {
			t.Errorf("alone %v: %d members are left", alone, len(wrong.Members()))
		}
	}
}
