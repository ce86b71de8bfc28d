package simtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"chordconductor/node/kv"
	"chordconductor/node/kv/hlc"
	"chordconductor/node/member"
)

// tolerated is the greatest clock offset of a host if no two clocks may differ by more than hlc.MaxDifference.
const tolerated = hlc.MaxDifference / 2

// tryAll puts and gets some keys through every host: all must have R replicas, or as many as there are hosts.
func (r *ring) tryAll(t *testing.T, label string, keys int) {
	t.Helper()
	for i, h := range r.hosts {
		r.on(t, h, func(ctx context.Context, k *kv.Keeper) {
			for n := range keys {
				if got, err := k.Put(ctx, keyName(n), valueOf(n), 0); err != nil || got.ReplicaCount < min(r.plan.replicas, len(r.hosts)) {
					t.Errorf("%s: put of key %d through host %d: %d replicas, %v", label, n, i, got.ReplicaCount, err)
				}
				if _, err := k.Get(ctx, keyName(n)); err != nil {
					t.Errorf("%s: get of key %d through host %d: %v", label, n, i, err)
				}
			}
		})
	}
}

// TestClocksMayDiffer: hosts join, leave, crash and step their clocks, and no two clocks differ by more than a minute.
// Every put through every host succeeds, with all replicas, and no host leaves the ring. In the first ring a host joins
// whose clock is 0.7 s ahead: its share of the keys was once unreachable then.
func TestClocksMayDiffer(t *testing.T) {
	for seed := range uint64(several(12)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 5))
			offset := func() time.Duration { return time.Duration((2*rnd.Float64() - 1) * float64(tolerated-time.Second)) }
			r := newRing(seed, plan{bits: 32, successors: 6, replicas: 1 + rnd.IntN(4), virtual: 1 + rnd.IntN(2), keys: 30})
			t.Cleanup(r.w.Close)
			join := func(ahead time.Duration) {
				r.skew[fmt.Sprintf("h%d:7000", r.made+1)] = ahead
				r.add()
			}
			hosts, steps := 2+rnd.IntN(5), 6
			if seed == 0 {
				hosts, steps = 5, 0
				r.plan.replicas = 3
			}
			for range hosts {
				if seed == 0 {
					join(0)
				} else {
					join(offset())
				}
			}
			r.settle(t)
			r.fill(t, 30)
			if seed == 0 {
				join(700 * time.Millisecond)
				r.settle(t)
				r.tryAll(t, "0.7 s ahead", 30)
			}
			for step := range steps {
				what := ""
				switch h := r.hosts[rnd.IntN(len(r.hosts))]; rnd.IntN(4) {
				case 0:
					join(offset())
					what = "join"
				case 1:
					if len(r.hosts) > 2 {
						r.leaveAll(t, h)
						what = "leave"
					}
				case 2:
					if len(r.hosts) > 2 && r.plan.replicas > 1 {
						r.crash(h)
						what = "crash"
					}
				case 3:
					r.skew[h.addr] = offset()
					what = "step"
				}
				if what != "crash" { // at once: no get misses while the clocks only differ
					r.settle(t)
				} else {
					r.settle(t)
					r.w.Run(repairTime)
				}
				r.check(t, 30)
				r.tryAll(t, fmt.Sprintf("step %d, %s", step, what), 8)
			}
			for _, h := range r.hosts {
				if !h.Ready() || len(h.notices) > 0 {
					t.Errorf("%s is ready: %v, noticed %q", h.addr, h.Ready(), h.notices)
				}
			}
		})
	}
}

// TestLifetimesWithDifferentClocks: TTLs are exact to the difference allowed to clocks, whichever member owns the key
// meanwhile.
func TestLifetimesWithDifferentClocks(t *testing.T) {
	const ttl = 3 * time.Minute
	for seed := range uint64(several(4)) {
		rnd := rand.New(rand.NewPCG(seed, 6))
		r := newRing(seed, plan{bits: 32, successors: 6, replicas: 2, virtual: 1, keys: 20})
		t.Cleanup(r.w.Close)
		for n := range 7 {
			r.skew[fmt.Sprintf("h%d:7000", n+1)] = time.Duration((2*rnd.Float64() - 1) * float64(tolerated))
		}
		for range 5 {
			r.add()
		}
		r.settle(t)
		r.on(t, r.hosts[0], func(ctx context.Context, k *kv.Keeper) {
			for n := range 20 {
				if _, err := k.Put(ctx, keyName(n), valueOf(n), ttl); err != nil {
					t.Fatal(err)
				}
			}
		})
		put := r.w.Elapsed()
		r.add()
		r.leaveAll(t, r.hosts[1])
		r.crash(r.hosts[1])
		r.add()
		r.settle(t)
		r.w.Run(repairTime)
		if left := put + ttl - hlc.MaxDifference - r.w.Elapsed(); left > 0 {
			r.w.Run(left - time.Second)
			r.check(t, 20)
		}
		r.w.Run(put + ttl + hlc.MaxDifference + time.Second - r.w.Elapsed())
		r.on(t, r.hosts[0], func(ctx context.Context, k *kv.Keeper) {
			for n := range 20 {
				if _, err := k.Get(ctx, keyName(n)); !errors.Is(err, kv.ErrNotFound) {
					t.Errorf("seed %d: get of key %d after its time: %v", seed, n, err)
				}
			}
		})
	}
}

// offLimit is the time within which a host takes itself off the ring, and is back on it: T with a base interval of 500
// ms.
const offLimit = 45 * time.Second

// TestWrongClockTakesItselfOff: a host whose clock steps by more than a minute hands its keys off, is not ready and
// reports why; no get misses a key, at one replica of each, and no key expires early. When its clock is right, the host
// is back.
func TestWrongClockTakesItselfOff(t *testing.T) {
	for _, wrong := range []time.Duration{61 * time.Second, -62 * time.Second, time.Hour, -time.Hour, 365 * 24 * time.Hour, -20 * 365 * 24 * time.Hour} {
		t.Run(fmt.Sprint(wrong), func(t *testing.T) {
			const keys = 60
			r := settledRing(t, plan{hosts: 5, replicas: 1, virtual: 2})
			r.fill(t, keys)
			r.on(t, r.hosts[0], func(ctx context.Context, k *kv.Keeper) {
				for n := keys; n < 2*keys; n++ {
					if _, err := k.Put(ctx, keyName(n), valueOf(n), 50*time.Minute); err != nil {
						t.Error(err)
					}
				}
			})
			h := r.hosts[2]
			r.skew[h.addr] = wrong
			if !r.w.RunUntil(offLimit, 10*time.Millisecond, func() bool { return len(h.Members()) == 0 }) {
				t.Fatalf("the host with the wrong clock is still on the ring: %q", h.notices)
			}
			if h.Ready() || len(h.notices) != 1 || !strings.Contains(h.notices[0], "of 4 hosts") && !strings.Contains(h.notices[0], "of 3 hosts") {
				t.Errorf("ready %v, noticed %q", h.Ready(), h.notices)
			}
			if _, err := h.Start(1); !errors.Is(err, member.ErrClock) {
				t.Errorf("start of a member: %v", err)
			}
			r.hosts = slices.DeleteFunc(r.hosts, func(other *host) bool { return other == h })
			r.settle(t)
			r.check(t, 2*keys)
			r.tryAll(t, "without it", 10)
			r.w.Run(10 * time.Minute)
			if len(h.Members()) != 0 {
				t.Errorf("the host is back with the wrong clock: %q", h.notices)
			}
			r.skew[h.addr] = 0
			r.hosts = append(r.hosts, h)
			if !r.w.RunUntil(offLimit, 10*time.Millisecond, func() bool { return h.Ready() && len(h.Members()) == 2 }) {
				t.Fatalf("the host is not back: %q", h.notices)
			}
			r.settle(t)
			r.check(t, 2*keys)
			r.tryAll(t, "with it again", 10)
		})
	}
}

// TestWrongClockJoins: a host that starts with a wrong clock stays on the ring only once the clock is right.
func TestWrongClockJoins(t *testing.T) {
	r := settledRing(t, plan{hosts: 4, replicas: 2})
	r.fill(t, 40)
	r.skew["h5:7000"] = 2 * time.Hour
	h := r.add()
	if !r.w.RunUntil(offLimit, 10*time.Millisecond, func() bool { return len(h.Members()) == 0 && len(h.notices) > 0 }) {
		t.Fatalf("the host stays on the ring: %q", h.notices)
	}
	r.skew[h.addr] = 0
	if !r.w.RunUntil(offLimit, 10*time.Millisecond, h.Ready) {
		t.Fatalf("the host does not join: %q", h.notices)
	}
	r.settle(t)
	r.check(t, 40)
	r.tryAll(t, "with it", 20)
}

// TestTwoClocksDiffer: of two hosts, neither can decide which is wrong. Both report it, and stay on the ring.
func TestTwoClocksDiffer(t *testing.T) {
	r := settledRing(t, plan{hosts: 2, replicas: 2})
	r.fill(t, 20)
	r.skew[r.hosts[0].addr] = -5 * time.Minute
	r.w.Run(offLimit)
	for i, h := range r.hosts {
		want := fmt.Sprintf("%s of %s", []string{"behind that", "ahead of that"}[i], r.hosts[1-i].addr)
		if !h.Ready() || len(h.notices) != 1 || !strings.Contains(h.notices[0], want) {
			t.Errorf("%s: ready %v, noticed %q", h.addr, h.Ready(), h.notices)
		}
	}
	r.check(t, 20)
	r.tryAll(t, "of two", 10)
}

// TestRestartWithTheClockSetBack: a host restarts immediately, at the same address, with a clock that has been set
// back: its members' incarnations must not count as superseded forever.
func TestRestartWithTheClockSetBack(t *testing.T) {
	for _, back := range []time.Duration{20 * time.Second, 55 * time.Second} {
		r := settledRing(t, plan{hosts: 5, replicas: 3})
		r.fill(t, 30)
		r.skew["h6:7000"] = back
		h := r.add()
		r.settle(t)
		r.crash(h)
		r.skew["h6:7000"] = 0
		r.addAt("h6:7000", 0)
		if !r.w.RunUntil(offLimit, 10*time.Millisecond, r.settled) {
			t.Errorf("set back by %v: not in order: %s", back, r)
		}
		r.check(t, 30)
	}
}
