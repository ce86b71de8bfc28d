package simtest

import (
	"context"
	"path"
	"testing"
	"time"

	"google.golang.org/grpc"

	"chordconductor/node/env"
	"chordconductor/node/kv"
)

// keyCalls counts the calls of the key service that a host makes.
type keyCalls struct {
	env.Env
	count map[string]int
}

func (e keyCalls) Conn(addr string, limit time.Duration) grpc.ClientConnInterface {
	return env.Call(func(ctx context.Context, method string, request, answer any) error {
		if service, name := path.Split(method); service == "/chord.v1.Keys/" {
			e.count[name]++
		}
		return e.Env.Conn(addr, limit).Invoke(ctx, method, request, answer)
	})
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
