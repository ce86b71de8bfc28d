package keeper

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/nodepb"
)

var (
	// errDead: a peer did not answer any of the tries, or another life or nobody answered in its place.
	errDead = errors.New("peer is dead")
	// errRefused: a peer is alive and does not do what it was asked for.
	errRefused = errors.New("refused")
	// errFull: a peer, or this host, lacks memory, the reserve included.
	errFull = errors.New("no memory left, reserve included")
	// errPeerFull: of these, it is a peer.
	errPeerFull = fmt.Errorf("%w", errFull)
	// errUnanswered: who may know has not answered.
	errUnanswered = errors.New("not known")
	// errOvertaken: the range has a new owner, or this member's ownership of it another extent or epoch.
	errOvertaken = errors.New("ownership has changed")
)

// ask makes a call to a peer, and again if there is no answer, as often as the configuration says. A peer that answers
// none, or whose answer comes from another life, is reported to the member as failed in the operation.
func ask[A interface{ GetReply() *nodepb.Reply }](k *Keeper, ctx context.Context, p chord.Peer, operation string, limit time.Duration,
	call func(nodepb.KeysServer, *nodepb.Call) (A, error)) (A, error) {
	var none A
	for try := 1; ; try++ {
		a, err := call(k.env.Keys(p.Addr, limit), k.member.Call(p))
		switch {
		case err == nil:
			if err := k.member.Received(p, a.GetReply()); err != nil {
				k.member.PeerFailed(ctx, p, operation)
				return none, fmt.Errorf("%w: %w", errDead, err)
			}
			return a, nil
		case errors.Is(err, env.ErrStopped):
			return none, err
		case !errors.Is(err, env.ErrTimeout):
			if ctx.Err() != nil {
				return none, ctx.Err()
			}
			return none, fmt.Errorf("%w: %s: %w", errRefused, p.Addr, err)
		case try == k.cfg.CallTries:
			k.member.PeerFailed(ctx, p, operation)
			return none, fmt.Errorf("%w: no answer from %s", errDead, p.Addr)
		}
	}
}

// each runs f(0) to f(n-1) side by side, all but the last as tasks of their own, and returns when all have returned, or
// with env.ErrStopped, when some may still run.
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

// stopped reports whether the environment has ended: whoever sees it returns.
func stopped(err error) bool { return errors.Is(err, env.ErrStopped) }
