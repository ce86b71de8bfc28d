package member_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/member"
	"chordconductor/node/nodepb"
	"chordconductor/node/simenv"
	"chordconductor/otel/chordevent"
)

// A leave that makes no progress ends at its time limit or with its context, whatever it waits for, and the member
// stays.
func TestLeaveLimit(t *testing.T) {
	const limit, late = 10 * time.Second, 9 * time.Second
	for _, c := range []struct {
		name   string
		cancel time.Duration // 0: never
		ends   time.Duration
	}{{"limit", 0, limit}, {"context", 3 * time.Second, 3 * time.Second}} {
		t.Run(c.name, func(t *testing.T) {
			w := newSimWorld(t, simenv.Config{Seed: 1})
			var first, stuck bool // the successor answers that it leaves first; later no member answers what it owns
			w.wrap = func(r nodepb.RingServer) nodepb.RingServer { return leavesFirst{r, &first} }
			w.keys = func(k nodepb.KeysServer) nodepb.KeysServer { return mute{k, &stuck} }
			f := newFleet(t, w, member.Config{Stabilize: base, LeaveLimit: limit}, 4)
			f.ideal(20 * time.Second)
			f.rest(5 * time.Second) // for ranges to be claimed
			first, stuck = true, true
			w.At(late, func() { first = false })
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.cancel > 0 {
				w.At(c.cancel, cancel)
			}
			leaver := f.byID()[1]
			begin := w.Elapsed()
			var took time.Duration
			if err := w.task(leaver, func(context.Context) {
				if _, err := leaver.Leave(ctx); err == nil {
					t.Error("it left")
				}
				took = w.Elapsed() - begin
			}); err != nil {
				t.Fatal(err)
			}
			w.until(t, time.Minute, "the leave is over", func() bool { return took > 0 })
			if took < c.ends || took > c.ends+time.Second {
				t.Errorf("the leave took %v, want %v", took, c.ends)
			}
			if status := leaver.Any().Status(); status != "active" {
				t.Errorf("the member is %s", status)
			}
		})
	}
}

// A member that looks for its place answers NOT_MEMBER, but is not taken for one that has left: an orphan will be back
// in the same incarnation, is probed until then, and a later crash of it is to be reported.
func TestLookingIsNotLeaving(t *testing.T) {
	w := newSimWorld(t, simenv.Config{Seed: 1})
	f := newFleet(t, w, ringOnly, 3)
	f.ideal(20 * time.Second)
	cfg := ringOnly
	cfg.Join = []string{"no-host:1"}
	looking := w.host(t, cfg)
	if _, err := looking.Start(1); err != nil {
		t.Fatal(err)
	}
	f.rest(time.Second)
	peer, orphan := f.hosts[0].Any(), looking.Any().Self()
	ping := func(h *host) *nodepb.Reply {
		a, err := h.Ping(t.Context(), &nodepb.PingRequest{Call: peer.Call(orphan)})
		if err != nil {
			t.Fatal(err)
		}
		return a.Reply
	}
	known := &nodepb.Reply{ // from before it became an orphan
		Status: nodepb.Reply_STATUS_OK, Clock: looking.Any().Reply().Clock,
		Self: &nodepb.Peer{Id: orphan.ID[:], Address: orphan.Addr, Incarnation: orphan.Incarnation},
	}
	if err := peer.Received(orphan, known); err != nil || !slices.Contains(peer.Remembered(), orphan) {
		t.Fatalf("not known: %v", err)
	}
	if answer := ping(looking); answer.Status != nodepb.Reply_STATUS_NOT_MEMBER || peer.Received(orphan, answer) == nil {
		t.Errorf("while it looks for its place it answers %v", answer)
	}
	if !slices.Contains(peer.Remembered(), orphan) {
		t.Error("taken for one that has left")
	}
}

// leavesFirst is a host whose members answer pings as if they were about to leave.
type leavesFirst struct {
	nodepb.RingServer
	on *bool
}

func (l leavesFirst) Ping(ctx context.Context, q *nodepb.PingRequest) (*nodepb.PingResponse, error) {
	a, err := l.RingServer.Ping(ctx, q)
	if err == nil {
		a.Leaving = a.Leaving || *l.on
	}
	return a, err
}

// mute is a host that refuses surveys of what its members own.
type mute struct {
	nodepb.KeysServer
	on *bool
}

func (m mute) Survey(ctx context.Context, q *nodepb.SurveyRequest) (*nodepb.SurveyResponse, error) {
	if *m.on {
		return nil, errors.New("not now")
	}
	return m.KeysServer.Survey(ctx, q)
}

// A member that never joined a ring emits Left when it ends, if it has emitted Started: otherwise the conductor would
// wait for its events, and the ring would stay uncertain.
func TestLeaveOfOneThatNeverJoined(t *testing.T) {
	leave := func(h *host, ctx context.Context) error { _, err := h.Leave(ctx); return err }
	abandon := func(h *host, ctx context.Context) error { h.Abandon(ctx); return nil }
	for name, c := range map[string]struct {
		end   func(*host, context.Context) error
		tries int // before
		ends  int32
	}{
		"leave": {leave, 3, 3}, "abandon": {abandon, 3, 3}, "leave at once": {leave, 0, 0}, "abandon at once": {abandon, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			left := &counter{kind: chordevent.KindLeft}
			w := newSimWorld(t, simenv.Config{Seed: 1})
			w.events = left
			cfg := ringOnly
			cfg.Join = []string{"no-host:1"}
			failed := 0
			cfg.JoinFailed = func(_ chord.Peer, try int, _ error) {
				if try == 1 {
					failed++
				}
			}
			h := w.host(t, cfg)
			if _, err := h.Start(3); err != nil {
				t.Fatal(err)
			}
			w.until(t, time.Minute, "the tries have failed", func() bool { return failed >= c.tries })
			w.do(t, h, func(ctx context.Context) {
				if err := c.end(h, ctx); err != nil {
					t.Error(err)
				}
			})
			if n := left.count.Load(); n != c.ends || len(h.Members()) != 0 {
				t.Errorf("%d have emitted Left, %d are there", n, len(h.Members()))
			}
		})
	}
}
