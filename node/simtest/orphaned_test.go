package simtest

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/kv"
	"chordconductor/node/member"
	"chordconductor/otel/chordevent"
)

var (
	orphanSeeds = flag.Int("orphan-seeds", several(60), "rings to run whose owners all crash, the known instances first")
	orphanSeed  = flag.Uint64("orphan-seed", 0, "the only such ring to run")
)

// An orphanPlan is a ring that hosts join while all its owners crash.
type orphanPlan struct {
	plan
	owners []int           // virtual nodes of the hosts that own all ranges
	joins  []int           // and of those that join
	at     []time.Duration // when, after the first of them
	deaths []time.Duration // of the owners, after the first join
	all    bool            // every host that owns a range when the last of the owners crashes, crashes with it
}

func (p orphanPlan) String() string {
	return fmt.Sprintf("m=%d r=%d R=%d, owners of %v members crash after %v (all owners: %v), hosts of %v join after %v", p.bits, p.successors, p.replicas, p.owners, p.deaths, p.all, p.joins, p.at)
}

func randomOrphans(seed uint64) orphanPlan {
	r := rand.New(rand.NewPCG(seed, 3))
	span := time.Duration([]int{50, 200, 1000, 4000}[r.IntN(4)]) * time.Millisecond
	instant := func() time.Duration { return time.Duration(r.Int64N(int64(span))) }
	virtual := func() int { return 1 + r.IntN([]int{1, 3, 12}[r.IntN(3)]) }
	p := orphanPlan{plan: plan{bits: []int{32, 160}[r.IntN(2)], successors: 2 + r.IntN(8), replicas: 1 + r.IntN(3), keys: 1 + r.IntN(60)}, all: r.IntN(3) == 0}
	together := instant()
	for range 1 + r.IntN(3) {
		p.owners = append(p.owners, virtual())
		if death := instant(); r.IntN(2) == 0 {
			p.deaths = append(p.deaths, death)
		} else {
			p.deaths = append(p.deaths, together)
		}
	}
	for range 1 + r.IntN(5) {
		p.joins = append(p.joins, virtual())
		p.at = append(p.at, instant()/2)
	}
	p.at[0] = 0
	slices.Sort(p.at)
	return p
}

// orphanInstances lists rings that showed the fault once: two hosts join, the owners crash 20 to 40 ms later, and the
// ring is ideal, but no member owns it, permanently.
func orphanInstances() (list []orphanPlan) {
	for _, owners := range []int{1, 2} {
		for _, after := range []time.Duration{20, 40, 60, 100} {
			p := orphanPlan{plan: plan{bits: 160, successors: 4, replicas: 2, keys: 30}, joins: []int{1, 1}, at: []time.Duration{0, 0}}
			for range owners {
				p.owners, p.deaths = append(p.owners, 1), append(p.deaths, after*time.Millisecond)
			}
			list = append(list, p)
		}
	}
	return list
}

// TestOwnersDieDuringJoins: while one active member is alive, T later every range has exactly one owner.
func TestOwnersDieDuringJoins(t *testing.T) {
	if *orphanSeed != 0 {
		took, err := runOrphans(*orphanSeed, randomOrphans(*orphanSeed))
		t.Logf("%v: %v", randomOrphans(*orphanSeed), took)
		if err != nil {
			t.Error(err)
		}
		return
	}
	var worst time.Duration
	none := 0
	instances := orphanInstances()
	for seed := range *orphanSeeds {
		var p orphanPlan
		if seed < len(instances) {
			p = instances[seed]
		} else {
			p = randomOrphans(uint64(seed))
		}
		took, err := runOrphans(uint64(seed), p)
		if err != nil {
			t.Errorf("seed %d: %v: %v", seed, p, err)
		}
		if took < 0 {
			none++
		}
		worst = max(worst, took)
	}
	t.Logf("%d rings, worst %v after the last owner's crash; in %d no active member was left", *orphanSeeds, worst, none)
}

// runOrphans runs a plan and returns the time after the last crash until every range had one owner; below 0 if no
// active member was left.
func runOrphans(seed uint64, p orphanPlan) (time.Duration, error) {
	r := newRing(seed, p.plan)
	defer r.w.Close()
	for _, v := range p.owners {
		r.plan.virtual = v
		r.add()
	}
	if !r.w.RunUntil(formTime, 100*time.Millisecond, r.settled) {
		return 0, fmt.Errorf("the owners do not form a ring")
	}
	owners := slices.Clone(r.hosts)
	filled := false
	_ = owners[0].layer.Go(context.Background(), func(ctx context.Context) {
		for n := range p.keys {
			_, _ = owners[0].keeper(0).Put(ctx, keyName(n), valueOf(n), 0)
		}
		filled = true
	})
	if !r.w.RunUntil(10*time.Minute, 100*time.Millisecond, func() bool { return filled }) {
		return 0, fmt.Errorf("the puts do not end")
	}
	last := time.Duration(0)
	for i, v := range p.joins {
		r.w.At(p.at[i], func() {
			r.plan.virtual = v
			r.add()
		})
		last = max(last, p.at[i])
	}
	for i, h := range owners {
		r.w.At(p.deaths[i], func() { r.crash(h) })
		last = max(last, p.deaths[i])
	}
	r.w.Run(last)
	if p.all {
		for _, h := range slices.Clone(r.hosts) {
			if slices.ContainsFunc(h.Members(), func(m *member.Member) bool { return keeperOf(m).Ownership().Owns }) {
				r.crash(h)
			}
		}
	}
	crashed := r.w.Elapsed()
	r.w.Run(20 * time.Millisecond) // answers under way, by which a joiner becomes active, arrive
	active := func() bool { return len(r.onRing()) > 0 }
	if !active() {
		r.w.Run(convergence)
		if active() {
			return -1, fmt.Errorf("no active member was left, and %d joiners formed a ring by themselves: %s", len(r.onRing()), r)
		}
		return -1, nil
	}
	if !r.w.RunUntil(convergence, 250*time.Millisecond, r.ownedOnce) {
		return convergence, fmt.Errorf("%v after the last crash not every range has one owner: %s", convergence, r)
	}
	took := r.w.Elapsed() - crashed
	r.w.Run(time.Minute)
	if !r.ownedOnce() {
		return took, fmt.Errorf("in order, and a minute later not any more: %s", r)
	}
	var err error
	done := false
	h := r.hosts[slices.IndexFunc(r.hosts, func(h *host) bool { return h.keeper(0) != nil })]
	_ = h.layer.Go(context.Background(), func(ctx context.Context) {
		_, err = h.keeper(0).Put(ctx, []byte("x"), []byte("y"), 0)
		done = true
	})
	if !r.w.RunUntil(time.Minute, 10*time.Millisecond, func() bool { return done }) || err != nil {
		return took, fmt.Errorf("put afterwards: %v", err)
	}
	return took, nil
}

// onRing lists the active members.
func (r *ring) onRing() (list []*member.Member) {
	for _, h := range r.hosts {
		for _, m := range h.Members() {
			if m.Status() == chordevent.StatusActive {
				list = append(list, m)
			}
		}
	}
	return list
}

// ownedOnce reports whether the active members are one ideal ring, in which each owns exactly the range between its
// predecessor and itself. Joiners that can reach no member are ignored.
func (r *ring) ownedOnce() bool {
	list := r.onRing()
	slices.SortFunc(list, func(a, b *member.Member) int { return a.Self().ID.Compare(b.Self().ID) })
	var states []chord.State
	for i, m := range list {
		states = append(states, m.State())
		own := keeperOf(m).Ownership()
		if before := list[(i+len(list)-1)%len(list)].Self().ID; !own.Owns || own.From != before {
			return false
		}
	}
	g := chord.Observe(states)
	return g.Ideal(r.hosts[0].Space())
}

// TestLastMemberOwnsTheWholeCircle: the last active member of a ring becomes the owner of the whole circle.
func TestLastMemberOwnsTheWholeCircle(t *testing.T) {
	r := settledRing(t, plan{hosts: 2, replicas: 1})
	r.fill(t, 20)
	r.crash(r.hosts[0])
	if !r.w.RunUntil(convergence, 100*time.Millisecond, r.settled) {
		t.Errorf("not in order: %s", r)
	}
	r.on(t, r.hosts[0], func(ctx context.Context, k *kv.Keeper) {
		if _, err := k.Put(ctx, []byte("x"), []byte("y"), 0); err != nil {
			t.Error(err)
		}
	})
}
