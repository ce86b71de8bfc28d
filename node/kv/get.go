package kv

import (
	"context"
	"errors"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// serveGet reads a key of this member's range. It returns a version that is on R hosts, or on all
// hosts that can store it.
func (k *Keeper) serveGet(ctx context.Context, id chord.ID, key string) *nodepb.ApplyResponse {
	retry := answerOnly(nodepb.ApplyResponse_OUTCOME_RETRY)
	if !k.confirm(ctx, chordevent.SpanGet) {
		return retry
	}
	r, settled, err := k.readRepair(ctx, id, key, chordevent.SpanGet)
	if err != nil {
		return retry
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	own := k.reg.Load()
	if own == nil || !own.Covers(id) {
		return retry
	}
	if r == nil && settled {
		r, settled = k.unsettled.Readable(key, k.store.Get(id, key))
	}
	if r != nil && !settled {
		k.mu.Unlock()
		err := k.writeBack(ctx, *own, r, chordevent.SpanGet)
		k.mu.Lock()
		if err != nil || !k.Owns(id) {
			return retry
		}
	}
	k.gets++
	if r == nil || r.Deleted || r.Expires != 0 && r.Expires <= k.clock.Millis() {
		return answerOnly(nodepb.ApplyResponse_OUTCOME_NOT_FOUND)
	}
	return &nodepb.ApplyResponse{Outcome: nodepb.ApplyResponse_OUTCOME_OK, Record: recordToWire(r)}
}

// confirm verifies that this member has not been replaced as the owner while it was paused or
// partitioned: an owner that no replica has answered for some time calls one before it serves. A
// member that takes the range over needs two call limits of silence to find the owner dead, so half
// of that is left for clocks and messages under way. A write with R > 1 needs no such call, because
// it is sent to the replicas itself. If no other host answers, the owner serves. Each host is
// called once; the first one, which would take the range over, is called before the others.
func (k *Keeper) confirm(ctx context.Context, operation string) bool {
	var asked []chord.Peer
	answered := false
	for {
		k.mu.Lock()
		own, fresh := k.reg.Load(), k.env.Now().Sub(k.confirmed) < k.lease()
		k.mu.Unlock()
		if own == nil || fresh {
			return own != nil
		}
		hosts := slices.DeleteFunc(slices.Clone(k.hosts(ctx, 1)), func(p chord.Peer) bool { return slices.Contains(asked, p) })
		if len(hosts) == 0 {
			return !answered // otherwise the register has changed meanwhile
		}
		if len(asked) == 0 {
			hosts = hosts[:1]
		}
		asked = append(asked, hosts...)
		errs := make([]error, len(hosts))
		if err := k.each(ctx, len(hosts), func(ctx context.Context, i int) { errs[i] = k.announce(ctx, hosts[i], *own) }); err != nil {
			return false
		}
		for _, err := range errs {
			if err != nil && !errors.Is(err, terms.ErrDead) {
				return false
			}
			answered = answered || err == nil
		}
	}
}

// lease returns for how long the answer of one replica counts for all of them.
func (k *Keeper) lease() time.Duration {
	return time.Duration(k.cfg.CallTries) * k.cfg.CallLimit / 2
}
