package judge

import (
	"testing"
	"time"

	"chordconductor/conductor/lab/result"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// numbers are the bounds of a Watch without a share of the memory.
var numbers = boundsOf(nil)

// TestFates judges how incarnations ended, by events in any order and by the view.
func TestFates(t *testing.T) {
	failed := func(by, of byte, inc int64, at float64) *chordevent.Event {
		return event(by, 5, at, chordevent.PeerFailed{Peer: chordevent.PeerRef{Peer: chord.Peer{ID: id(of), Incarnation: inc}, Seq: 3}})
	}
	left := event(3, 9, 6, chordevent.Left{})
	events := []*chordevent.Event{failed(20, 1, 1, 4), failed(21, 1, 1, 3), failed(22, 2, 1, 5), failed(23, 3, 1, 7), left, failed(24, 4, 1, 8)}
	view := &ring.View{Members: []*ring.Member{
		{ID: id(1), Incarnation: 1, Status: ring.Failed},
		{ID: id(2), Incarnation: 1, Status: ring.Active}, // the report was refuted
		{ID: id(4), Incarnation: 2, Status: ring.Active},
		{ID: id(5), Incarnation: 2, Status: ring.Active},
	}}
	for shift := range len(events) {
		var e ends
		for i := range events {
			e.append(events[(i+shift)%len(events)], &numbers)
		}
		for member, want := range map[byte]result.HolderFate{
			1: {Fate: result.FateCrashed, At: noon.Add(3 * time.Second), By: id(21)},
			2: {Fate: result.FateOnRing},
			3: {Fate: result.FateLeft, At: noon.Add(6 * time.Second)},
			4: {Fate: result.FateCrashed, At: noon.Add(8 * time.Second), By: id(24)},
			5: {Fate: result.FateAgain},
			6: {Fate: result.FateUnknown},
		} {
			want.Peer = chord.Peer{ID: id(member), Incarnation: 1}
			if got := e.fateOf(want.Peer, view); got != want {
				t.Errorf("events from %d on: member %d: %+v, want %+v", shift, member, got, want)
			}
		}
	}
}

// TestEndsAreBounded: the oldest ends and moves are dropped.
func TestEndsAreBounded(t *testing.T) {
	var e ends
	for i := range int64(maxEnds + 100) {
		e.append(event(1, 1, float64(i), chordevent.PeerFailed{Peer: chordevent.PeerRef{Peer: chord.Peer{ID: id(2), Incarnation: 1 + i}}}), &numbers)
		e.append(event(1, 1, float64(i), chordevent.KeysMoved{Phase: chordevent.MoveDone, Outgoing: true, From: id(1), To: id(5)}), &numbers)
	}
	if len(e.byMember) != maxEnds || len(e.order) != maxEnds || len(e.moves) > keptMoves {
		t.Errorf("%d ends in order %d, %d moves", len(e.byMember), len(e.order), len(e.moves))
	}
	if moves := e.movesOf(id(3), noon); len(moves) != maxLostMoves || moves[len(moves)-1].At != noon.Add((maxEnds+99)*time.Second) {
		t.Errorf("%d moves", len(moves))
	}
}
