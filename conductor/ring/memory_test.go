package ring

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"chordconductor/conductor/internal/otlptest"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// A crowd makes the keyframes of members of one kind: with honest lists, or as large as an event may be.
type crowd struct {
	name                  string
	peers, runs, textSize int
	hosts                 bool
}

var crowds = []crowd{
	{"honest", 8, 14, 0, false},
	{"short lists", 1, 1, 0, true},
	{"long texts", 4, 14, chordevent.MaxText, true},
	{"long lists", chordevent.MaxSuccessors, 14, 0, false},
	{"fat lists", chordevent.MaxSuccessors, 1, chordevent.MaxText, false},
	{"fat in all", chordevent.MaxSuccessors, chord.MaxBits, chordevent.MaxText, true},
}

func (c crowd) text(i, k int) string {
	return fmt.Sprintf("host-%d-%d.example:7000", i, k) + strings.Repeat("x", max(0, c.textSize-32))
}

func (c crowd) keyframe(m *otlptest.Member, i int, at time.Time) chordevent.Event {
	peer := func(k int) chordevent.PeerRef {
		var id chord.ID
		id[0], id[1], id[2], id[3] = byte(i>>8), byte(i), byte(k), 1
		return chordevent.PeerRef{Peer: chord.Peer{ID: id, Addr: c.text(i, k), Incarnation: 1}, Seq: 1}
	}
	body := chordevent.State{
		Started: chordevent.Started{Address: c.text(i, 200), Bits: 160, ListLen: 8, Replicas: 3}, Status: chordevent.StatusActive,
		Period: 10 * time.Second, Predecessor: peer(255),
	}
	for k := range c.peers {
		body.Successors = append(body.Successors, peer(k))
	}
	for k := range c.runs {
		body.Fingers = append(body.Fingers, chordevent.FingerRun{First: k, Last: k, Peer: peer(k)})
	}
	if c.hosts {
		m.Host = chordevent.Host{ID: c.text(i, 201), Address: c.text(i, 202)}
	}
	return m.Event(at, body)
}

// The counted memory is the real memory, within a factor: with members of each kind, folded and shown.
func TestBytesAreWhatIsHeld(t *testing.T) {
	for _, c := range crowds {
		t.Run(c.name, func(t *testing.T) {
			n := 200
			at := time.Unix(1790000000, 0)
			before := int64(heap())
			r := New(Options{MaxBytes: 1 << 40})
			for i := range n {
				ev := c.keyframe(otlptest.NewMember(i, n, at.UnixNano()), i, at)
				r.Apply(&ev, at)
			}
			v := r.View()
			held := int64(heap()) - before
			if counted := r.Bytes(); counted < held*3/4 || counted > 3*held {
				t.Errorf("%d members hold %d bytes each and are counted for %d", n, held/int64(n), counted/int64(n))
			} else {
				t.Logf("%d members hold %d bytes each and are counted for %d", n, held/int64(n), counted/int64(n))
			}
			runtime.KeepAlive(v)
			runtime.KeepAlive(r)
		})
	}
}

// The bound on memory holds whatever events arrive in whatever order. The running count of bytes equals a count from
// scratch, and a ring restored from a checkpoint has the same count.
func TestBytesAreBounded(t *testing.T) {
	const limit = 4 << 20
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 12))
		at := time.Unix(1790000000, 0)
		opt := Options{MaxBytes: limit, Forget: time.Minute}
		r, again := New(opt), (*Ring)(nil)
		members := map[int]*otlptest.Member{}
		for step := range 2000 {
			i := random.IntN(2000)
			m := members[i]
			if m == nil || random.IntN(10) == 0 {
				m = otlptest.NewMember(i, 2000, at.UnixNano())
				members[i] = m
			}
			ev := crowds[random.IntN(len(crowds))].keyframe(m, i, at)
			state := ev.Body.(chordevent.State)
			switch random.IntN(5) {
			case 0:
				ev.Body = chordevent.SuccessorsChanged{Successors: state.Successors}
			case 1:
				ev.Body = chordevent.FingersChanged{Runs: state.Fingers}
			case 2:
				ev.Body = chordevent.HostState{Incarnation: 1, Seq: int64(step), Period: time.Second}
			case 3:
				ev.Body = chordevent.KeysMoved{MoveID: state.Started.Address, Peer: state.Predecessor, Phase: chordevent.MoveStarted}
			}
			at = at.Add(time.Duration(random.IntN(20)) * time.Millisecond)
			for _, f := range []*Ring{r, again} {
				if f == nil {
					continue
				}
				f.Apply(&ev, at)
				if step%100 == 0 {
					f.Advance(at)
				}
			}
			if most := int64(limit + maxMoves*(moveSize+4*chordevent.MaxText)); r.Bytes() > most {
				t.Fatalf("seed %d: %d bytes of %d", seed, r.Bytes(), limit)
			}
			if step == 1000 {
				var err error
				if again, err = Restore(opt, r.Checkpoint()); err != nil {
					t.Fatal(err)
				}
			}
			if again != nil && (again.kept() != r.kept() || again.Len() != r.Len()) {
				t.Fatalf("seed %d, step %d: restored it has %d members in %d bytes, not %d in %d", seed, step, again.Len(), again.kept(), r.Len(), r.kept())
			}
		}
		if r.Crowded() == 0 || r.Len() == 0 {
			t.Errorf("seed %d: %d events were refused, %d members are known", seed, r.Crowded(), r.Len())
		}
		var sum int64
		r.tree.all(func(x *record) {
			sum += memberSize + textSize(x.host.ID) + textSize(x.host.Address) + textSize(x.started.val.Address) +
				textSize(x.sources[0].instance) + textSize(x.sources[1].instance) + textSize(x.pred.val.Addr) + chordevent.PeersSize(x.succ.val) + x.fingers.size()
		})
		if sum != r.bytes {
			t.Errorf("seed %d: members are counted for %d bytes and take %d", seed, r.bytes, sum)
		}
	}
}

// Members with the largest lists leave room for all others: no event of an honest ring is refused.
func TestFatMembersGiveWayFirst(t *testing.T) {
	at := time.Unix(1790000000, 0)
	r := New(Options{MaxBytes: 8 << 20})
	fat := crowds[len(crowds)-1]
	for round := range 3 {
		for i := range 1000 {
			ev := fat.keyframe(otlptest.NewMember(i, 1000, at.UnixNano()), i, at)
			r.Apply(&ev, at)
		}
		if r.Len() == 0 || r.Len() > 100 || r.Crowded() == 0 {
			t.Fatalf("of fat members %d are known, and %d events were refused", r.Len(), r.Crowded())
		}
		at = at.Add(time.Second * time.Duration(round))
	}
	known, refused := r.Len(), r.Crowded()
	members, events := otlptest.Ring(500, 8, at)
	for i := range events {
		events[i].Node.ID[18] = 7 // none of those above
		r.Apply(&events[i], at)
	}
	if r.Len() != known+len(members) || r.Crowded() != refused {
		t.Errorf("%d of %d honest members are known, %d of their events refused", r.Len()-known, len(members), r.Crowded()-refused)
	}
}

// A checkpoint whose ring is larger than the bound is not restored.
func TestLargeCheckpointIsRefused(t *testing.T) {
	at := time.Unix(1790000000, 0)
	r := New(Options{})
	for i := range 50 {
		ev := crowds[len(crowds)-1].keyframe(otlptest.NewMember(i, 50, at.UnixNano()), i, at)
		r.Apply(&ev, at)
	}
	if _, err := Restore(Options{MaxBytes: 1 << 20}, r.Checkpoint()); err != ErrMemory {
		t.Errorf("restored: %v", err)
	}
	if _, err := Restore(Options{}, r.Checkpoint()); err != nil {
		t.Errorf("without a bound: %v", err)
	}
}
