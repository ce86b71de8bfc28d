package keeper

import (
	"testing"
	"time"
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
		{-300, forClient, true}, // what makes room always may
		{100, forClient, true},
		{0, forClient, true},
	}
	for i, s := range steps {
		if got := b.take(s.n, s.why); got != s.want {
			t.Errorf("step %d: take %d: %v", i, s.n, got)
		}
	}
	if b.Used() != 1000 || !b.full() {
		t.Errorf("used %d, full %v", b.Used(), b.full())
	}
	if free := NewHostBudget(0); !free.take(1<<50, forClient) || free.full() {
		t.Error("a limit of 0 is one")
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
	r.copies = 3
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
