package simtest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"chordconductor/node/kv"
)

var deadTwiceSeeds = flag.Uint64("dead-twice-seeds", uint64(several(60)), "rings to run in which some hosts that hold a key crash while the others are paused")

// TestPausedHoldersAreHeard: of the hosts that hold a range some crash, fewer than R, while the others are paused, so
// shortly that they answer again when those that took them for dead ask a second time. Then no get misses a key,
// whoever takes the range over or receives it from that member: it waits for them.
func TestPausedHoldersAreHeard(t *testing.T) {
	gets, answered := 0, 0
	for seed := range *deadTwiceSeeds {
		rnd := rand.New(rand.NewPCG(seed, 46))
		within := func(d time.Duration) time.Duration { return time.Duration(rnd.Int64N(int64(d))) }
		p := plan{bits: 32, successors: 3 + rnd.IntN(6), replicas: 2 + rnd.IntN(2), virtual: 1 + rnd.IntN(2), keys: 20}
		p.hosts = p.replicas + 2 + rnd.IntN(5)
		r := newRing(seed, p)
		for range p.hosts {
			r.add()
		}
		r.settle(t)
		r.fill(t, p.keys)
		begin := r.w.Elapsed()
		crashes := 1 + rnd.IntN(p.replicas-1)
		story := fmt.Sprintf("seed %d: %v", seed, p)
		for i, h := range r.adjacent(r.pick(rnd.IntN(p.hosts)), p.replicas) {
			at := within(1500 * time.Millisecond)
			if i < crashes {
				r.w.At(at, func() { r.crash(h) })
				story += fmt.Sprintf("\n%v crash of %s", at, h.addr)
				continue
			}
			long := 1200*time.Millisecond + within(2300*time.Millisecond)
			r.w.At(at, func() { r.pause(h, long) })
			story += fmt.Sprintf("\n%v pause of %s for %v", at, h.addr, long)
		}
		for range rnd.IntN(4) {
			at := within(6 * time.Second)
			r.w.At(at, func() { r.add() })
			story += fmt.Sprintf("\n%v join", at)
		}
		missed := 0
		get := func(n int) {
			h := r.pick(rnd.IntN(len(r.hosts)))
			if h.paused > 0 || h.keeper(0) == nil {
				return
			}
			gets++
			_ = h.layer.Go(context.Background(), func(ctx context.Context) {
				at := r.w.Elapsed()
				result, err := h.keeper(0).Get(ctx, keyName(n))
				if err == nil {
					answered++
				} else if errors.Is(err, kv.ErrNotFound) {
					if missed++; missed == 1 {
						t.Errorf("%s\na get of key %d from %v to %v at %s: %v", story, n, at-begin, r.w.Elapsed()-begin, result.Owner.Addr, err)
					}
				}
			})
		}
		for at := time.Duration(0); at < 15*time.Second; at += 25 * time.Millisecond {
			n := rnd.IntN(p.keys)
			r.w.At(at, func() { get(n) })
		}
		r.w.Run(35 * time.Second)
		r.w.Close()
	}
	t.Logf("%d of %d gets were answered", answered, gets)
}
