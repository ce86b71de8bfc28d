package kv

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
)

// ask calls a peer, and repeats the call if there is no answer, up to CallTries. A call whose connection broke is no sign
// of a dead peer, and is repeated as often. A peer that answers no try, or whose answer comes from another incarnation,
// is reported to the member as failed in the operation.
func ask[A interface{ GetReply() *nodepb.Reply }](k *Keeper, ctx context.Context, p chord.Peer, operation string, limit time.Duration,
	call func(nodepb.KeysClient, *nodepb.Call) (A, error)) (A, error) {
	var none A
	began, broken := k.env.Now(), 0
	for try := 1; ; try++ {
		a, err := call(env.Keys(k.env, p.Addr, limit), k.member.Call(p))
		switch {
		case err == nil:
			k.noteHost(p.Addr)
			if err := k.member.Received(p, a.GetReply()); err != nil {
				k.member.PeerFailed(ctx, p, operation)
				return none, fmt.Errorf("%w: %w", terms.ErrDead, err)
			}
			return a, nil
		case errors.Is(err, env.ErrStopped):
			return none, err
		case errors.Is(err, env.ErrBroken) && broken < k.cfg.CallTries:
			broken++
			try--
		case !errors.Is(err, env.ErrTimeout):
			if ctx.Err() != nil {
				return none, ctx.Err()
			}
			return none, fmt.Errorf("%w: %s: %w", terms.ErrRefused, p.Addr, err)
		case try == k.cfg.CallTries:
			k.noteSilence(p, began)
			k.member.PeerFailed(ctx, p, operation)
			return none, fmt.Errorf("%w: no answer from %s", terms.ErrDead, p.Addr)
		}
	}
}

// each runs f(0) to f(n-1) concurrently, all but the last as tasks of their own, and returns when
// all have returned. If the environment ends, it returns env.ErrStopped, and some may still run.
func (k *Keeper) each(ctx context.Context, n int, f func(ctx context.Context, i int)) error {
	if n < 2 {
		if n == 1 {
			f(ctx, 0)
		}
		return nil
	}
	done := k.env.NewSignal()
	var left atomic.Int32
	left.Store(int32(n - 1))
	for i := range n - 1 {
		err := k.env.Go(ctx, func(ctx context.Context) {
			f(ctx, i)
			if left.Add(-1) == 0 {
				done.Set()
			}
		})
		if err != nil {
			return err
		}
	}
	f(ctx, n-1)
	return done.Wait(0)
}

// stopped reports whether the environment has ended; the caller then returns.
func stopped(err error) bool { return errors.Is(err, env.ErrStopped) }
