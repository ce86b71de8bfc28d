package ring

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// A town is a settled ring of many that goes on living: load is told, keyframes, joins and crashes.
type town struct {
	*world
	random *rand.Rand
	byID   []*actor // the living, by identifier
}

const benchListLen = 8

func newTown(n int, tell func(*chordevent.Event)) *town {
	t := &town{world: newWorld(160, benchListLen, tell), random: rand.New(rand.NewPCG(1, uint64(n)))}
	for i := range n {
		t.byID = append(t.byID, t.newcomer(i))
	}
	slices.SortFunc(t.byID, func(a, b *actor) int { return a.self.ID.Compare(b.self.ID) })
	for i := range t.byID {
		t.say(t.byID[i], t.started(t.byID[i]))
		t.say(t.byID[i], chordevent.Joined{})
		t.repair(i)
		t.byID[i].fingers = t.someFingers()
		t.keyframe(t.byID[i])
	}
	return t
}

func (t *town) newcomer(i int) *actor {
	addr := fmt.Sprintf("10.0.%d.%d:7001", i>>8&255, i&255)
	peer := chord.Peer{ID: t.space.MemberID(addr, i), Addr: addr, Incarnation: int64(i + 1)}
	a := &actor{self: peer, live: true}
	t.members = append(t.members, a)
	return a
}

// someFingers are as many runs as a member of a ring of this size has.
func (t *town) someFingers() []chordevent.FingerRun {
	var runs []chordevent.FingerRun
	for n, last := len(t.byID), 159; n > 0; n, last = n/2, last-1 {
		first := last
		if n == 1 {
			first = 0
		}
		to := t.byID[t.random.IntN(len(t.byID))]
		runs = append(runs, chordevent.FingerRun{First: first, Last: last, Peer: chordevent.PeerRef{Peer: to.self, Seq: to.seq}})
	}
	slices.Reverse(runs)
	return runs
}

func (t *town) at(i int) *actor { return t.byID[(i+len(t.byID))%len(t.byID)] }

// repair gives a member the right pointers, and says so if they were not.
func (t *town) repair(i int) {
	a := t.at(i)
	list := make([]chord.Peer, benchListLen)
	for k := range list {
		list[k] = t.at(i + 1 + k).self
	}
	if pred := t.at(i - 1).self; a.state.Pred != pred {
		t.setPred(a, pred)
		a.owned = chordevent.Ownership{Owns: true, From: pred.ID, Epoch: a.owned.Epoch + 1}
		t.say(a, chordevent.OwnershipChanged{Ownership: a.owned})
	}
	if !slices.Equal(a.state.Succ, list) {
		t.setSucc(a, list)
	}
}

// repairAround lets those before a place and the one at it learn of a change there.
func (t *town) repairAround(i int) {
	for k := i; k >= i-benchListLen; k-- {
		t.repair(k)
	}
}

func (t *town) join() {
	a := t.newcomer(len(t.members))
	i, _ := slices.BinarySearchFunc(t.byID, a.self.ID, func(b *actor, id chord.ID) int { return b.self.ID.Compare(id) })
	t.byID = slices.Insert(t.byID, i, a)
	t.say(a, t.started(a))
	t.say(a, chordevent.Joined{})
	t.repairAround(i + 1)
	a.fingers = t.someFingers()
	t.say(a, chordevent.FingersChanged{Runs: a.fingers})
}

func (t *town) crashOne() {
	i := t.random.IntN(len(t.byID))
	t.crash(t.byID[i], t.at(i-1))
	t.byID = slices.Delete(t.byID, i, i+1)
	t.repairAround(i)
}

// second lets a second pass: everybody tells of its load, one in ten sends a keyframe, and some join and crash.
func (t *town) second(churn int) {
	until := t.now.Add(time.Second)
	for _, a := range t.byID {
		a.load.Gets += 3
		a.load.Puts++
		t.say(a, chordevent.NodeLoad{Load: a.load})
		if t.random.IntN(10) == 0 {
			t.keyframe(a)
		}
	}
	for range churn {
		t.join()
		t.crashOne()
	}
	if t.now.Before(until) {
		t.now = until
	}
}

func (t *town) settle(r *Ring) {
	r.Advance(t.now)
	r.View()
}

// BenchmarkApply is the fold of decoded events: an hour's mix of them, by ring size.
func BenchmarkApply(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprintf("mix/members=%d", n), func(b *testing.B) { benchmarkApply(b, n, func(t *town) { t.second(1 + n/1000) }) })
		b.Run(fmt.Sprintf("churn/members=%d", n), func(b *testing.B) {
			benchmarkApply(b, n, func(t *town) {
				t.join()
				t.crashOne()
			})
		})
		b.Run(fmt.Sprintf("keyframe/members=%d", n), func(b *testing.B) {
			benchmarkApply(b, n, func(t *town) { t.keyframe(t.byID[t.random.IntN(n)]) })
		})
	}
}

func benchmarkApply(b *testing.B, n int, live func(*town)) {
	const most = 200_000
	r := New(Options{})
	t := newTown(n, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
	t.settle(r)
	if v := r.View(); v.Error != 0 {
		b.Fatalf("the town is not settled: error %d", v.Error)
	}
	c := r.Checkpoint()
	var events []*chordevent.Event
	t.tell = func(ev *chordevent.Event) { events = append(events, ev) }
	for len(events) < min(most, max(b.N, 1000)) {
		live(t)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; {
		b.StopTimer()
		var err error
		if r, err = Restore(Options{}, c); err != nil {
			b.Fatal(err)
		}
		r.View()
		batch := events[:min(len(events), b.N-done)]
		b.StartTimer()
		for _, ev := range batch {
			r.Apply(ev, ev.Time)
		}
		done += len(batch)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "M_events/s")
}

// BenchmarkView is a view after a twentieth of a second of events.
func BenchmarkView(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		for _, ideal := range []bool{true, false} {
			b.Run(fmt.Sprintf("members=%d/ideal=%v", n, ideal), func(b *testing.B) {
				r := New(Options{})
				t := newTown(n, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
				if !ideal {
					t.setPred(t.byID[0], t.at(n/2).self)
				}
				t.settle(r)
				b.ReportAllocs()
				for b.Loop() {
					b.StopTimer()
					for range max(1, n/20) {
						a := t.byID[t.random.IntN(n)]
						a.load.Gets++
						t.say(a, chordevent.NodeLoad{Load: a.load})
					}
					b.StartTimer()
					r.View()
				}
			})
		}
	}
}

// BenchmarkAdvance is what time costs while the ring is not ideal, so that all conditions are judged anew.
func BenchmarkAdvance(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprintf("members=%d", n), func(b *testing.B) {
			r := New(Options{})
			t := newTown(n, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
			wrong := t.byID[0]
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				t.setPred(wrong, t.at(t.random.IntN(n)).self)
				b.StartTimer()
				r.Advance(t.now)
			}
		})
	}
}

// BenchmarkCheckpoint writes and restores the whole state.
func BenchmarkCheckpoint(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		r := New(Options{})
		t := newTown(n, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
		t.settle(r)
		c := r.Checkpoint()
		b.Run(fmt.Sprintf("write/members=%d", n), func(b *testing.B) {
			for b.Loop() {
				r.Checkpoint()
			}
			b.ReportMetric(float64(len(c))/float64(n), "B/member")
		})
		b.Run(fmt.Sprintf("restore/members=%d", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := Restore(Options{}, c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
