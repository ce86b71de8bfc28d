package live

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// The window's quantiles are right to within the width of a bucket.
func TestWindowQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		durations := rapid.SliceOfN(rapid.Int64Range(0, int64(24*time.Hour)), 1, 200).Draw(t, "durations")
		q := rapid.Float64Range(.01, 1).Draw(t, "q")
		var w window
		now := time.Unix(1790000000, 0)
		for _, d := range durations {
			w.add(now, time.Duration(d))
		}
		slices.Sort(durations)
		rank := 0
		for float64(rank+1) < q*float64(len(durations)) {
			rank++
		}
		want, got := time.Duration(durations[rank]), w.quantiles(now, q)[0]
		if off := max(want/8, 2*time.Microsecond); got < want-off || got > want+off {
			t.Fatalf("quantile %v is %v, want %v", q, got, want)
		}
	})
}

func TestWindowForgets(t *testing.T) {
	var w window
	now := time.Unix(1790000000, 0)
	w.add(now, time.Second)
	w.add(now.Add(5*time.Second), time.Minute)
	if q := w.quantiles(now.Add(9*time.Second), .5)[0]; q < 900*time.Millisecond || q > 1100*time.Millisecond {
		t.Errorf("median %v of a second and a minute", q)
	}
	if q := w.quantiles(now.Add(10*time.Second), .5)[0]; q < 50*time.Second {
		t.Errorf("median %v after ten seconds, want the minute alone", q)
	}
	if q := w.quantiles(now.Add(time.Hour), .5)[0]; q != 0 {
		t.Errorf("median %v after an hour", q)
	}
	w.add(now, time.Second) // the clock was set back
	if q := w.quantiles(now.Add(time.Hour), .5)[0]; q == 0 {
		t.Error("what is added after the clock was set back is lost")
	}
}

func TestRecentKeepsTheLast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := recent[int]{limit: rapid.IntRange(1, 20).Draw(t, "limit")}
		n := rapid.IntRange(0, 60).Draw(t, "added")
		for i := range n {
			r.add(i)
		}
		tail := rapid.IntRange(-1, 70).Draw(t, "tail")
		want := min(max(tail, 0), n, r.limit)
		got := r.tail(tail)
		if len(got) != want || want > 0 && (got[0] != n-want || got[want-1] != n-1) {
			t.Fatalf("tail(%d) of %d = %v, want the last %d", tail, n, got, want)
		}
		after := rapid.Uint64Range(0, 80).Draw(t, "after")
		got, newest := r.since(after)
		if newest != uint64(n) || len(got) != min(max(n-int(after), 0), r.limit) {
			t.Fatalf("since(%d) of %d = %v", after, n, got)
		}
	})
}

func TestTexts(t *testing.T) {
	peer := func(n byte) chordevent.PeerRef {
		return chordevent.PeerRef{Peer: chord.Peer{ID: chord.ID{18: 0xa0, 19: n}, Addr: "127.0.0.1:7001"}}
	}
	none := chordevent.PeerRef{}
	for want, body := range map[string]chordevent.Body{
		"starts to join, at 10.0.0.3:7001":                   chordevent.Started{Address: "10.0.0.3:7001"},
		"founded the ring":                                   chordevent.Joined{},
		"joined through a001":                                chordevent.Joined{Through: peer(1)},
		"has no successor":                                   chordevent.SuccessorsChanged{Successors: []chordevent.PeerRef{none}},
		"has successors a001, a002":                          chordevent.SuccessorsChanged{Successors: []chordevent.PeerRef{peer(1), peer(2), none}},
		"has successors a001, a002, a003 and 1 more":         chordevent.SuccessorsChanged{Successors: []chordevent.PeerRef{peer(1), peer(2), peer(3), peer(4)}},
		"has no predecessor":                                 chordevent.PredecessorChanged{},
		"has predecessor a001":                               chordevent.PredecessorChanged{Predecessor: peer(1)},
		"is responsible for no keys":                         chordevent.OwnershipChanged{},
		"is responsible for the keys from a001 on (epoch 4)": chordevent.OwnershipChanged{Ownership: chordevent.Ownership{Owns: true, From: peer(1).ID, Epoch: 4}},
		"set finger 7":                                       chordevent.FingersChanged{Runs: []chordevent.FingerRun{{First: 7, Last: 7}}},
		"set fingers 0 to 15, 2 runs":                        chordevent.FingersChanged{Runs: []chordevent.FingerRun{{First: 0, Last: 7}, {First: 8, Last: 15}}},
		"lost contact with a001 while stabilizing":           chordevent.PeerFailed{Peer: peer(1), Operation: "chord.stabilize"},
		"sends a range to a001 (join)":                       chordevent.KeysMoved{Phase: chordevent.MoveStarted, Outgoing: true, Peer: peer(1), Reason: chordevent.MoveJoin},
		"received 12 keys, 3.3 KiB, from a001 (leave)":       chordevent.KeysMoved{Phase: chordevent.MoveDone, Peer: peer(1), Keys: 12, Bytes: 3400, Reason: chordevent.MoveLeave},
		"failed to receive 1 key, 7 B, from a001 (repair)":   chordevent.KeysMoved{Phase: chordevent.MoveFailed, Peer: peer(1), Keys: 1, Bytes: 7, Reason: chordevent.MoveRepair},
		"holds 5 keys and 10 replicas, 1.8 MiB":              chordevent.NodeLoad{Load: chordevent.Load{OwnedKeys: 5, ReplicaKeys: 10, Bytes: 1_900_000}},
		"leaves; a001 takes over":                            chordevent.Leaving{Successor: peer(1)},
		"left":                                               chordevent.Left{},
		"reported its whole state: active":                   chordevent.State{Status: chordevent.StatusActive},
	} {
		if got := (describer{digits: 4}).text(body); got != want {
			t.Errorf("%T: %q, want %q", body, got, want)
		}
	}
}

// TestForeignSendersGiveWay: once the list is full, a new sender of another ring is listed as soon as a listed sender
// has been silent for long, and not before.
func TestForeignSendersGiveWay(t *testing.T) {
	var f foreign
	now := time.Unix(1790000000, 0)
	note := func(instance int, at time.Time) bool {
		return f.note(&chordevent.Event{Ring: "other", Instance: fmt.Sprint(instance)}, at)
	}
	for i := range maxForeign {
		if !note(i, now) {
			t.Fatalf("sender %d is not distinguished", i)
		}
	}
	if note(maxForeign, now.Add(foreignFor)) {
		t.Error("one sender too many takes the place of another")
	}
	now = now.Add(foreignFor + time.Second)
	for i := 1; i < maxForeign; i++ {
		note(i, now)
	}
	if !note(maxForeign+1, now) || note(maxForeign+2, now) {
		t.Error("one place, of the sender that is silent, is free for one other")
	}
	if list := f.now(); len(list) != maxForeign || slices.ContainsFunc(list, func(x ForeignRing) bool { return x.Instance == "0" }) {
		t.Errorf("%+v", list)
	}
}
