package simtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/env/faults"
	"chordconductor/node/kv"
	"chordconductor/node/member"
)

// separateBy partitions hosts that are on different sides.
func (r *ring) separateBy(side func(*host) int) {
	for _, h := range r.hosts {
		rules := r.weather()
		for _, other := range r.hosts {
			if side(h) != side(other) {
				rules = append(rules, faults.Rule{Address: other.addr, Cut: true})
			}
		}
		if err := h.layer.Set(rules); err != nil {
			panic(err)
		}
	}
}

// TestTwoMembersWithOneIdentifier: while a ring is partitioned, a member joins each part, both with one identifier.
// When the partition has healed the earlier one joins again under another identifier, and no get misses a write that
// either part has acknowledged, at one replica of each key.
func TestTwoMembersWithOneIdentifier(t *testing.T) {
	for seed := range uint64(several(10)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			hosts := 4 + rnd.IntN(5)
			r := newRing(seed, plan{bits: 32, successors: 4 + rnd.IntN(4), replicas: 1 + rnd.IntN(3), virtual: 1 + rnd.IntN(2), keys: 80})
			t.Cleanup(r.w.Close)
			for range hosts {
				r.add()
			}
			r.settle(t)
			here := make(map[string]bool)
			for i, h := range r.hosts {
				here[h.addr] = i < hosts/2
			}
			r.addAt("late1:7000", 0, testSpace(32).FromUint64(uint64(rnd.Uint32())))
			id := r.byAddr("late1:7000").Members()[0].Self().ID
			r.crash(r.byAddr("late1:7000")) // only to have drawn an identifier
			side := func(h *host) int {
				if here[h.addr] {
					return 0
				}
				return 1
			}
			r.settle(t)
			r.separateBy(side)
			r.w.Run(10 * time.Second)
			here["first:7000"] = true
			join := func(addr string) {
				r.addAt(addr, 0, id)
				r.separateBy(side)
				h := r.byAddr(addr)
				if !r.w.RunUntil(time.Minute, 10*time.Millisecond, func() bool { return h.keeper(0) != nil && keeperOf(h.Member(id)).Ownership().Owns }) {
					t.Fatalf("%s does not join its part: %v", addr, h.failed)
				}
			}
			join("first:7000")
			r.w.Run(time.Duration(rnd.IntN(5)) * time.Second)
			join("second:7000")
			for i, addr := range []string{"first:7000", "second:7000"} {
				r.on(t, r.byAddr(addr), func(ctx context.Context, k *kv.Keeper) {
					for n := range 40 {
						if _, err := k.Put(ctx, keyName(40*i+n), valueOf(40*i+n), 0); err != nil {
							t.Errorf("put of key %d on one side: %v", 40*i+n, err)
						}
					}
				})
			}
			r.heal()
			first, second := r.byAddr("first:7000"), r.byAddr("second:7000")
			unique := func() bool {
				return r.settled() && first.Member(id) == nil && len(first.Members()) == 1 && second.Member(id) != nil
			}
			if !r.w.RunUntil(settleTime, 10*time.Millisecond, unique) {
				t.Fatalf("two members still have identifier %s, or none: %q, %q%s", second.Space().Format(id), first.notices, second.notices, r)
			}
			if len(first.notices) != 1 || !strings.Contains(first.notices[0], second.addr) || len(second.notices) > 0 {
				t.Errorf("noticed %q, %q", first.notices, second.notices)
			}
			r.w.Run(time.Minute)
			r.check(t, 80)
		})
	}
}

// TestCrowdedCircle: on a small circle, where most identifiers are taken, every host joins under one that is free, up
// to the last one. A host for which none is left ends its member and reports it.
func TestCrowdedCircle(t *testing.T) {
	for bits := chord.MinBits; bits <= 5; bits++ {
		points := 1 << bits
		r := newRing(uint64(bits), plan{bits: bits, successors: 3, replicas: 2, virtual: 1, keys: 20})
		t.Cleanup(r.w.Close)
		for range points {
			h := r.add()
			if !r.w.RunUntil(time.Minute, 10*time.Millisecond, h.Ready) {
				t.Fatalf("%d bits: host %d of %d does not join: %v", bits, r.made, points, h.failed)
			}
			r.settle(t)
		}
		r.fill(t, 20)
		r.check(t, 20)
		h := r.add()
		if !r.w.RunUntil(time.Minute, 10*time.Millisecond, func() bool { return len(h.Members()) == 0 }) {
			t.Fatalf("%d bits: a member without a free identifier does not end", bits)
		}
		if h.Ready() || !errors.Is(h.failed, member.ErrTaken) || !member.Lasting(h.failed) {
			t.Errorf("%d bits: ready %v, it ends with %v", bits, h.Ready(), h.failed)
		}
	}
}
