package ringtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// A ChurningRing is an ideal ring of many members that emit loads and keyframes, join and crash.
type ChurningRing struct {
	*TestRing
	Random *rand.Rand
	ByID   []*Actor // the live members, by identifier
}

// ChurningListLen is r, the length of successor lists, in a ChurningRing.
const ChurningListLen = 8

// NewChurningRing makes an ideal ring of n members, which emit all events of its formation.
func NewChurningRing(n int, emit func(*chordevent.Event)) *ChurningRing {
	t := &ChurningRing{TestRing: NewTestRing(160, ChurningListLen, emit), Random: rand.New(rand.NewPCG(1, uint64(n)))}
	t.Tick = time.Microsecond // so that many fit in a second
	for i := range n {
		t.ByID = append(t.ByID, t.Newcomer(i))
	}
	slices.SortFunc(t.ByID, func(a, b *Actor) int { return a.Self.ID.Compare(b.Self.ID) })
	for i := range t.ByID {
		t.Emit(t.ByID[i], t.Started(t.ByID[i]))
		t.Emit(t.ByID[i], chordevent.Joined{})
		t.Repair(i)
		t.ByID[i].Fingers = t.SomeFingers()
		t.Keyframe(t.ByID[i])
	}
	return t
}

// Newcomer makes the member with a number, without a place in the ring.
func (t *ChurningRing) Newcomer(i int) *Actor {
	addr := fmt.Sprintf("10.0.%d.%d:7001", i>>8&255, i&255)
	peer := chord.Peer{ID: t.Space.MemberID(addr, i), Addr: addr, Incarnation: int64(i + 1)}
	a := &Actor{Self: peer, Live: true}
	t.Members = append(t.Members, a)
	return a
}

// SomeFingers returns as many finger runs as a member of a ring of this size has.
func (t *ChurningRing) SomeFingers() []chordevent.FingerRun {
	var runs []chordevent.FingerRun
	for n, last := len(t.ByID), 159; n > 0; n, last = n/2, last-1 {
		first := last
		if n == 1 {
			first = 0
		}
		to := t.ByID[t.Random.IntN(len(t.ByID))]
		runs = append(runs, chordevent.FingerRun{First: first, Last: last, Peer: chordevent.PeerRef{Peer: to.Self, Seq: to.Seq}})
	}
	slices.Reverse(runs)
	return runs
}

// At returns the live member with a rank, counted around the circle.
func (t *ChurningRing) At(i int) *Actor { return t.ByID[(i+len(t.ByID))%len(t.ByID)] }

// Repair gives a member the right pointers, and emits an event if they were wrong.
func (t *ChurningRing) Repair(i int) {
	a := t.At(i)
	list := make([]chord.Peer, ChurningListLen)
	for k := range list {
		list[k] = t.At(i + 1 + k).Self
	}
	if pred := t.At(i - 1).Self; a.State.Pred != pred {
		t.SetPred(a, pred)
		a.Owned = chordevent.Ownership{Owns: true, From: pred.ID, Epoch: a.Owned.Epoch + 1}
		t.Emit(a, chordevent.OwnershipChanged{Ownership: a.Owned})
	}
	if !slices.Equal(a.State.Succ, list) {
		t.SetSucc(a, list)
	}
}

// RepairAround repairs the member with a rank and those before it, after a change there.
func (t *ChurningRing) RepairAround(i int) {
	for k := i; k >= i-ChurningListLen; k-- {
		t.Repair(k)
	}
}

// Join adds a new member.
func (t *ChurningRing) Join() {
	a := t.Newcomer(len(t.Members))
	i, _ := slices.BinarySearchFunc(t.ByID, a.Self.ID, func(b *Actor, id chord.ID) int { return b.Self.ID.Compare(id) })
	t.ByID = slices.Insert(t.ByID, i, a)
	t.Emit(a, t.Started(a))
	t.Emit(a, chordevent.Joined{})
	t.RepairAround(i + 1)
	a.Fingers = t.SomeFingers()
	t.Emit(a, chordevent.FingersChanged{Runs: a.Fingers})
}

// CrashOne ends a member; the member before it reports the crash.
func (t *ChurningRing) CrashOne() {
	i := t.Random.IntN(len(t.ByID))
	t.Crash(t.ByID[i], t.At(i-1))
	t.ByID = slices.Delete(t.ByID, i, i+1)
	t.RepairAround(i)
}

// Second advances by a second: every member emits its load, one in ten emits a keyframe, and some join and crash.
func (t *ChurningRing) Second(churn int) {
	until := t.Now.Add(time.Second)
	for _, a := range t.ByID {
		a.Load.Gets += 3
		a.Load.Puts++
		t.Emit(a, chordevent.NodeLoad{Load: a.Load})
		if t.Random.IntN(10) == 0 {
			t.Keyframe(a)
		}
	}
	for range churn {
		t.Join()
		t.CrashOne()
	}
	if t.Now.Before(until) {
		t.Now = until
	}
}
