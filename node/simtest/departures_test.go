package simtest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"chordconductor/node/kv"
	"chordconductor/node/member"
)

var departureSeeds = flag.Int("departures", defaultSeeds, "random departures to run")

// A departurePlan is a set of hosts, some of which are ended by a signal, at about the same time.
type departurePlan struct {
	seed       uint64
	successors int
	replicas   int
	virtual    []int           // members, by host
	signals    []time.Duration // when a host gets the signal; negative: never
	crashes    []time.Duration // the same for hosts that crash: fewer than replicas, and none that gets a signal
	keys       int
	value      int   // bytes of a value
	delay      delay // of messages
}

func (p departurePlan) String() string {
	return fmt.Sprintf("seed %d: r=%d R=%d, members %v, signalled at %v, crashing at %v, %d keys of %d bytes",
		p.seed, p.successors, p.replicas, p.virtual, p.signals, p.crashes, p.keys, p.value)
}

// never is the instant of a host that gets no signal.
const never = -time.Second

// seen is the case observed first: 8 of 9 hosts with two members each, which leave at the same time.
func seen(hosts, stay int, spread time.Duration) departurePlan {
	p := departurePlan{successors: 8, replicas: 1, keys: 100, value: 64}
	for i := range hosts {
		p.virtual, p.crashes = append(p.virtual, 2), append(p.crashes, never)
		at := never
		if i >= stay {
			at = spread * time.Duration(i) / time.Duration(hosts)
		}
		p.signals = append(p.signals, at)
	}
	return p
}

// drawDepartures draws any subset of hosts of unequal size that end at random instants, while some others crash.
func drawDepartures(seed uint64) departurePlan {
	r := rand.New(rand.NewPCG(seed, 11))
	p := departurePlan{
		seed: seed, successors: 2 + r.IntN(7), replicas: 1 + r.IntN(3), keys: 20 + r.IntN(100), value: 1 << r.IntN(13),
	}
	hosts := 1 + r.IntN(10)
	spread := []time.Duration{0, 100 * time.Millisecond, 2 * time.Second}[r.IntN(3)]
	leavers := 1 + r.IntN(100)
	dead := 0
	for range hosts {
		at, crash := never, never
		switch {
		case r.IntN(100) < leavers:
			at = time.Duration(r.Int64N(int64(spread) + 1))
		case dead < p.replicas-1 && r.IntN(3) == 0:
			crash = time.Duration(r.Int64N(int64(spread + 300*time.Millisecond)))
			dead++
		}
		p.virtual = append(p.virtual, 1+r.IntN(1+r.IntN(8)))
		p.signals, p.crashes = append(p.signals, at), append(p.crashes, crash)
	}
	return p
}

// ended is the outcome of a host that got a signal.
type ended struct {
	host *host
	took time.Duration // since its signal
	at   time.Duration // since the first signal
	member.Ending
	err error
}

// form makes the plan's ring, in order and with its keys on as many hosts as they should be.
func (p departurePlan) form(t *testing.T) *ring {
	t.Helper()
	r := newRing(p.seed+1, plan{bits: 32, successors: p.successors, replicas: p.replicas, keys: p.keys, delay: p.delay})
	t.Cleanup(r.w.Close)
	for i, virtual := range p.virtual {
		r.plan.virtual = virtual
		r.addAt(fmt.Sprintf("d%d:7000", i), 0)
	}
	r.settle(t)
	r.on(t, r.hosts[0], func(ctx context.Context, k *kv.Keeper) {
		for n := range p.keys {
			if _, err := k.Put(ctx, keyName(n), p.valueOf(n), 0); err != nil {
				t.Errorf("put of key %d: %v", n, err)
			}
		}
	})
	r.w.Run(repairTime)
	return r
}

func (p departurePlan) valueOf(n int) []byte {
	return []byte(strings.Repeat(fmt.Sprintf("%d.", n), p.value/4+1))
}

// end ends a host, as a signal does.
func (r *ring) end(h *host, done func(ending member.Ending, err error)) {
	h.leaving = true
	if err := h.layer.Go(context.Background(), func(ctx context.Context) {
		ending, err := h.End(ctx)
		if err != nil {
			h.Crash()
		}
		r.hosts = slices.DeleteFunc(r.hosts, func(other *host) bool { return other == h })
		r.log.end(h.addr)
		r.w.At(0, h.sim.Exit)
		done(ending, err)
	}); err != nil {
		panic(err)
	}
}

// run lets the hosts end and crash, and returns the outcomes of those that got a signal.
func (p departurePlan) run(t *testing.T, r *ring) []ended {
	t.Helper()
	all := slices.Clone(r.hosts)
	begin := r.w.Elapsed()
	var list []ended
	signalled := 0
	for i, h := range all {
		if p.crashes[i] >= 0 {
			r.w.At(p.crashes[i], func() { r.crash(h) })
		}
		if p.signals[i] < 0 {
			continue
		}
		signalled++
		r.w.At(p.signals[i], func() {
			since := r.w.Elapsed()
			r.end(h, func(ending member.Ending, err error) {
				list = append(list, ended{h, r.w.Elapsed() - since, r.w.Elapsed() - begin, ending, err})
			})
		})
	}
	if !r.w.RunUntil(5*time.Minute, time.Millisecond, func() bool { return len(list) == signalled }) {
		t.Fatalf("%v: %d of %d hosts have ended: %s", p, len(list), signalled, r)
	}
	if rest := begin + slices.Max(p.crashes) + time.Millisecond - r.w.Elapsed(); rest > 0 {
		r.w.Run(rest)
	}
	return list
}

// verify requires that nothing is lost while a host stays, and that all hosts end soon when none does.
func (p departurePlan) verify(t *testing.T, r *ring, list []ended) {
	t.Helper()
	crashed := slices.ContainsFunc(p.crashes, func(at time.Duration) bool { return at >= 0 })
	var keys int64
	for _, e := range list {
		keys += e.Keys
		if e.err != nil {
			t.Errorf("%v: %s: %v", p, e.host.addr, e.err)
		}
		limit := slices.Max(p.signals) + 3*time.Second
		if crashed {
			limit = max(limit, slices.Max(p.crashes)+20*time.Second) // it must be detected as dead first, by one call after the other
		}
		if len(r.hosts) == 0 && e.at > limit {
			t.Errorf("%v: %s ended after %v, want %v at most", p, e.host.addr, e.at, limit)
		}
	}
	if len(r.hosts) == 0 {
		if !crashed && !slices.ContainsFunc(list, func(e ended) bool { return e.Ring }) {
			t.Errorf("%v: of a ring that has ended no host reported the end", p)
		}
		// With more than one replica, a host that ends a moment later may have inherited what it held for one that
		// ended before.
		if n := int64(p.keys); !crashed && (keys < n || p.replicas == 1 && keys > n) {
			t.Errorf("%v: %d keys were reported as ended", p, keys)
		}
		return
	}
	if i := slices.IndexFunc(list, func(e ended) bool { return e.Ring }); !crashed && i >= 0 {
		t.Errorf("%v: %s reported the end of the ring though %d hosts stay", p, list[i].host.addr, len(r.hosts))
	}
	if !crashed && keys != 0 {
		t.Errorf("%v: %d keys were reported as ended though %d hosts stay", p, keys, len(r.hosts))
	}
	if !r.w.RunUntil(settleTime, 100*time.Millisecond, r.settled) {
		t.Fatalf("%v: not in order: %s", p, r)
	}
	r.on(t, r.hosts[len(r.hosts)-1], func(ctx context.Context, k *kv.Keeper) {
		lost := 0
		var first error
		for n := range p.keys {
			if got, err := k.Get(ctx, keyName(n)); err != nil || string(got.Value) != string(p.valueOf(n)) {
				lost++
				first = errors.Join(first, err)
			}
		}
		if lost > 0 {
			t.Errorf("%v: %d keys lost: %.200v", p, lost, first)
		}
	})
}

// TestDepartures runs the observed cases, then random departures.
func TestDepartures(t *testing.T) {
	plans := []departurePlan{
		seen(9, 1, 0), seen(9, 1, 100*time.Millisecond), seen(9, 1, 2*time.Second),
		seen(3, 0, 0), seen(3, 0, 100*time.Millisecond), seen(3, 0, 2*time.Second), seen(3, 1, 2*time.Second),
		seen(1, 0, 0), seen(2, 1, 0), seen(9, 0, 0),
	}
	for n := range *departureSeeds {
		plans = append(plans, drawDepartures(uint64(n)+1))
	}
	if *seed != 0 {
		plans = []departurePlan{drawDepartures(*seed)}
	}
	var longest ended
	for _, p := range plans {
		r := p.form(t)
		list := p.run(t, r)
		p.verify(t, r, list)
		r.w.Close()
		for _, e := range list {
			if e.took > longest.took {
				longest = e
			}
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d departures: the longest leave took %v", len(plans), longest.took)
}

// together lists the rings of TestDeparturesTakeNoLongerTogether: the members of each host, of which the first stays.
var together = map[string][]int{
	"8 of 9":            {2, 2, 2, 2, 2, 2, 2, 2, 2},
	"15 of 16":          {2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2},
	"3 of 4":            {2, 2, 2, 2},
	"8 of 9, one each":  {1, 1, 1, 1, 1, 1, 1, 1, 1},
	"8 of 9 of 1 to 16": {1, 16, 4, 1, 8, 2, 1, 3, 1},
}

// TestDeparturesTakeNoLongerTogether: hosts that leave at the same time take at most twice the time that the slowest of
// them takes to leave alone. All messages take 2 ms, so that the numbers of round trips are compared.
func TestDeparturesTakeNoLongerTogether(t *testing.T) {
	for name, virtual := range together {
		for _, replicas := range []int{1, 2, 3} {
			if replicas > 1 && len(virtual) > 4 && name != "8 of 9" {
				continue // the same rings in the same steps, and much slower to try
			}
			longest := func(leaves func(i int) bool) (longest time.Duration) {
				p := departurePlan{
					seed: 1, successors: 8, replicas: replicas, virtual: virtual, keys: 100, value: 1 << 10,
					delay: delay{kind: "fixed", a: 2 * time.Millisecond},
				}
				for i := range virtual {
					at := never
					if leaves(i) {
						at = 0
					}
					p.signals, p.crashes = append(p.signals, at), append(p.crashes, never)
				}
				r := p.form(t)
				defer r.w.Close()
				for _, e := range p.run(t, r) {
					if longest = max(longest, e.took); e.err != nil {
						t.Errorf("%v: %v", p, e.err)
					}
				}
				return longest
			}
			var one time.Duration
			for alone := 1; alone < len(virtual) && (alone == 1 || replicas > 1); alone++ { // with R=1 all take the same
				one = max(one, longest(func(i int) bool { return i == alone }))
			}
			all := longest(func(i int) bool { return i > 0 })
			t.Logf("%s, R=%d: one host leaves in %v, all but one in %v", name, replicas, one, all)
			if all > 2*one {
				t.Errorf("%s, R=%d: one host leaves in %v, all but one take %v", name, replicas, one, all)
			}
		}
	}
}

// TestASilentHostCancelsALastCall: a host is silent while all others find that they all leave, then answers that it
// stays: it receives their keys.
func TestASilentHostCancelsALastCall(t *testing.T) {
	p := seen(4, 1, 0)
	for _, silence := range []time.Duration{200 * time.Millisecond, time.Second, 1600 * time.Millisecond} {
		p.seed = uint64(silence)
		r := p.form(t)
		r.hosts[0].layer.Pause()
		r.w.At(silence, r.hosts[0].layer.Resume)
		p.verify(t, r, p.run(t, r))
	}
}

// TestLeaveWithoutRoom: where the remaining hosts lack memory, the leave of all members of a host is refused before it
// begins, and nothing is lost.
func TestLeaveWithoutRoom(t *testing.T) {
	for _, virtual := range []int{1, 3} {
		r := newRing(1, plan{bits: 32, successors: 6, replicas: 1, virtual: virtual})
		t.Cleanup(r.w.Close)
		r.addAt("large:7000", 0)
		r.addAt("small:7000", 20<<10)
		r.settle(t)
		value := make([]byte, 4<<10)
		var stored [][]byte
		r.on(t, r.hosts[0], func(ctx context.Context, k *kv.Keeper) {
			for n := range 40 {
				if _, err := k.Put(ctx, keyName(n), value, 0); err == nil {
					stored = append(stored, keyName(n))
				}
			}
		})
		before := r.log.events
		r.on(t, r.hosts[0], func(ctx context.Context, _ *kv.Keeper) {
			if _, err := r.hosts[0].Leave(ctx); !errors.Is(err, kv.ErrNoRoom) {
				t.Errorf("%d members: leave: %v", virtual, err)
			} else if n := strings.Count(err.Error(), kv.ErrNoRoom.Error()); n != 1 || strings.Contains(err.Error(), "\n") || virtual > 1 && !strings.Contains(err.Error(), " of 3 members: ") {
				t.Errorf("%d members: not one line with their number and the reason: %v", virtual, err)
			}
		})
		if n := len(r.hosts[0].Members()); n != virtual {
			t.Errorf("%d of %d members are left", n, virtual)
		}
		t.Logf("%d members, %d keys: %d events meanwhile", virtual, len(stored), r.log.events-before)
		r.settle(t)
		r.on(t, r.hosts[1], func(ctx context.Context, k *kv.Keeper) {
			for _, key := range stored {
				if _, err := k.Get(ctx, key); err != nil {
					t.Errorf("get of %s: %v", key, err)
				}
			}
		})
	}
}
