package simtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/node/chord"
	"chordconductor/node/kv"
	"chordconductor/node/nodepb"
)

// settledRing makes a ring of some hosts that is in order.
func settledRing(t *testing.T, p plan) *ring {
	t.Helper()
	if p.bits == 0 {
		p.bits = 32
	}
	if p.successors == 0 {
		p.successors = 6
	}
	p.virtual = max(p.virtual, 1)
	r := newRing(1, p)
	t.Cleanup(r.w.Close)
	for range p.hosts {
		r.add()
	}
	r.settle(t)
	return r
}

func (r *ring) settle(t *testing.T) {
	t.Helper()
	if !r.w.RunUntil(settleTime, 50*time.Millisecond, r.settled) {
		t.Fatalf("the ring does not settle: %s", r)
	}
}

// on runs task on host h, with the keeper of the host's first member, and waits until the task ends.
func (r *ring) on(t *testing.T, h *host, task func(ctx context.Context, k *kv.Keeper)) {
	t.Helper()
	done := false
	if err := h.layer.Go(context.Background(), func(ctx context.Context) {
		task(ctx, h.keeper(0))
		done = true
	}); err != nil {
		t.Fatal(err)
	}
	if !r.w.RunUntil(time.Hour, 10*time.Millisecond, func() bool { return done }) {
		t.Fatal("a task does not end")
	}
}

// fill puts a number of keys, and check reads them back.
func (r *ring) fill(t *testing.T, keys int) {
	t.Helper()
	r.on(t, r.hosts[0], func(ctx context.Context, k *kv.Keeper) {
		for n := range keys {
			if _, err := k.Put(ctx, keyName(n), valueOf(n), 0); err != nil {
				t.Errorf("put of key %d: %v", n, err)
			}
		}
	})
}

func (r *ring) check(t *testing.T, keys int) {
	t.Helper()
	r.on(t, r.hosts[len(r.hosts)-1], func(ctx context.Context, k *kv.Keeper) {
		for n := range keys {
			if got, err := k.Get(ctx, keyName(n)); err != nil || !bytes.Equal(got.Value, valueOf(n)) {
				t.Errorf("get of key %d: %q, %v", n, got.Value, err)
			}
		}
	})
}

func testSpace(bits int) chord.Space {
	s, err := chord.NewSpace(bits)
	if err != nil {
		panic(err)
	}
	return s
}

func valueOf(n int) []byte { return fmt.Appendf(nil, "the value of %d", n) }

// leaveAll lets hosts leave at the same time and waits until they have left.
func (r *ring) leaveAll(t *testing.T, hosts ...*host) {
	t.Helper()
	left := 0
	for _, h := range hosts {
		r.leave(h, func(err error) {
			left++
			if err != nil {
				t.Errorf("leave of %s: %v", h.addr, err)
			}
		})
	}
	if !r.w.RunUntil(5*time.Minute, 10*time.Millisecond, func() bool { return left == len(hosts) }) {
		t.Fatal("a leave does not end")
	}
}

// TestGracefulLeavesLoseNothing, even with a single copy of each key.
func TestGracefulLeavesLoseNothing(t *testing.T) {
	for _, replicas := range []int{1, 2, 3} {
		t.Run(fmt.Sprintf("R=%d", replicas), func(t *testing.T) {
			const keys = 400
			r := settledRing(t, plan{hosts: 8, replicas: replicas})
			r.fill(t, keys)
			for len(r.hosts) > 1 {
				r.leaveAll(t, r.hosts[0])
				r.check(t, keys) // immediately: the leaver's range stays readable throughout
			}
		})
	}
}

// TestLeavesTogether: half of the hosts leave at the same time, neighbours among them.
func TestLeavesTogether(t *testing.T) {
	const keys = 300
	r := settledRing(t, plan{hosts: 10, replicas: 1, virtual: 2})
	r.fill(t, keys)
	r.leaveAll(t, r.adjacent(r.hosts[0], 5)...)
	r.settle(t)
	r.check(t, keys)
}

// TestAdjacentCrashes: R-1 neighbours crash at the same instant.
func TestAdjacentCrashes(t *testing.T) {
	for _, replicas := range []int{2, 3, 4} {
		t.Run(fmt.Sprintf("R=%d", replicas), func(t *testing.T) {
			const keys = 400
			r := settledRing(t, plan{hosts: 12, replicas: replicas})
			r.fill(t, keys)
			for range 3 {
				for _, h := range r.adjacent(r.hosts[1], replicas-1) {
					r.crash(h)
				}
				r.check(t, keys) // gets wait for the new owners, and do not miss
				r.settle(t)
				r.w.Run(repairTime)
			}
			r.check(t, keys)
		})
	}
}

// TestPartition: during a partition both parts of the ring serve reads and writes. Afterwards they become one ring,
// which has every write that either part has acknowledged.
func TestPartition(t *testing.T) {
	for _, percent := range []int{10, 30, 50} {
		t.Run(fmt.Sprintf("%d percent", percent), func(t *testing.T) {
			r := settledRing(t, plan{hosts: 10, replicas: 3, keys: 120})
			r.fill(t, 40) // written before the partition, on neither side afterwards
			r.separate(percent)
			r.w.Run(15 * time.Second)
			here, there := r.hosts[0], r.hosts[len(r.hosts)-1]
			write := func(h *host, from, to int, value func(int) []byte) {
				r.on(t, h, func(ctx context.Context, k *kv.Keeper) {
					for n := from; n < to; n++ {
						if _, err := k.Put(ctx, keyName(n), value(n), 0); err != nil {
							t.Errorf("put of key %d on one side: %v", n, err)
						}
					}
				})
			}
			write(here, 40, 80, valueOf)
			write(there, 80, 120, valueOf)
			write(here, 0, 20, func(int) []byte { return []byte("first") })
			write(there, 0, 20, valueOf) // later: it wins
			r.heal()
			r.settle(t)
			r.w.Run(3 * time.Minute)
			if !r.settled() {
				t.Fatalf("the ring falls out of order again: %s", r)
			}
			r.check(t, 120)
			o := newOracle(r)
			if o.atRest(); len(o.wrong) > 0 {
				t.Error(o.wrong)
			}
		})
	}
}

// TestReadsDuringMovesNeverMiss: clients read and write while ranges of some size move back and forth.
func TestReadsDuringMovesNeverMiss(t *testing.T) {
	const keys = 300
	r := settledRing(t, plan{hosts: 4, replicas: 1, keys: keys})
	r.log.suspected = nil
	o := newOracle(r)
	value := bytes.Repeat([]byte("x"), 20<<10) // so that a move takes several chunks
	r.on(t, r.hosts[0], func(ctx context.Context, k *kv.Keeper) {
		for n := range keys {
			result, err := k.Put(ctx, keyName(n), value, 0)
			if err != nil {
				t.Fatal(err)
			}
			o.keys[n].last = write{result.Version, string(value), result.ReplicaCount}
		}
	})
	client := r.hosts[0]
	for c := range 16 {
		if err := client.layer.Go(context.Background(), func(ctx context.Context) {
			for n := c; ; n++ {
				if n%5 == 0 {
					o.write(ctx, client.keeper(0), n*7%keys, false)
				} else {
					o.read(ctx, client.keeper(0), n*11%keys)
				}
				if client.layer.Sleep(time.Millisecond) != nil {
					return
				}
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		added := []*host{r.add(), r.add(), r.add()}
		r.settle(t)
		r.leaveAll(t, added...)
		r.settle(t)
	}
	if o.gets < 3000 || o.failed > 0 || len(o.wrong) > 0 {
		t.Errorf("%d gets, %d unanswered: %q", o.gets, o.failed, o.wrong)
	}
	t.Logf("%d gets and %d puts during 18 moves", o.gets, o.puts)
}

// TestCrashInAMove crashes the source or the receiver of a move at each of its steps.
func TestCrashInAMove(t *testing.T) {
	const keys = 60
	for phase := nodepb.MoveRequest_PHASE_BEGIN; phase <= nodepb.MoveRequest_PHASE_COMMIT; phase++ {
		for _, side := range []string{"source", "receiver"} {
			for _, when := range []string{"before", "after"} {
				t.Run(fmt.Sprintf("%s %s %s", side, when, phase), func(t *testing.T) {
					r := settledRing(t, plan{hosts: 6, replicas: 2, keys: keys})
					r.fill(t, keys)
					r.w.Run(repairTime)
					crashed := false
					r.onMove = func(receiver *host, q *nodepb.MoveRequest, after bool) {
						if q.Phase != phase || after != (when == "after") || crashed {
							return
						}
						crashed = true
						dead := receiver
						if side == "source" {
							dead = r.byAddr(q.Call.From.Address)
						}
						r.crash(dead)
					}
					r.add()
					if !r.w.RunUntil(time.Minute, time.Millisecond, func() bool { return crashed }) {
						t.Fatal("no move came to this phase")
					}
					r.check(t, keys)
					r.settle(t)
					r.check(t, keys)
				})
			}
		}
	}
}

// TestMemoryLimit: puts fail at the limit, a leave into hosts without room fails, and nothing stored is lost.
func TestMemoryLimit(t *testing.T) {
	const limit = 400 << 10
	r := newRing(1, plan{bits: 32, successors: 6, replicas: 1, virtual: 1})
	t.Cleanup(r.w.Close)
	for n := range 3 {
		r.addAt(fmt.Sprintf("small%d:7000", n), limit, testSpace(32).FromUint64(uint64(n)<<32/3))
	}
	r.settle(t)
	value := make([]byte, 8<<10)
	var stored [][]byte
	full := 0
	r.on(t, r.hosts[0], func(ctx context.Context, k *kv.Keeper) {
		for n := range 400 {
			switch _, err := k.Put(ctx, keyName(n), value, 0); {
			case err == nil:
				stored = append(stored, keyName(n))
			case errors.Is(err, kv.ErrExhausted) && status.Code(err) == codes.ResourceExhausted:
				full++
			default:
				t.Fatalf("put of key %d: %v", n, err)
			}
		}
	})
	if n := len(stored); full == 0 || n < 3*limit/(9<<10)*9/10 || n > 3*limit/(8<<10) {
		t.Errorf("%d values of 8 KiB stored and %d refused by 3 hosts of 400 KiB each", n, full)
	}
	var left error
	done := false
	r.leave(r.hosts[2], func(err error) { left, done = err, true })
	if !r.w.RunUntil(5*time.Minute, 100*time.Millisecond, func() bool { return done }) {
		t.Fatal("the leave does not end")
	}
	if left == nil {
		t.Error("a host left though no host has room for its keys")
	}
	r.settle(t)
	r.on(t, r.hosts[1], func(ctx context.Context, k *kv.Keeper) {
		for _, key := range stored {
			if got, err := k.Get(ctx, key); err != nil || len(got.Value) != len(value) {
				t.Errorf("get of %s: %d bytes, %v", key, len(got.Value), err)
			}
		}
		for _, key := range stored { // a delete frees room, so it is not refused
			if _, err := k.Delete(ctx, key); err != nil {
				t.Errorf("delete of %s: %v", key, err)
			}
		}
		if _, err := k.Put(ctx, []byte("again"), value, 0); err != nil {
			t.Errorf("put after the deletes: %v", err)
		}
	})
}

// TestLifetimes: a value is gone when its TTL has passed, a deleted one stays deleted, and in the end nothing remains
// of either.
func TestLifetimes(t *testing.T) {
	r := settledRing(t, plan{hosts: 5, replicas: 3, keys: 40})
	r.on(t, r.hosts[0], func(ctx context.Context, k *kv.Keeper) {
		for n := range 40 {
			ttl := time.Duration(0)
			if n < 20 {
				ttl = 10 * time.Second
			}
			if _, err := k.Put(ctx, keyName(n), valueOf(n), ttl); err != nil {
				t.Fatal(err)
			}
		}
		for n := 20; n < 40; n++ {
			if _, err := k.Delete(ctx, keyName(n)); err != nil {
				t.Fatal(err)
			}
		}
		for n := range 40 {
			_, err := k.Get(ctx, keyName(n))
			if want := n >= 20; errors.Is(err, kv.ErrNotFound) != want {
				t.Errorf("get of key %d: %v", n, err)
			}
		}
	})
	r.w.Run(10 * time.Second)
	gone := func(ctx context.Context, k *kv.Keeper) {
		for n := range 40 {
			if _, err := k.Get(ctx, keyName(n)); !errors.Is(err, kv.ErrNotFound) {
				t.Errorf("get of key %d after its time: %v", n, err)
			}
		}
	}
	r.on(t, r.hosts[1], gone)
	r.crash(r.hosts[2])
	r.add()
	r.settle(t)
	r.on(t, r.hosts[1], gone)
	r.w.Run(30 * time.Minute)
	if n := r.records(40); n != 0 {
		t.Errorf("%d records are left", n)
	}
	r.on(t, r.hosts[1], gone)
}

func TestLimitsAndLastHost(t *testing.T) {
	r := settledRing(t, plan{hosts: 2, replicas: 3})
	r.on(t, r.hosts[0], func(ctx context.Context, k *kv.Keeper) {
		for name, try := range map[string]func() error{
			"empty key":   func() error { _, err := k.Put(ctx, nil, nil, 0); return err },
			"long key":    func() error { _, err := k.Get(ctx, make([]byte, kv.MaxKey+1)); return err },
			"long value":  func() error { _, err := k.Put(ctx, []byte("k"), make([]byte, kv.MaxValue+1), 0); return err },
			"negative":    func() error { _, err := k.Put(ctx, []byte("k"), nil, -time.Second); return err },
			"endless TTL": func() error { _, err := k.Put(ctx, []byte("k"), nil, 1<<63-1); return err },
		} {
			if err := try(); name != "endless TTL" && (!errors.Is(err, kv.ErrInvalid) || status.Code(err) != codes.InvalidArgument) {
				t.Errorf("%s: %v", name, err)
			} else if name == "endless TTL" && err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		got, err := k.Put(ctx, make([]byte, kv.MaxKey), make([]byte, kv.MaxValue), 0)
		if err != nil || got.ReplicaCount != 2 {
			t.Errorf("the greatest key and value: %d replicas on 2 hosts, %v", got.ReplicaCount, err)
		}
	})
	r.leaveAll(t, r.hosts[1])
	var err error
	done := false
	r.leave(r.hosts[0], func(e error) { err, done = e, true })
	if !r.w.RunUntil(5*time.Minute, time.Second, func() bool { return done }) {
		t.Fatal("the leave does not end")
	}
	if !errors.Is(err, kv.ErrLastHost) {
		t.Errorf("leave of the last host: %v", err)
	}
	r.on(t, r.hosts[0], func(ctx context.Context, k *kv.Keeper) {
		if _, err := k.Get(ctx, make([]byte, kv.MaxKey)); err != nil {
			t.Errorf("get after the refused leave: %v", err)
		}
	})
}

// TestMembersOfTheOnlyHostLeave: one of several members may leave where there is no other host, since the others
// receive its keys. All of them together may not.
func TestMembersOfTheOnlyHostLeave(t *testing.T) {
	r := settledRing(t, plan{hosts: 1, virtual: 4, replicas: 2})
	const keys = 200
	r.fill(t, keys)
	h := r.hosts[0]
	for n := 3; n > 0; n-- {
		r.on(t, h, func(ctx context.Context, k *kv.Keeper) {
			if _, err := h.Members()[n].Leave(ctx); err != nil {
				t.Errorf("member %d of %d: %v", n+1, n+1, err)
			}
		})
		r.check(t, keys)
		if n == 2 {
			r.on(t, h, func(ctx context.Context, k *kv.Keeper) {
				if _, err := h.Leave(ctx); !errors.Is(err, kv.ErrLastHost) || len(h.Members()) != 2 {
					t.Errorf("leave of the only host: %v, and %d members remain", err, len(h.Members()))
				}
			})
		}
	}
	r.on(t, h, func(ctx context.Context, k *kv.Keeper) {
		if _, err := h.Any().Leave(ctx); !errors.Is(err, kv.ErrLastHost) {
			t.Errorf("leave of the only member: %v", err)
		}
	})
	r.check(t, keys)
}

// TestOneSeedIsOneRun compares all events of two runs.
func TestOneSeedIsOneRun(t *testing.T) {
	for _, seed := range []uint64{3, 4, 11} {
		a, errA := run(seed, draw(seed))
		b, errB := run(seed, draw(seed))
		if errA != nil || errB != nil {
			t.Fatalf("seed %d: %v, %v", seed, errA, errB)
		}
		if x, y := a.r.log, b.r.log; x.events != y.events || x.hash.Sum64() != y.hash.Sum64() || a.gets != b.gets {
			t.Errorf("seed %d: %d events with hash %x, then %d with %x", seed, x.events, x.hash.Sum64(), y.events, y.hash.Sum64())
		}
	}
}
