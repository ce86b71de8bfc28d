package member_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"chordconductor/node/env"
	"chordconductor/node/member"
	"chordconductor/node/nodepb"
	"chordconductor/node/simenv"
)

// lostAnswers accepts lookups to be passed on, and loses the answers.
type lostAnswers struct {
	nodepb.RingServer
	calls *int
}

func (l lostAnswers) Forward(ctx context.Context, q *nodepb.ForwardRequest) (*nodepb.ForwardResponse, error) {
	*l.calls++
	if _, err := l.RingServer.Forward(ctx, q); err != nil {
		return nil, err
	}
	return nil, env.ErrTimeout
}

// TestCopiesOfALookupAreBounded: if the answers of all hops of a recursive lookup are lost, each hop sends a copy to each
// of its candidates. Each member passes on one of them, so that their number does not grow with each hop.
func TestCopiesOfALookupAreBounded(t *testing.T) {
	const hosts, lookups = 16, 5
	w := newSimWorld(t, simenv.Config{Seed: 1})
	calls := 0
	w.wrap = func(r nodepb.RingServer) nodepb.RingServer { return lostAnswers{r, &calls} }
	f := newFleet(t, w, ringOnly, hosts)
	f.ideal(20 * time.Second)
	calls = 0
	for i := range lookups {
		w.do(t, f.hosts[i], func(ctx context.Context) {
			_, _ = f.hosts[i].Any().Find(ctx, f.hosts[i].Space().Hash(fmt.Appendf(nil, "key %d", i)), member.Recursive)
		})
	}
	f.rest(30 * time.Second)
	if most := lookups * 2 * hosts * 6; calls == 0 || calls > most { // final or not, and at most 6 candidates
		t.Errorf("%d calls for %d lookups, want at most %d", calls, lookups, most)
	} else {
		t.Log(calls, "calls")
	}
}
