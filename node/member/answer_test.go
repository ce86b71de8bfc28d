package member_test

import (
	"context"
	"testing"
	"time"

	"chordconductor/node/env"
	"chordconductor/node/member"
	"chordconductor/node/nodepb"
	"chordconductor/node/simenv"
)

// An answerLoss loses the answers of recursive lookups.
type answerLoss struct {
	nodepb.RingServer
	count map[uint64]int // by lookup
}

func (l answerLoss) Answer(_ context.Context, q *nodepb.AnswerRequest) (*nodepb.AnswerResponse, error) {
	l.count[q.Lookup]++
	return nil, env.ErrTimeout
}

// An answer that is lost is sent exactly once more. If that one is lost too, the lookup continues iteratively.
func TestLostAnswerIsSentOnceMore(t *testing.T) {
	w, count := newSimWorld(t, simenv.Config{Seed: 1}), map[uint64]int{}
	w.wrap = func(s nodepb.RingServer) nodepb.RingServer { return answerLoss{s, count} }
	f := newFleet(t, w, ringOnly, 3)
	f.ideal(time.Minute)
	f.rest(10 * base)
	asks, owner := f.hosts[0], f.hosts[1].Members()[0].Self()
	clear(count)
	w.do(t, asks, func(ctx context.Context) {
		if found, err := asks.Any().Find(ctx, owner.ID, member.Recursive); err != nil || found.Owner != owner {
			t.Errorf("owner %v, %v", found.Owner, err)
		}
	})
	if len(count) == 0 {
		t.Error("no answer was sent")
	}
	for lookup, times := range count {
		if times != 2 {
			t.Errorf("the answer of lookup %x is sent %d times, want twice", lookup, times)
		}
	}
}
