package keeper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// Leave hands over the member's range to its successor, and then waits until the owners of all else that is held here
// say that R other hosts have it. After that nothing here is needed. It gives up at the deadline, or when ctx ends. On an
// error the member stays, and claims its range back if it has been handed over.
func (k *Keeper) Leave(ctx context.Context, deadline time.Time) error {
	k.mu.Lock()
	k.leaving, k.stay = true, time.Time{}
	k.mu.Unlock()
	err := k.handOver(ctx, deadline)
	if err == nil {
		err = k.giveUp(ctx, deadline)
	}
	k.mu.Lock()
	k.leaving = err == nil
	k.stay = k.env.Now().Add(k.cfg.LeaveLimit)
	k.mu.Unlock()
	k.tendDue.Set()
	return err
}

// firstToLeave decides between two adjacent leavers, the second being the first one's successor: the successor goes
// first, but across zero the member with the greater identifier does. So among any number of them somebody does.
func firstToLeave(leaver, successor chord.Peer) bool { return leaver.ID.Compare(successor.ID) > 0 }

const leavePause = 100 * time.Millisecond

// handOver moves the whole range to the successor. It tries again whatever fails, except that the successor lacks memory.
func (k *Keeper) handOver(ctx context.Context, deadline time.Time) error {
	for {
		done, err := k.tryHandOver(ctx, deadline)
		if done || stopped(err) || errors.Is(err, errFull) || errors.Is(err, ErrLastHost) {
			return err
		}
		if ctx.Err() != nil || k.env.Now().After(deadline) {
			return fmt.Errorf("leave: keys not handed over in time: %w", err)
		}
		if err := k.env.Sleep(k.jitter(leavePause)); err != nil {
			return err
		}
	}
}

func (k *Keeper) tryHandOver(ctx context.Context, deadline time.Time) (done bool, err error) {
	live := k.member.State().Live()
	k.mu.Lock()
	own, busy := k.reg.Load(), k.out != nil || k.in != nil
	k.mu.Unlock()
	switch {
	case own == nil && !busy:
		return true, nil
	case busy:
		return false, errors.New("another move is on")
	case len(live) == 0:
		return false, ErrLastHost
	}
	successor := live[0]
	s, err := k.survey(ctx, successor, k.self.ID, chordevent.SpanLeave)
	switch {
	case err != nil:
		return false, err
	case s.leaving && !firstToLeave(k.self, successor):
		return false, fmt.Errorf("successor %s is leaving too, and goes first", successor.Addr)
	case s.own == nil || s.own.from != k.self.ID:
		return false, fmt.Errorf("successor %s does not yet own the next range", successor.Addr)
	}
	k.mu.Lock()
	if now := k.reg.Load(); now != own || k.out != nil || k.in != nil {
		k.mu.Unlock()
		return false, errors.New("ownership changes")
	}
	move := k.beginOut(successor, k.self.ID, max(own.epoch, s.own.epoch)+1, chordevent.MoveLeave)
	move.deadline = deadline
	k.mu.Unlock()
	return false, k.moveOut(ctx, move)
}

// giveUp makes everything held here superfluous: each owner is told that this member leaves, and brings its range to
// another host if need be.
func (k *Keeper) giveUp(ctx context.Context, deadline time.Time) error {
	for {
		left, err := k.sweepLeftovers(ctx, true)
		switch {
		case stopped(err):
			return err
		case err == nil && left == 0:
			return nil
		case ctx.Err() != nil || k.env.Now().After(deadline):
			return fmt.Errorf("leave: owners of %d ranges held here have not enough other copies in time: %w", left, err)
		}
		if err := k.env.Sleep(k.jitter(leavePause)); err != nil {
			return err
		}
	}
}
