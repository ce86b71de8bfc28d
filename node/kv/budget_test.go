package kv

import (
	"testing"
	"time"

	"chordconductor/node/chord"
)

func TestBudget(t *testing.T) {
	b := NewHostBudget(1000)
	steps := []struct {
		n    int64
		why  purpose
		want bool
	}{
		{900, forClient, true},
		{200, forClient, false},
		{100, forClient, true},
		{1, forClient, false},
		{200, forKeeps, true},
		{100, forKeeps, false},
		{-300, forClient, true}, // a negative amount always succeeds
		{100, forClient, true},
		{0, forClient, true},
	}
	for i, s := range steps {
		if got := b.take(s.n, s.why); got != s.want {
			t.Errorf("step %d: take %d: %v", i, s.n, got)
		}
	}
	if b.Used() != 1000 || b.room(time.Time{}) != 0 {
		t.Errorf("used %d, room %d", b.Used(), b.room(time.Time{}))
	}
	if free := NewHostBudget(0); !free.take(1<<50, forClient) || free.room(time.Time{}) != maxRoom {
		t.Error("a limit of 0 is one")
	}
}

// TestReservations: reserved room is not available to others until it is redeemed or lapses, and at the bound further
// reservations are refused.
func TestReservations(t *testing.T) {
	b, now := NewHostBudget(1000), time.UnixMilli(0)
	id := func(n int) (id [requestIDSize]byte) { id[0], id[1] = byte(n), byte(n>>8); return id }
	hold := func(n int, bytes int64, why purpose) bool {
		return b.hold(id(n), bytes, why, now, now.Add(time.Second))
	}
	if !hold(1, 700, forClient) || hold(2, 400, forClient) || !hold(3, 400, forKeeps) || b.room(now) != 0 {
		t.Fatalf("used %d", b.Used())
	}
	if !hold(1, 600, forClient) || b.Used() != 1000 {
		t.Errorf("the same reservation again: used %d", b.Used())
	}
	b.redeem(id(3))
	b.redeem(id(3))
	b.redeem(id(99))
	if b.room(now) != 400 {
		t.Errorf("room %d after one of two was redeemed", b.room(now))
	}
	now = now.Add(time.Second)
	if b.room(now) != 1000 || b.Used() != 0 {
		t.Errorf("room %d after all have lapsed", b.room(now))
	}
	b = NewHostBudget(1 << 40)
	for n := range maxReservations {
		if !hold(n, 1, forClient) {
			t.Fatalf("reservation %d refused", n)
		}
	}
	if hold(maxReservations, 1, forClient) || b.Used() != maxReservations {
		t.Errorf("beyond the bound: used %d", b.Used())
	}
}

func TestRequestsRunOnce(t *testing.T) {
	var rs requests
	now := time.UnixMilli(0)
	id := func(n int) (id [requestIDSize]byte) { id[0], id[1] = byte(n), byte(n>>8); return id }
	r, run := rs.begin(id(1), now, time.Minute)
	if !run {
		t.Fatal("a first try does not run")
	}
	if _, run := rs.begin(id(1), now, time.Minute); run {
		t.Fatal("a second try runs beside the first")
	}
	rs.end(r)
	if r2, run := rs.begin(id(1), now, time.Minute); !run || r2 != r {
		t.Fatal("a later try of a failed one does not run as the same request")
	}
	r.replicas = make([]chord.Peer, 3)
	rs.end(r)
	if _, run := rs.begin(id(1), now, time.Minute); run {
		t.Fatal("an acknowledged request runs again")
	}
	for i := range maxRequests {
		rs.begin(id(i+2), now, time.Minute)
	}
	if len(rs.byID) != maxRequests || len(rs.order) != maxRequests {
		t.Errorf("%d requests remembered, want %d", len(rs.byID), maxRequests)
	}
	if _, run := rs.begin(id(1), now, time.Minute); !run {
		t.Error("the oldest request is not the one forgotten")
	}
	if rs.begin(id(0), now.Add(time.Hour), time.Minute); len(rs.byID) != 1 {
		t.Errorf("an hour later %d requests are remembered, want 1", len(rs.byID))
	}
}
