package simtest

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/kv"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

var (
	hostSeeds = flag.Int("host-seeds", several(6), "rings of unequal hosts to run, the known instances first")
	hostSeed  = flag.Uint64("host-seed", 0, "the only such ring to run")
)

// formTime bounds the time in which a ring of many members forms. docs/promises.md has no promise about it.
const formTime = 5 * time.Minute

// A hostPlan is a ring of hosts with any numbers of virtual nodes, and the changes of its hosts.
type hostPlan struct {
	plan
	first  []int // virtual nodes of the hosts at the start
	events []hostEvent
}

// A hostEvent follows the previous one after a pause. Hosts join, with the listed numbers of virtual nodes; or hosts
// crash, in circle order or not; or a host is replaced by another.
type hostEvent struct {
	after   time.Duration
	join    []int
	crash   int
	apart   bool // the crashing hosts are not neighbours
	replace int  // by a host of as many virtual nodes; 0: none
	host    int
}

func (p hostPlan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "m=%d r=%d R=%d, %d keys, hosts of %v members", p.bits, p.successors, p.replicas, p.keys, p.first)
	for _, e := range p.events {
		fmt.Fprintf(&b, "; after %v ", e.after)
		switch {
		case len(e.join) > 0:
			fmt.Fprintf(&b, "hosts of %v join", e.join)
		case e.replace > 0:
			fmt.Fprintf(&b, "host %d is replaced by one of %d", e.host, e.replace)
		default:
			fmt.Fprintf(&b, "%d hosts crash (apart: %v), from %d on", e.crash, e.apart, e.host)
		}
	}
	return b.String()
}

// hostInstances lists rings that showed the fault once: replicas on too few hosts, permanently.
var hostInstances = []hostPlan{
	{plan{bits: 160, successors: 8, replicas: 3, keys: 300}, []int{32, 32}, []hostEvent{{after: 30 * time.Second, join: []int{4}}}},
	{plan{bits: 160, successors: 8, replicas: 3, keys: 300}, []int{16, 16}, []hostEvent{{after: 30 * time.Second, join: []int{16}}}},
	{plan{bits: 32, successors: 2, replicas: 5, keys: 200}, []int{1, 1, 1, 1, 1, 1, 1, 1}, []hostEvent{{after: time.Minute, crash: 1, host: 3}}},
	{plan{bits: 160, successors: 8, replicas: 3, keys: 200}, []int{24, 24, 2}, []hostEvent{{after: time.Minute, replace: 3, host: 2}}},
}

// randomHosts draws a ring and up to four changes at which it must lose nothing: at most R-1 hosts crash at a time,
// with a repair time in between.
func randomHosts(seed uint64) hostPlan {
	r := rand.New(rand.NewPCG(seed, 2))
	virtual := func() int { // small, medium and large hosts, usually unequal
		return 1 + r.IntN([]int{1, 4, 16, 64}[r.IntN(4)])
	}
	p := hostPlan{plan: plan{bits: []int{32, 160}[r.IntN(2)], successors: 2 + r.IntN(15), replicas: 1 + r.IntN(5), keys: 60 + r.IntN(140)}}
	const most = 140 // members at a time: a bound on the cost of a run, not on the promise
	total := 0
	for range 1 + r.IntN(8) {
		v := min(virtual(), most-total-10)
		p.first = append(p.first, max(v, 1))
		total += v
	}
	hosts := len(p.first)
	for range 1 + r.IntN(4) {
		e := hostEvent{after: time.Duration(r.IntN(60)) * time.Second, host: r.IntN(100)}
		switch n := r.IntN(4); {
		case n < 2 && hosts < 12:
			for range 1 + r.IntN(3) {
				v := max(min(virtual(), most-total), 1)
				e.join = append(e.join, v)
				total += v
			}
			hosts += len(e.join)
		case n == 2 && p.replicas > 1 && hosts > 1:
			e.after += convergence
			e.replace = max(min(virtual(), most-total), 1)
			total += e.replace
		case p.replicas > 1 && hosts > p.replicas:
			e.after += convergence
			e.crash, e.apart = 1+r.IntN(p.replicas-1), r.IntN(2) == 0
			hosts -= e.crash
		default:
			continue
		}
		p.events = append(p.events, e)
	}
	return p
}

// TestReplicasOnDistinctHosts: T after any sequence of joins, crashes and replacements of hosts, every key is on as
// many distinct hosts as R and the number of hosts allow, and every owner's preference list is right.
func TestReplicasOnDistinctHosts(t *testing.T) {
	var worst time.Duration
	n := 0
	one := func(seed uint64, p hostPlan) {
		took, err := runHosts(seed, p)
		if err != nil {
			t.Errorf("seed %d: %v: %v", seed, p, err)
		}
		t.Logf("seed %d: %v: %v", seed, p, took)
		n, worst = n+1, max(worst, took)
	}
	if *hostSeed != 0 {
		one(*hostSeed, randomHosts(*hostSeed))
		return
	}
	for i, p := range hostInstances {
		if i < *hostSeeds {
			one(0, p)
		}
	}
	for seed := 1; seed <= *hostSeeds-len(hostInstances); seed++ {
		one(uint64(seed), randomHosts(uint64(seed)))
	}
	t.Logf("%d rings, worst %v after the last change", n, worst)
}

// runHosts runs a plan and returns the time after the last change until the promise held.
func runHosts(seed uint64, p hostPlan) (took time.Duration, err error) {
	r := newRing(seed, p.plan)
	defer r.w.Close()
	join := func(virtual int) {
		r.plan.virtual = virtual
		r.add()
	}
	for _, v := range p.first {
		join(v)
	}
	if !r.w.RunUntil(formTime, 100*time.Millisecond, r.settled) {
		return 0, fmt.Errorf("the first %d hosts do not form a ring", len(p.first))
	}
	filled := false
	client := r.hosts[0]
	_ = client.layer.Go(context.Background(), func(ctx context.Context) {
		for n := range p.keys {
			if _, e := client.keeper(0).Put(ctx, keyName(n), valueOf(n), 0); e != nil {
				err = fmt.Errorf("put of key %d: %w", n, e)
			}
		}
		filled = true
	})
	if !r.w.RunUntil(10*time.Minute, 100*time.Millisecond, func() bool { return filled }) || err != nil {
		return 0, fmt.Errorf("the puts do not end: %w", err)
	}
	for _, e := range p.events {
		r.w.Run(e.after)
		switch {
		case len(e.join) > 0:
			for _, v := range e.join {
				join(v)
			}
		case e.replace > 0:
			r.crash(r.pick(e.host))
			join(e.replace)
		default:
			for _, h := range r.some(e) {
				r.crash(h)
			}
		}
		// A member has joined when it is active.
		if !r.w.RunUntil(formTime, 100*time.Millisecond, r.allActive) {
			return 0, fmt.Errorf("not all members become active: %s", r)
		}
	}
	changed := r.w.Elapsed()
	var wrong string
	good := func() bool {
		if !r.settled() {
			wrong = "not in order: " + r.String()
			return false
		}
		wrong = r.shortOfHosts(p.keys)
		return wrong == ""
	}
	if !r.w.RunUntil(convergence, 250*time.Millisecond, good) {
		return convergence, fmt.Errorf("%v after the last change %s", convergence, wrong)
	}
	took = r.w.Elapsed() - changed
	r.w.Run(2 * time.Minute)
	if !good() {
		return took, fmt.Errorf("as promised, but 2 min later %s", wrong)
	}
	return took, nil
}

// some picks the hosts that crash.
func (r *ring) some(e hostEvent) []*host {
	from := r.pick(e.host)
	if !e.apart {
		return r.adjacent(from, e.crash)
	}
	all := r.adjacent(from, len(r.hosts))
	var list []*host
	for i := 0; i < len(all) && len(list) < e.crash; i += 2 {
		list = append(list, all[i])
	}
	return list
}

// allActive reports whether every member is active on the ring.
func (r *ring) allActive() bool {
	for _, h := range r.hosts {
		for _, m := range h.Members() {
			if m.Status() != chordevent.StatusActive {
				return false
			}
		}
	}
	return true
}

// shortOfHosts describes the keys that are on too few hosts, or the owners that report so, or know too few hosts.
func (r *ring) shortOfHosts(keys int) string {
	want := min(r.plan.replicas, len(r.hosts))
	on := make([]int, keys)
	names := make([][]byte, keys)
	for n := range keys {
		names[n] = keyName(n)
	}
	for _, h := range r.hosts {
		holds := map[string]bool{}
		for _, m := range h.Members() {
			for rest := names; len(rest) > 0; {
				a, err := keeperOf(m).Fetch(context.Background(), &nodepb.FetchRequest{Keys: rest[:min(len(rest), 256)]})
				if err != nil {
					panic(err)
				}
				for _, rec := range a.Records {
					holds[string(rec.Key)] = true
				}
				rest = rest[a.Answered:]
			}
			l := keeperOf(m).Load()
			if l.KnownHosts < int64(want) || l.OwnedKeys > 0 && l.FullReplicas < int64(want) || want == r.plan.replicas && l.UnderReplicated > 0 {
				return fmt.Sprintf("%s counts %+v on %d hosts", h.Space().Format(m.Self().ID), l, len(r.hosts))
			}
		}
		for n := range on {
			if holds[string(names[n])] {
				on[n]++
			}
		}
	}
	if low := slices.IndexFunc(on, func(hosts int) bool { return hosts < want }); low >= 0 {
		return fmt.Sprintf("key %d is on %d hosts, want %d", low, on[low], want)
	}
	return ""
}

// TestReplicasAreTheFirstHosts compares every member's host list with the hosts that follow it on the circle.
func TestReplicasAreTheFirstHosts(t *testing.T) {
	for seed := range uint64(several(3)) {
		p := randomHosts(100 + seed)
		r := newRing(seed, p.plan)
		for _, v := range p.first {
			r.plan.virtual = v
			r.add()
		}
		right := func() bool {
			var all []chord.Peer
			for _, h := range r.hosts {
				for _, m := range h.Members() {
					all = append(all, m.Self())
				}
			}
			slices.SortFunc(all, func(a, b chord.Peer) int { return a.ID.Compare(b.ID) })
			for _, h := range r.hosts {
				for _, m := range h.Members() {
					at := slices.Index(all, m.Self())
					beyond := slices.Concat(all[at+1:], all[:at])
					want := chord.Hosts(nil, m.Self(), kv.HostListLen(p.replicas), beyond)
					if !slices.Equal(m.Hosts(), want) {
						return false
					}
				}
			}
			return true
		}
		if !r.w.RunUntil(formTime, 250*time.Millisecond, func() bool { return r.settled() && right() }) {
			t.Errorf("hosts of %v members: the host lists stay wrong", p.first)
		}
		r.w.Close()
	}
}
