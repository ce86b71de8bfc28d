package ring

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"chordconductor/conductor/ring/ringtest"
	"chordconductor/otel/chordevent"
)

func TestViewsShareWhatHasNotChanged(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 6)
	before := r.View()
	if r.View() != before {
		t.Error("two views of the same state")
	}
	copied := slices.Clone(before.Members)
	w.Emit(w.Members[3], chordevent.NodeLoad{Load: chordevent.Load{Gets: 5}})
	after := r.View()
	for i, m := range after.Members {
		if changed := i == 3; (m != before.Members[i]) != changed {
			t.Errorf("member %d: shared is %v", i, m == before.Members[i])
		}
	}
	if !slices.Equal(copied, before.Members) {
		t.Error("an earlier view has changed")
	}
	if m := after.Members[3]; m.Changed != after.Seq || m.Load.Gets != 5 || before.Members[3].Load.Gets != 0 {
		t.Errorf("changed at %d of %d, %+v", m.Changed, after.Seq, m.Load)
	}
	r.Advance(w.Now.Add(time.Second))
	if later := r.View(); later == after || later.Seq != after.Seq || &later.Members[0] != &after.Members[0] {
		t.Error("when only time has passed, the view has a new time and nothing else")
	}
}

func TestMovesHaveTwoSides(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 6)
	source, receiver := w.Members[2], w.Members[1]
	started := w.Event(source, chordevent.KeysMoved{
		MoveID: "m", Phase: chordevent.MoveStarted, Outgoing: true, Peer: chordevent.PeerRef{Peer: receiver.Self}, Reason: chordevent.MoveJoin,
	})
	done := w.Event(receiver, chordevent.KeysMoved{
		MoveID: "m", Phase: chordevent.MoveDone, Peer: chordevent.PeerRef{Peer: source.Self}, Keys: 12, Bytes: 99, Reason: chordevent.MoveJoin,
	})
	want := Move{
		ID: "m", Source: source.Self.ID, Receiver: receiver.Self.ID, Phase: chordevent.MoveDone, Reason: chordevent.MoveJoin,
		Keys: 12, Bytes: 99, Started: started.Time, Updated: done.Time,
	}
	r.Apply(done, w.Now)
	r.Apply(started, w.Now)
	if v := r.View(); len(v.Moves) != 1 || *v.Moves[0] != want {
		t.Errorf("%+v", v.Moves)
	}
	for i := range 3 * maxMoves {
		w.Emit(source, chordevent.KeysMoved{MoveID: fmt.Sprint(i), Phase: chordevent.MoveStarted, Outgoing: true})
	}
	v := r.View()
	if len(v.Moves) != maxMoves || v.Moves[0].ID != fmt.Sprint(3*maxMoves-1) {
		t.Errorf("%d moves, the newest is %q", len(v.Moves), v.Moves[0].ID)
	}
	pass(w, r, 6*time.Minute)
	if v := r.View(); len(v.Moves) != 0 {
		t.Errorf("%d moves that ended long ago", len(v.Moves))
	}
}

func TestLossesAreCountedByProcess(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 4)
	lose := func(a *ringtest.Actor, process string, lost int64) {
		ev := w.Event(a, chordevent.State{Started: w.Started(a), Status: chordevent.StatusActive, Successors: ringtest.Refs(a.State.Succ), Lost: lost})
		ev.Instance = process
		r.Apply(ev, w.Now)
	}
	lose(w.Members[0], "one", 3)
	lose(w.Members[1], "one", 5) // the same process, later
	lose(w.Members[2], "two", 4)
	if lost := r.View().Counts.Lost; lost != 9 {
		t.Errorf("%d lost, want 9", lost)
	}
}

// TestMovesAreNewsOnce: a batch received twice changes nothing, whether a view was made in between or not.
func TestMovesAreNewsOnce(t *testing.T) {
	for _, looked := range []bool{false, true} {
		r := New(Options{})
		w := settled(t, r, 3)
		ev := w.Event(w.Members[0], chordevent.KeysMoved{MoveID: "a", Phase: chordevent.MoveStarted, Reason: chordevent.MoveJoin, Outgoing: true, Peer: chordevent.PeerRef{Peer: w.Members[1].Self}})
		first := r.Apply(ev, w.Now)
		if looked {
			r.View()
		}
		if again := r.Apply(ev, w.Now); !first.Applied || again.Applied {
			t.Errorf("looked at meanwhile: %t; new at first: %t, again: %t", looked, first.Applied, again.Applied)
		}
	}
}
