package simtest

import (
	"context"
	"testing"
	"time"

	"chordconductor/node/env"
	"chordconductor/node/kv"
	"chordconductor/node/nodepb"
)

// keyCalls counts the calls of the key service that a host makes.
type keyCalls struct {
	env.Env
	count map[string]int
}

func (e keyCalls) Keys(addr string, limit time.Duration) nodepb.KeysServer {
	return countedCalls{e.Env.Keys(addr, limit), e.count}
}

type countedCalls struct {
	nodepb.KeysServer
	count map[string]int
}

func (c countedCalls) Survey(ctx context.Context, q *nodepb.SurveyRequest) (*nodepb.SurveyResponse, error) {
	c.count["Survey"]++
	return c.KeysServer.Survey(ctx, q)
}

func (c countedCalls) Compare(ctx context.Context, q *nodepb.CompareRequest) (*nodepb.CompareResponse, error) {
	c.count["Compare"]++
	return c.KeysServer.Compare(ctx, q)
}

func (c countedCalls) Move(ctx context.Context, q *nodepb.MoveRequest) (*nodepb.MoveResponse, error) {
	c.count["Move"]++
	return c.KeysServer.Move(ctx, q)
}

func (c countedCalls) Discard(ctx context.Context, q *nodepb.DiscardRequest) (*nodepb.DiscardResponse, error) {
	c.count["Discard"]++
	return c.KeysServer.Discard(ctx, q)
}

// TestLeaveOfAMemberWithoutKeys: such a leave once took 400 surveys and 400 comparisons. With nothing to hand off it
// takes the few messages of the move of an empty range.
func TestLeaveOfAMemberWithoutKeys(t *testing.T) {
	for _, keys := range []int{0, 40} {
		r := settledRing(t, plan{hosts: 6, replicas: 3})
		r.fill(t, keys)
		r.w.Run(repairTime)
		count := map[string]int{}
		h := r.hosts[3]
		h.layer.Env = keyCalls{h.layer.Env, count}
		r.leaveAll(t, h)
		total := 0
		for _, n := range count {
			total += n
		}
		if limit := 8 + keys; total > limit || keys == 0 && count["Compare"]+count["Discard"] > 1 {
			t.Errorf("%d keys: %d calls, want %d at most: %v", keys, total, limit, count)
		}
		t.Logf("%d keys: %v", keys, count)
		r.settle(t)
		r.on(t, r.hosts[0], func(ctx context.Context, k *kv.Keeper) {
			for n := range keys {
				if _, err := k.Get(ctx, keyName(n)); err != nil {
					t.Errorf("get of key %d: %v", n, err)
				}
			}
		})
	}
}
