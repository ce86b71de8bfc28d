package kv

import (
	"context"
	"testing"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
)

// A meddler changes the register of a Keeper while that one asks it.
type meddler struct {
	*Keeper
	of   *Keeper
	once bool
}

func (m *meddler) Survey(ctx context.Context, q *nodepb.SurveyRequest) (*nodepb.SurveyResponse, error) {
	if !m.once {
		m.once = true
		m.of.mu.Lock()
		m.of.sweepSoon()
		m.of.mu.Unlock()
	}
	return m.Keeper.Survey(ctx, q)
}

// TestSweepRequestedDuringASweep: a sweep that is requested while one is under way follows it at once, because the first
// one may have passed what has become an orphaned replica since.
func TestSweepRequestedDuringASweep(t *testing.T) {
	w, a, b, _ := pair(t)
	rec := record(wideSpace(), 1, 7)
	b.setRegister(&terms.Ownership{Owner: b.self, From: b.self.ID, Epoch: 9})
	a.setRegister(nil)
	a.member.(*fakeMember).lookup = func(chord.ID) chord.Peer { return b.self }
	if _, err := a.merge(rec, forKeeps); err != nil {
		t.Fatal(err)
	}
	w.others[b.self.Addr] = &meddler{Keeper: b, of: a}
	for range 2 {
		if !a.sweep.IsZero() {
			t.Fatalf("the next sweep is due %v", a.sweep)
		}
		if _, err := a.repairRound(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if a.sweep.IsZero() {
		t.Error("a sweep is due although none has been requested since")
	}
}
