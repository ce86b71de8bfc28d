package simtest

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"google.golang.org/grpc"

	"chordconductor/node/env/faults"
	"chordconductor/node/kv"
	"chordconductor/node/nodepb"
)

// A trial is a ring, clients that write and read a few keys all the time, and the faults of its hosts meanwhile. The
// operations of each key must be linearizable: docs/protocol.md defines when.
type trial struct {
	hosts, virtual, replicas, keys int
	memory                         int64  // of each host; 0: no limit
	breaks                         uint64 // one of so many calls loses its connection; 0: none
	pace                           time.Duration
	length                         time.Duration
	events                         []happening
}

// A happening is an event of one host, or the start of one.
type happening struct {
	at   time.Duration
	what string
	host int
	long time.Duration // of a pause or a partition
	nth  int           // the number of the replica write that triggers it
}

const (
	crashAtCopy     = "crash as a first copy arrives"      // the owner has stored, and one replica may have
	crashAtStore    = "crash before a first copy is taken" // the owner has stored, and no replica
	crashHost       = "crash"
	joinHost        = "join"
	leaveHost       = "leave"
	pauseHost       = "pause"
	receivesNothing = "receives nothing from the others" // a one-way partition
	sendsNothing    = "sends nothing to the others"      // the other direction
)

func (s trial) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d hosts of %d members, R=%d, %d keys, memory %d, an operation every %v for %v\n",
		s.hosts, s.virtual, s.replicas, s.keys, s.memory, s.pace, s.length)
	for _, e := range s.events {
		fmt.Fprintf(&b, "  %v host %d: %s (%v, %d)\n", e.at, e.host, e.what, e.long, e.nth)
	}
	return b.String()
}

// crashes draws a trial without partitions or pauses: hosts join, leave and crash.
func crashes(seed uint64) trial {
	r := rand.New(rand.NewPCG(seed, 11))
	s := trial{
		hosts: 4 + r.IntN(4), virtual: 1 + r.IntN(3), replicas: 2 + r.IntN(2), keys: 1 + r.IntN(4),
		pace: time.Duration(5+r.IntN(40)) * time.Millisecond,
	}
	at := 5 * time.Second
	for range 2 + r.IntN(3) {
		e := happening{at: at, host: r.IntN(1000), nth: 1 + r.IntN(20)}
		e.what = []string{crashAtCopy, crashAtStore, crashAtStore, crashHost, joinHost, leaveHost}[r.IntN(6)]
		s.events = append(s.events, e)
		at += repairTime + time.Duration(r.IntN(5000))*time.Millisecond
	}
	s.length = at
	return s
}

// hindrances draws a trial in which live hosts are paused or partitioned in one direction.
func hindrances(seed uint64) trial {
	r := rand.New(rand.NewPCG(seed, 12))
	s := trial{
		hosts: 4 + r.IntN(4), virtual: 1 + r.IntN(2), replicas: 1 + r.IntN(3), keys: 1 + r.IntN(4),
		pace: time.Duration(5+r.IntN(40)) * time.Millisecond,
	}
	at := 5 * time.Second
	for range 1 + r.IntN(2) {
		e := happening{at: at, host: r.IntN(1000), what: []string{pauseHost, pauseHost, receivesNothing, sendsNothing}[r.IntN(4)]}
		e.long = time.Duration(200+r.IntN(8000)) * time.Millisecond
		s.events = append(s.events, e)
		at += e.long + 2*repairTime
	}
	s.length = at
	return s
}

// An entry is one operation of a client. An empty value is that of a key that does not exist.
type entry struct {
	key         int
	read        bool
	value       string
	begin, end  int64 // positions in the order of all begins and ends
	at          time.Duration
	unanswered  bool
	servedWhere string
	err         error
}

// A chronicle is all operations of a run.
type chronicle struct {
	r       *ring
	s       trial
	places  int64
	entries []*entry
	refused map[string]bool // values of refused writes: no read may ever return them
	writes  int
	waiting int // operations under way
	random  *rand.Rand
}

func (c *chronicle) place() int64 { c.places++; return c.places }

// maxWaiting bounds the operations under way: the check tries all their orders.
const maxWaiting = 8

// operate begins one operation on a random host.
func (c *chronicle) operate() {
	h := c.r.pick(c.random.IntN(1000))
	key, kind := c.random.IntN(c.s.keys), c.random.IntN(10)
	if h == nil || h.keeper(0) == nil || c.waiting == maxWaiting {
		return
	}
	c.waiting++
	e := &entry{key: key, read: kind < 5, at: c.r.w.Elapsed(), end: math.MaxInt64, unanswered: true}
	c.entries = append(c.entries, e)
	c.writes++
	put := fmt.Sprintf("%d of key %d", c.writes, key)
	err := h.layer.Go(context.Background(), func(ctx context.Context) {
		defer func() { c.waiting-- }()
		e.begin = c.place()
		var result kv.Result
		var err error
		switch k := h.keeper(0); {
		case k == nil:
			err = kv.ErrExhausted
		case e.read:
			result, err = k.Get(ctx, keyName(key))
			e.value = string(result.Value)
			if errors.Is(err, kv.ErrNotFound) {
				err = nil
			}
		case kind == 9:
			_, err = k.Delete(ctx, keyName(key))
		default:
			e.value = put
			_, err = k.Put(ctx, keyName(key), []byte(put), 0)
		}
		e.servedWhere, e.err = result.Owner.Addr, err
		switch {
		case errors.Is(err, kv.ErrExhausted): // it has not happened
			c.refused[e.value] = e.value != ""
			e.read = true
		case err == nil:
			e.end, e.unanswered = c.place(), false
		}
	})
	if err != nil {
		panic(err)
	}
}

// listen wraps the services of a host.
func (c *chronicle) listen(h *host, arrived func(q *nodepb.ReplicateRequest) (taken func())) {
	watch := func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		q, isCopy := request.(*nodepb.ReplicateRequest)
		if !isCopy {
			return next(ctx, request)
		}
		taken := arrived(q)
		a, err := next(ctx, request)
		taken()
		return a, err
	}
	h.sim.Serve(h, h, chained(watch, h.layer.Serve))
}

// play runs a trial, and returns the operations and the end of the last hindrance.
func play(seed uint64, s trial) (c *chronicle, over time.Duration, err error) {
	r := newRing(seed, plan{bits: 32, successors: 6, replicas: s.replicas, virtual: s.virtual, hosts: s.hosts, keys: s.keys})
	c = &chronicle{r: r, s: s, refused: map[string]bool{}, random: rand.New(rand.NewPCG(seed, 13))}
	waiting := 0 // number of first replica writes to wait for
	var crashOf string
	watch := func(h *host) {
		c.listen(h, func(q *nodepb.ReplicateRequest) func() {
			crash := func() {
				if i := slices.IndexFunc(r.hosts, func(h *host) bool { return h.addr == q.Call.From.Address }); i >= 0 && len(r.hosts) > s.replicas {
					r.crash(r.hosts[i])
				}
			}
			if waiting == 0 || len(q.Records) != 1 || q.Ownership == nil {
				return func() {}
			}
			if waiting--; waiting > 0 {
				return func() {}
			}
			if crashOf == crashAtCopy {
				return crash
			}
			// The request is on its way, and its receiver drops it.
			dead := q.Call.From.Address
			r.w.At(0, func() {
				if i := slices.IndexFunc(r.hosts, func(h *host) bool { return h.addr == dead }); i >= 0 && len(r.hosts) > s.replicas {
					r.crash(r.hosts[i])
				}
			})
			q.Records = nil
			return func() {}
		})
	}
	for n := range s.hosts {
		watch(r.addAt(fmt.Sprintf("h%d:7000", n+1), s.memory))
		r.made++
	}
	if !r.w.RunUntil(time.Minute, 100*time.Millisecond, r.settled) {
		return c, 0, fmt.Errorf("the first %d hosts do not form a ring", s.hosts)
	}
	r.log.suspected, r.breaks = nil, s.breaks
	begin := r.w.Elapsed()
	for at := time.Duration(0); at < s.length; at += s.pace {
		r.w.At(at, c.operate)
	}
	for _, e := range s.events {
		r.w.At(e.at, func() {
			h := r.pick(e.host)
			after := func(set func()) {
				r.w.At(e.long, set)
				over = max(over, r.w.Elapsed()+e.long)
			}
			set := func(h *host, rules ...faults.Rule) {
				if err := h.layer.Set(rules); err != nil {
					panic(err)
				}
			}
			switch e.what {
			case crashAtCopy, crashAtStore:
				waiting, crashOf = e.nth, e.what
			case crashHost:
				if len(r.hosts) > s.replicas {
					r.crash(h)
				}
			case joinHost:
				watch(r.add())
			case leaveHost:
				if len(r.hosts) > s.replicas {
					r.leave(h, nil)
				}
			case pauseHost:
				h.layer.Pause()
				after(h.layer.Resume)
			case sendsNothing:
				set(h, faults.Rule{Address: faults.All, Cut: true})
				after(func() { set(h) })
			case receivesNothing:
				for _, other := range r.hosts {
					if other != h {
						set(other, faults.Rule{Address: h.addr, Cut: true})
						after(func() { set(other) })
					}
				}
			}
		})
	}
	r.w.Run(begin + s.length + time.Minute - r.w.Elapsed())
	return c, over, nil
}

// register models one key of a store that does one operation at a time. Where a history begins in the middle, the key's
// value before the first operation is unknown.
func register(known bool) porcupine.Model {
	type state struct {
		known bool
		value string
	}
	return porcupine.Model{
		Init: func() any { return state{known, ""} },
		Step: func(s, input, output any) (bool, any) {
			e, was := input.(*entry), s.(state)
			if !e.read {
				return true, state{true, e.value}
			}
			return !was.known || was.value == e.value, state{true, e.value}
		},
	}
}

// verify checks the operations that began at a time or later, and that refused writes left no trace. Writes without an
// answer may have happened at any time since they began, or never; reads without an answer carry no information.
func (c *chronicle) verify(since time.Duration) error {
	for _, e := range c.entries {
		if e.read && !e.unanswered && c.refused[e.value] {
			return fmt.Errorf("%v: a get of key %d at %s returned %q, which had been refused", e.at, e.key, e.servedWhere, e.value)
		}
	}
	for key := range c.s.keys {
		list := historyOf(c.relevant(key, since))
		switch porcupine.CheckOperationsTimeout(register(since == 0), list, 20*time.Second) {
		case porcupine.Illegal:
			return fmt.Errorf("key %d: its %d operations since %v are not linearizable:\n%s", key, len(list), since, c.print(key, since))
		case porcupine.Unknown:
			return fmt.Errorf("key %d: %d operations take too long to check:\n%s", key, len(list), c.print(key, since))
		}
	}
	return nil
}

// relevant lists the operations that carry information. A write without an answer whose value no read has returned
// carries none: it may be the last of all. Leaving it out keeps the check short, which tries every position for such
// writes. A write that is under way when the period begins is part of it.
func (c *chronicle) relevant(key int, since time.Duration) (list []*entry) {
	seen, start := map[string]bool{}, int64(math.MaxInt64)
	for _, e := range c.entries {
		if e.at >= since {
			start = min(start, e.begin)
		}
		if e.key == key && e.read && !e.unanswered {
			seen[e.value] = true
		}
	}
	for _, e := range c.entries {
		late := e.at >= since || !e.read && e.end > start // without an answer it has no end
		if e.key == key && late && (!e.unanswered || !e.read && seen[e.value]) {
			list = append(list, e)
		}
	}
	return list
}

func historyOf(list []*entry) (ops []porcupine.Operation) {
	for i, e := range list {
		ops = append(ops, porcupine.Operation{ClientId: i, Input: e, Call: e.begin, Return: e.end})
	}
	return ops
}

// print lists the operations of a key up to where they stop being linearizable, the last few.
func (c *chronicle) print(key int, since time.Duration) string {
	list := c.relevant(key, since)
	slices.SortFunc(list, func(a, b *entry) int { return cmp.Compare(a.begin, b.begin) })
	upTo, _ := slices.BinarySearchFunc(list, 0, func(e *entry, _ int) int {
		n := slices.Index(list, e)
		if porcupine.CheckOperationsTimeout(register(since == 0), historyOf(list[:n+1]), time.Second) != porcupine.Ok {
			return 1
		}
		return -1
	})
	var b strings.Builder
	for _, e := range list[max(0, upTo-25):min(upTo+1, len(list))] {
		what := "put"
		if e.read {
			what = "got"
		}
		fmt.Fprintf(&b, "  %v [%d, %d] %s %q at %s (unanswered: %v)\n", e.at, e.begin, e.end, what, e.value, e.servedWhere, e.unanswered)
	}
	return b.String()
}

var (
	stories    = flag.Int("stories", defaultStories, "schedules whose reads and writes porcupine checks")
	firstStory = flag.Uint64("firststory", 0, "the schedule to begin with")
)

// TestLinearizable: without partitions, and while no live host is declared dead.
func TestLinearizable(t *testing.T) {
	counted, total := 0, 0
	for n := *firstStory; n < *firstStory+uint64(*stories); n++ {
		c, _, err := play(n, crashes(n))
		if err == nil && len(c.r.log.suspected) == 0 {
			counted++
			total += len(c.entries)
			err = c.verify(0)
		}
		c.r.w.Close()
		if err != nil {
			t.Fatalf("seed %d: %v\n%v", n, err, c.s)
		}
	}
	if counted < *stories/2 {
		t.Errorf("in only %d of %d schedules no live host was declared dead", counted, *stories)
	}
	t.Logf("%d schedules, %d operations", counted, total)
}

// TestLinearizableAfterHindrances: where live hosts are paused or partitioned in one direction, the promise is void
// until some time after. But no refused value is ever read.
func TestLinearizableAfterHindrances(t *testing.T) {
	for n := *firstStory; n < *firstStory+uint64(*stories); n++ {
		c, over, err := play(n, hindrances(n))
		if err == nil {
			err = c.verify(over + afterHindrance)
		}
		if err == nil && len(c.r.log.suspected) == 0 {
			err = c.verify(0)
		}
		c.r.w.Close()
		if err != nil {
			t.Fatalf("seed %d: %v\n%v", n, err, c.s)
		}
	}
}

// afterHindrance is the time after the end of a pause or a one-way partition in which gets may still return old values,
// and writes be undone: see docs/protocol.md.
const afterHindrance = 15 * time.Second

// TestPausedOwnerServesNoOldValues: a paused owner that others declared dead has been superseded when it continues. It
// never returns a value that a client has overwritten meanwhile.
func TestPausedOwnerServesNoOldValues(t *testing.T) {
	for n := range uint64(several(6)) {
		rnd := rand.New(rand.NewPCG(n, 14))
		p := plan{hosts: 3 + rnd.IntN(4), replicas: 1 + rnd.IntN(3), virtual: 1 + rnd.IntN(3), keys: 1}
		if n == 0 {
			p = plan{hosts: 5, replicas: 3, virtual: 1, keys: 1}
		}
		r := newRing(n, plan{bits: 32, successors: 6, hosts: p.hosts, replicas: p.replicas, virtual: p.virtual, keys: 1})
		for range p.hosts {
			r.add()
		}
		r.settle(t)
		var owner *host
		r.on(t, r.hosts[0], func(ctx context.Context, k *kv.Keeper) {
			got, err := k.Put(ctx, keyName(0), []byte("old"), 0)
			if err != nil {
				t.Fatal(err)
			}
			owner = r.byAddr(got.Owner.Addr)
		})
		r.w.Run(time.Duration(rnd.IntN(3000)) * time.Millisecond)
		owner.layer.Pause()
		other := r.hosts[slices.IndexFunc(r.hosts, func(h *host) bool { return h != owner })]
		overwritten := false
		r.on(t, other, func(ctx context.Context, k *kv.Keeper) {
			for range 3 {
				if _, err := k.Put(ctx, keyName(0), []byte("new"), 0); err == nil {
					overwritten = true
					return
				}
			}
		})
		if !overwritten {
			t.Errorf("seed %d (%v): no put during the pause", n, p)
		}
		owner.layer.Resume()
		r.w.Run(15 * time.Millisecond) // by then its tasks run
		for range 20 {
			done := false
			if err := owner.layer.Go(context.Background(), func(ctx context.Context) {
				if m := owner.Any(); m != nil {
					got, err := keeperOf(m).Get(ctx, keyName(0))
					if err == nil && string(got.Value) != "new" || errors.Is(err, kv.ErrNotFound) {
						t.Errorf("seed %d (%v): after the pause a get returned %q, %v from %s", n, p, got.Value, err, got.Owner.Addr)
					}
				}
				done = true
			}); err != nil {
				t.Fatal(err)
			}
			r.w.RunUntil(time.Minute, 5*time.Millisecond, func() bool { return done })
		}
		r.w.Close()
	}
}
