package kv

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/kv/ownership"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/retry"
	"chordconductor/node/wire"
)

// A slowMember finds no owner, however much time a lookup has. Something happens during the first one.
type slowMember struct {
	*fakeMember
	w         *fakeWorld
	part      int // of the first lookup, in percent, until then
	meanwhile func()
	next      func() // at the beginning of each later lookup
}

func (m *slowMember) LookupWithin(_ context.Context, _ chord.ID, limit time.Duration) (chord.Peer, error) {
	end := m.w.now.Add(limit)
	if m.meanwhile != nil {
		m.w.now = m.w.now.Add(limit * time.Duration(m.part) / 100)
		m.meanwhile()
		m.meanwhile = nil
	} else {
		m.next()
	}
	m.w.now = end
	return chord.Peer{}, env.ErrTimeout
}

// TestSilentHandoffsEndDuringLookups: a handoff that begins at any time during the lookup of a claim, and whose source is
// never there again, is given up seven call limits and two pauses later at most. Until then the member claims nothing.
func TestSilentHandoffsEndDuringLookups(t *testing.T) {
	s := wideSpace()
	rapid.Check(t, func(rt *rapid.T) {
		w := newFakeWorld()
		self, source := chord.Peer{ID: s.FromUint64(100), Addr: "self", Incarnation: 1}, chord.Peer{ID: s.FromUint64(50), Addr: "gone", Incarnation: 1}
		limit := time.Duration(rapid.IntRange(10, 2000).Draw(rt, "call limit")) * time.Millisecond
		k, m := w.add(t, terms.Ownership{Owner: self}, Config{Space: s, Replicas: 2, CallLimit: limit}, source)
		part := rapid.IntRange(0, 100).Draw(rt, "percent of the lookup before it begins")
		var began, ended time.Time
		check := func() {
			k.mu.Lock()
			if !began.IsZero() && ended.IsZero() && !k.in.Some() {
				ended = w.now
			}
			k.mu.Unlock()
		}
		k.member = &slowMember{fakeMember: m, w: w, part: part, next: check, meanwhile: func() {
			began = w.now
			grant := terms.Ownership{Owner: self, From: source.ID, Epoch: 2}
			r, err := k.Move(t.Context(), &nodepb.MoveRequest{
				Call: &nodepb.Call{Target: self.ID[:], From: wire.Peer(source), Clock: m.clock.Now(), Version: 2}, MoveId: "one",
				Phase: nodepb.MoveRequest_PHASE_BEGIN, Grant: wire.Ownership(grant), RangeTo: self.ID[:], Reason: nodepb.MoveRequest_REASON_JOIN,
			})
			if err != nil || r.Outcome == nodepb.MoveResponse_OUTCOME_REFUSED {
				rt.Fatalf("begin: %v, %v", r, err)
			}
		}}
		var claims ownership.ClaimPace
		for round := 0; ended.IsZero() && round < 100; round++ {
			pause, err := k.reconcileOnce(t.Context(), &claims)
			if stopped(err) {
				rt.Fatal(err)
			}
			check()
			w.now = w.now.Add(pause)
		}
		if took := ended.Sub(began); ended.IsZero() || took > (claimLookup+3)*limit+2*retry.Reconcile {
			rt.Fatalf("given up after %v, %v call limits", took, float64(took)/float64(limit))
		}
	})
}
