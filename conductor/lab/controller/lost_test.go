package controller

import (
	"fmt"
	"testing"
	"time"

	"chordconductor/conductor/lab/load"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// numbers are the bounds of a Watch without a share.
var numbers = boundsOf(nil)

// TestLostKeysAreNamed crashes as many neighbours as there are replicas, for several numbers of them, and expects of
// each lost key when it was written, where its replicas were, and how they were lost.
func TestLostKeysAreNamed(t *testing.T) {
	for replicas := 1; replicas <= 3; replicas++ {
		for seed := range uint64(3) {
			t.Run(fmt.Sprintf("%d replicas, seed %d", replicas, seed), func(t *testing.T) {
				text := fmt.Sprintf("ring: {members: 12, replicas: %d, successors: 8}\nseed: %d\nworkload: {rate: 60/s, keys: 300, reads: 0.2, lookups: 0}\n"+
					"phases: [{name: harm, at: 12s, crash: %d, adjacent: true}, {at: 12500ms, workload: {rate: 1/s, reads: 1}}]\nduration: 30s\nexpect: {lost_keys: 0}\n",
					replicas, 1+seed, replicas)
				s, err := scenario.Parse("x", []byte(text))
				if err != nil {
					t.Fatal(err)
				}
				r, err := RunVirtual(t.Context(), s, Tap{}, nil)
				if err != nil {
					t.Fatal(err)
				}
				if r.Keys.Lost == 0 || len(r.Lost) != min(r.Keys.Lost, maxLost) || r.Passed() {
					t.Fatalf("%d keys lost, %d described, passed %v, notes %q", r.Keys.Lost, len(r.Lost), r.Passed(), r.Notes)
				}
				writes, ends := 0, 0 // that have a trace
				for _, k := range r.Lost {
					if k.Copies != replicas || len(k.Holders) != replicas || k.Found == load.NoAnswer {
						t.Fatalf("%+v: expected %d replicas", k, replicas)
					}
					if at := k.Written.Sub(r.Started); at <= 0 || at > 13*time.Second {
						t.Errorf("%s: written at %v", k.Key, at)
					}
					for _, h := range k.Holders {
						if h.Fate != FateCrashed || h.At.Before(r.Started.Add(12*time.Second)) || h.Phase != "harm" || h.By == h.Peer.ID {
							t.Errorf("%s: %+v", k.Key, h)
						}
						if h.Trace.IsValid() {
							ends++
						}
					}
					if k.Trace != "" {
						writes++
					}
				}
				if writes == 0 || ends == 0 {
					t.Errorf("%d writes and %d ends have a trace", writes, ends)
				}
			})
		}
	}
}

// TestFates judges ends of incarnations by events in any order and by the view.
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
		for member, want := range map[byte]HolderFate{
			1: {Fate: FateCrashed, At: noon.Add(3 * time.Second), By: id(21)},
			2: {Fate: FateOnRing},
			3: {Fate: FateLeft, At: noon.Add(6 * time.Second)},
			4: {Fate: FateCrashed, At: noon.Add(8 * time.Second), By: id(24)},
			5: {Fate: FateAgain},
			6: {Fate: FateUnknown},
		} {
			want.Peer = chord.Peer{ID: id(member), Incarnation: 1}
			if got := e.fateOf(want.Peer, view); got != want {
				t.Errorf("events from %d on: member %d: %+v, want %+v", shift, member, got, want)
			}
		}
	}
}

// TestEndsAreBounded: the oldest ends and moves are forgotten.
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
