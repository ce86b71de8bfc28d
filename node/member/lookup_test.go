package member_test

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/env/faults"
	"chordconductor/node/member"
	"chordconductor/node/nodepb"
	"chordconductor/node/simenv"
	"chordconductor/otel/chordevent"
)

// The ring of ToN Figures 3 and 4, with identifiers of six bits.
func TestPaperRing(t *testing.T) {
	w := newSimWorld(t, simenv.Config{Seed: 1})
	cfg := ringOnly
	cfg.Bits, cfg.Successors = 6, 2
	f := &fleet{t: t, w: w, cfg: cfg}
	var space chord.Space
	byID := map[uint64]*host{}
	for _, id := range []uint64{1, 8, 14, 21, 32, 38, 42, 48, 51, 56} {
		if len(f.hosts) > 0 {
			cfg.Join = []string{f.hosts[0].Address()}
		}
		h := w.host(t, cfg)
		space = h.Space()
		f.hosts = append(f.hosts, h)
		byID[id] = h
		if _, err := h.StartAt(space.FromUint64(id)); err != nil {
			t.Fatal(err)
		}
	}
	f.ideal(20 * time.Second)
	eight := byID[8].Any()
	w.until(t, time.Minute, "the fingers of 8 are those of the paper", func() bool {
		for slot, want := range []uint64{14, 14, 14, 21, 32, 42} {
			if eight.Fingers().At(slot).ID != space.FromUint64(want) {
				return false
			}
		}
		return true
	})
	f.rest(20 * time.Second)
	f.w.do(t, byID[8], func(ctx context.Context) {
		l, err := eight.Find(ctx, space.FromUint64(54), member.Recursive)
		if err != nil {
			t.Fatal(err)
		}
		var path []uint64
		for _, h := range l.Path {
			path = append(path, uint64(h.Peer.ID[len(h.Peer.ID)-1]))
		}
		if want := []uint64{8, 42, 51, 56}; len(path) != 4 || path[1] != want[1] || path[2] != want[2] || path[3] != want[3] {
			t.Errorf("lookup(54) from 8 goes %v, want %v", path, want)
		}
	})
}

// When a part of the ring has just crashed and no pointer is repaired yet, lookups avoid the dead members.
func TestLookupsGoRound(t *testing.T) {
	for _, mode := range []member.Mode{member.Recursive, member.Iterative} {
		t.Run(string(mode), func(t *testing.T) {
			w := newSimWorld(t, simenv.Config{Seed: 9})
			cfg := ringOnly
			cfg.Stabilize = 20 * time.Second // little repair while the lookups run
			f := newFleet(t, w, cfg, 48)
			f.ideal(10 * time.Minute)
			f.rest(10 * time.Minute)
			hosts := f.byID()
			f.crash(hosts[10], hosts[11], hosts[20], hosts[30], hosts[31], hosts[32])
			timeouts := 0
			for n, h := range f.hosts {
				// A key of a live member whose predecessor is alive: its owner is known to be right.
				key := hosts[(n*7)%9+1].Members()[0].Self().ID
				f.w.do(t, h, func(ctx context.Context) {
					l, err := h.Any().Find(ctx, key, mode)
					if err != nil || l.Owner.ID != key {
						t.Errorf("lookup %d: %v, %v", n, l.Owner, err)
					}
					timeouts += l.Timeouts
				})
			}
			t.Logf("%d timeouts in %d lookups", timeouts, len(f.hosts))
		})
	}
}

// A lookup ends within its limit, with an error, if its peers do not answer or forward it without end. It ends
// immediately when its caller cancels it.
func TestLookupBounds(t *testing.T) {
	const limit = 3 * time.Second
	for _, mode := range []member.Mode{member.Recursive, member.Iterative} {
		t.Run(string(mode), func(t *testing.T) {
			w := newSimWorld(t, simenv.Config{Seed: 1})
			astray := &misleading{}
			w.wrap = func(r nodepb.RingServer) nodepb.RingServer { return misled{r, astray} }
			cfg := ringOnly
			cfg.LookupLimit = limit
			f := newFleet(t, w, cfg, 16)
			f.ideal(30 * time.Second)
			from, key := f.hosts[0], f.byID()[0].Members()[0].Self().ID
			if from.Members()[0].Self().ID == key {
				from = f.hosts[1]
			}
			find := func(ctx context.Context, cancelAfter time.Duration) (took time.Duration, err error) {
				ctx, cancel := context.WithCancel(ctx)
				defer cancel()
				if cancelAfter > 0 {
					w.At(cancelAfter, cancel)
				}
				begin := w.Now()
				_, err = from.Any().Find(ctx, key, mode)
				return w.Now().Sub(begin), err
			}

			astray.on = true
			w.do(t, from, func(ctx context.Context) {
				if took, err := find(ctx, 0); err == nil || took > limit+2*cfg.CallLimit {
					t.Errorf("sent astray, it ends after %v with %v", took, err)
				}
			})
			if astray.calls == 0 {
				t.Error("no lookup was sent astray")
			}
			astray.on = false

			if err := from.faults.Set([]faults.Rule{{Address: faults.All, Cut: true}}); err != nil {
				t.Fatal(err)
			}
			w.do(t, from, func(ctx context.Context) {
				if took, err := find(ctx, 100*time.Millisecond); !errors.Is(err, context.Canceled) || took > 100*time.Millisecond+cfg.CallLimit {
					t.Errorf("cancelled after 100 ms, it ends after %v with %v", took, err)
				}
				if took, err := find(ctx, 0); err == nil || took > limit+2*cfg.CallLimit {
					t.Errorf("without an answer, it ends after %v with %v", took, err)
				}
			})
		})
	}
}

// misleading makes each host answer lookups with candidates at its own address that do not exist, without end.
type misleading struct {
	on    bool
	calls int
}

type misled struct {
	nodepb.RingServer
	astray *misleading
}

func (m misled) FindNext(ctx context.Context, q *nodepb.FindNextRequest) (*nodepb.FindNextResponse, error) {
	if !m.astray.on {
		return m.RingServer.FindNext(ctx, q)
	}
	m.astray.calls++
	self := &nodepb.Peer{Id: q.Call.Target, Address: q.Call.From.Address, Incarnation: 1}
	next := &nodepb.Peer{Id: make([]byte, 20), Address: "host2:7001", Incarnation: 1}
	binary.BigEndian.PutUint64(next.Id[4:], uint64(m.astray.calls))
	return &nodepb.FindNextResponse{
		Reply:      &nodepb.Reply{Status: nodepb.Reply_STATUS_OK, Self: self, Clock: q.Call.Clock},
		Candidates: []*nodepb.Candidate{{Peer: next}},
	}, nil
}

func (m misled) Forward(ctx context.Context, q *nodepb.ForwardRequest) (*nodepb.ForwardResponse, error) {
	if !m.astray.on {
		return m.RingServer.Forward(ctx, q)
	}
	m.astray.calls++ // taken, and never passed on
	self := &nodepb.Peer{Id: q.Call.Target, Address: q.Call.From.Address, Incarnation: 1}
	return &nodepb.ForwardResponse{Reply: &nodepb.Reply{Status: nodepb.Reply_STATUS_OK, Self: self, Clock: q.Call.Clock}}, nil
}

// A joiner with the identifier of a live member is refused and emits nothing, so that no conductor takes it for that
// member; a joiner with the identifier of a leaver waits until the leaver has ended.
func TestTakenIdentifier(t *testing.T) {
	w := newSimWorld(t, simenv.Config{Seed: 4})
	f := newFleet(t, w, ringOnly, 8)
	f.ideal(20 * time.Second)
	taken := f.hosts[3].Members()[0].Self().ID
	cfg := ringOnly
	cfg.Join = []string{f.hosts[0].Address()}
	var failure error
	cfg.JoinFailed = func(_ chord.Peer, _ int, err error) { failure = err }
	emitted := newRecorder(w.Now)
	w.events = emitted
	h := w.host(t, cfg)
	m, err := h.StartAt(taken)
	if err != nil {
		t.Fatal(err)
	}
	f.w.until(t, 10*time.Second, "the joiner is refused", func() bool { return len(h.Members()) == 0 })
	if !errors.Is(failure, member.ErrTaken) || m.Status() != "left" {
		t.Errorf("refused as %v, status %v", failure, m.Status())
	}
	if len(emitted.tail) != 0 {
		t.Errorf("events of one that was refused: %s", emitted.tail)
	}
	if _, err := f.hosts[3].StartAt(taken); !errors.Is(err, member.ErrTaken) {
		t.Errorf("the same host takes it twice: %v", err)
	}
	f.ideal(20 * time.Second)
}

// A host that starts at an address of which the ring still has a member is refused with the reason: it has restarted,
// or its --advertise is another host's. Whether the first try comes so early depends on the run: runs are made until
// some did.
func TestAddressStillOnTheRing(t *testing.T) {
	const runs, enough = 50, 20
	shown, made := 0, 0
	for seed := uint64(1); seed <= runs && shown < enough; seed++ {
		made++
		if restartAtOnce(t, seed) {
			shown++
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%d of %d runs show it", shown, made)
	if shown < enough {
		t.Errorf("in %d of %d runs the first try met the earlier incarnation", shown, runs)
	}
}

// restartAtOnce stops a host and starts another at the same address, and reports whether its first try was refused
// because of the earlier one.
func restartAtOnce(t *testing.T, seed uint64) bool {
	t.Helper()
	w := newSimWorld(t, simenv.Config{Seed: seed})
	defer w.Close()
	f := newFleet(t, w, ringOnly, 8)
	f.ideal(20 * time.Second)
	cfg := ringOnly
	cfg.Join = []string{f.hosts[0].Address()}
	f.hosts[3].stop()
	events := newRecorder(w.Now)
	w.events = events
	var first error
	var before []string
	cfg.JoinFailed = func(_ chord.Peer, _ int, err error) {
		if first == nil {
			first, before = err, slices.Clone(events.tail)
		}
	}
	h := w.hostAt(t, cfg, f.hosts[3].Address())
	if _, err := h.Start(1); err != nil {
		t.Fatal(err)
	}
	f.hosts[3] = h
	f.ideal(20 * time.Second)
	if len(events.tail) < 3 || !strings.HasPrefix(events.tail[0], string(chordevent.KindStarted)) || !strings.HasPrefix(events.tail[1], string(chordevent.KindState)) || events.gaps != nil {
		t.Errorf("once on the ring, the events are %q, gaps %q", events.tail, events.gaps)
	}
	if first == nil || !strings.Contains(first.Error(), "another host that advertises "+h.Address()+" too") {
		return false
	}
	if len(before) != 0 {
		t.Errorf("events before the identifier was free: %s", before)
	}
	return true
}

// Hosts that differ in the ring parameters refuse each other, and their errors list the differences.
func TestOtherRing(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		f := newFleet(t, w, ringOnly, 3)
		f.ideal(20 * time.Second)
		for _, c := range []struct {
			change func(*member.Config)
			differ string
		}{
			{func(c *member.Config) { c.Ring = "other" }, `the ring's name is "chord", the caller's "other"`},
			{func(c *member.Config) { c.Bits = 32 }, "the ring's bits are 160, the caller's 32"},
			{func(c *member.Config) { c.Successors = 5 }, "the ring's successors are 8, the caller's 5"},
			{func(c *member.Config) { c.Replicas = 2 }, "the ring's replicas are 3, the caller's 2"},
			{func(c *member.Config) { c.Bits, c.Replicas = 32, 1 }, "the ring's bits are 160, the caller's 32; the ring's replicas are 3, the caller's 1"},
		} {
			cfg := ringOnly
			cfg.Join = []string{f.hosts[0].Address()}
			c.change(&cfg)
			failures := make(chan error, 3)
			cfg.JoinFailed = func(_ chord.Peer, _ int, err error) {
				select {
				case failures <- err:
				default:
				}
			}
			h := w.host(t, cfg)
			if _, err := h.Start(1); err != nil {
				t.Fatal(err)
			}
			w.until(t, 20*time.Second, "three tries have failed", func() bool { return len(failures) == cap(failures) })
			if got, want := (<-failures).Error(), f.hosts[0].Address()+" refuses: "+c.differ; got != want {
				t.Errorf("it fails with %q, want %q", got, want)
			}
			if status := h.Members()[0].Status(); status != chordevent.StatusJoining {
				t.Errorf("the member that was refused is %s", status)
			}
			h.stop()
		}
		f.ideal(20 * time.Second)
	})
}

func TestConfig(t *testing.T) {
	w := newSimWorld(t, simenv.Config{})
	e, err := w.World.Host("x:1")
	if err != nil {
		t.Fatal(err)
	}
	for _, cfg := range []member.Config{
		{Bits: 2}, {Bits: 161}, {Successors: -1}, {Successors: 1000}, {Replicas: 65}, {Stabilize: -1}, {Lookup: "sideways"},
		{Keyframe: time.Millisecond}, {CallTries: -1}, {Ring: "\xff"}, {Memory: -1},
	} {
		if _, err := member.NewHost(cfg, "x:1", e, member.Telemetry{}); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
	if _, err := member.NewHost(member.Config{}, "", e, member.Telemetry{}); err == nil {
		t.Error("a host without an address is accepted")
	}
}

// A single message to the owner gets lost. The lookup queries the owner again, without first going around the whole
// ring.
func TestSlowOwnerIsQueriedAgain(t *testing.T) {
	w := newSimWorld(t, simenv.Config{Seed: 1, Delay: simenv.Fixed(50 * time.Millisecond)})
	f := newFleet(t, w, ringOnly, 40)
	f.ideal(2 * time.Minute)
	f.rest(10 * time.Second) // for fingers
	hosts := f.byID()
	from, owner := hosts[0], hosts[20]
	if err := from.faults.Set([]faults.Rule{{Address: owner.Address(), Cut: true}}); err != nil {
		t.Fatal(err)
	}
	w.do(t, from, func(ctx context.Context) {
		w.At(time.Second, f.heal)
		l, err := from.Any().Find(ctx, owner.Any().Self().ID, member.Iterative)
		if err != nil || l.Timeouts == 0 || l.Duration > 2*time.Second {
			t.Errorf("found in %v with %d timeouts: %v", l.Duration, l.Timeouts, err)
		}
	})
}
