package kv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/kv/handoff"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/retry"
	"chordconductor/otel/chordevent"
)

// Leaving sets whether the member is about to leave. From then on it accepts no leaver's range and no replicas, and
// gives up incoming handoffs that have not been released. With false it is an ordinary member again, and claims back
// what it has handed off.
func (k *Keeper) Leaving(ctx context.Context, leaving bool) {
	k.mu.Lock()
	k.leaving = leaving
	var reports []handoffReport
	if leaving {
		reports = k.dropIncoming()
	}
	k.mu.Unlock()
	k.reportIncoming(ctx, reports...)
	k.reconcileDue.Set()
	k.repairDue.Set()
}

// Room asks the member that will receive this one's range to reserve room for it, for a limited time.
func (k *Keeper) Room(ctx context.Context) error {
	if k.reg.Load() == nil {
		return nil
	}
	to, epoch, err := k.receiver(ctx)
	if errors.Is(err, ErrNoRoom) || stopped(err) {
		return err
	}
	k.mu.Lock()
	k.chosen = chosen{to, epoch}
	k.mu.Unlock()
	return nil // without a receiver: Leave searches again
}

// A chosen is the receiver that Room has found, for the first try of Leave. If that receiver is
// about to leave by then, or has left, it refuses the handoff.
type chosen struct {
	to    chord.Peer
	epoch int64
}

// Leave hands off the member's range to the receiver that it returns, and then waits until R other hosts hold all else
// that is held here, as confirmed by the owners. After that nothing here is needed. It returns ErrLastHost if no member
// stays that could take the range, ErrNoRoom if none has room, and an error at the deadline or when ctx ends.
func (k *Keeper) Leave(ctx context.Context, deadline time.Time) (receiver chord.Peer, err error) {
	if err := k.handOff(ctx, deadline); err != nil {
		return chord.Peer{}, err
	}
	k.mu.Lock()
	receiver = k.out.Handed()
	k.mu.Unlock()
	return receiver, k.drain(ctx, deadline)
}

// pause waits before a retry, longer each time.
func (k *Keeper) pause(gap *time.Duration) error {
	*gap = retry.Leave.Next(*gap)
	return k.env.Sleep(k.jitter(*gap))
}

// handOff hands off the whole range to the receiver. It retries after every failure except a missing receiver or
// missing room.
func (k *Keeper) handOff(ctx context.Context, deadline time.Time) error {
	for gap := time.Duration(0); ; {
		done, err := k.tryHandOff(ctx, deadline)
		if done || stopped(err) || errors.Is(err, ErrNoRoom) || errors.Is(err, ErrLastHost) {
			return err
		}
		if err == nil {
			continue
		}
		if ctx.Err() != nil || k.env.Now().After(deadline) {
			return fmt.Errorf("the keys were not handed off before the deadline: %w", err)
		}
		if err := k.pause(&gap); err != nil {
			return err
		}
	}
}

func (k *Keeper) tryHandOff(ctx context.Context, deadline time.Time) (done bool, err error) {
	k.mu.Lock()
	own, busy := k.reg.Load(), k.out.Current() != nil || k.in.Some()
	to, epoch := k.chosen.to, k.chosen.epoch
	k.chosen = chosen{}
	k.mu.Unlock()
	switch {
	case own == nil && !busy:
		return true, nil
	case busy:
		return false, errors.New("cannot begin the handoff: this member takes part in another one")
	}
	if !to.Real() {
		if to, epoch, err = k.receiver(ctx); err != nil {
			return false, err
		}
	}
	k.mu.Lock()
	if now := k.reg.Load(); now != own || k.out.Current() != nil || k.in.Some() {
		k.mu.Unlock()
		return false, errors.New("cannot begin the handoff: the ownership of the range has just changed")
	}
	move := k.beginOut(to, k.self.ID, max(own.Epoch, epoch)+1, chordevent.MoveLeave)
	move.Deadline = deadline
	k.mu.Unlock()
	err = k.sendRange(ctx, move)
	if errors.Is(err, terms.ErrFull) {
		err = fmt.Errorf("%w: %w", ErrNoRoom, err)
	}
	return false, err
}

// receiver finds the member that this one hands its range to, if there is one, and the epoch of its ownership.
func (k *Keeper) receiver(ctx context.Context) (chord.Peer, int64, error) {
	from, room := k.self.ID, int64(0)
	if own := k.reg.Load(); own != nil {
		k.mu.Lock()
		from, room = own.From, k.store.Summary(own.From, k.self.ID).Bytes
		k.mu.Unlock()
	}
	search := handoff.NewSearch(k.self.ID, k.member.State().Live())
	for len(search.Ask()) > 0 {
		asked := search.Ask()
		answers, full := make([]handoff.Candidate, len(asked)), make([]bool, len(asked))
		errs := make([]error, len(asked))
		if err := k.each(ctx, len(asked), func(ctx context.Context, i int) {
			var s survey
			s, errs[i] = k.survey(ctx, asked[i], k.self.ID, chordevent.SpanLeave, func(q *nodepb.SurveyRequest) {
				q.Room, q.RoomFrom = room, from[:]
			})
			answers[i] = handoff.Candidate{Own: s.own, Successors: s.successors, Leaving: s.leaving, Silent: errs[i] != nil}
			full[i] = s.full
		}); err != nil {
			return chord.Peer{}, 0, err
		}
		if at := search.Answered(answers); at >= 0 {
			if full[at] {
				return chord.Peer{}, 0, fmt.Errorf("%w: %s has no memory for %d bytes more", ErrNoRoom, asked[at].Addr, room)
			}
			return asked[at], answers[at].Own.Epoch, nil
		}
		for _, err := range errs {
			if err != nil && !errors.Is(err, terms.ErrDead) {
				return chord.Peer{}, 0, err
			}
		}
		if err := search.Beyond(answers); err != nil {
			return chord.Peer{}, 0, err
		}
	}
	if search.Unready() {
		return chord.Peer{}, 0, errors.New("none of the next members that stay owns a range yet, so none can receive this one")
	}
	return chord.Peer{}, 0, ErrLastHost
}

// Lonely returns ErrLastHost if no member stays any more.
func (k *Keeper) Lonely(ctx context.Context) error {
	if _, _, err := k.receiver(ctx); errors.Is(err, ErrLastHost) {
		return err
	}
	return nil
}

// prepare declares the transfer complete, and waits until the release is due.
func (k *Keeper) prepare(ctx context.Context, m *outgoing) error {
	k.mu.Lock()
	m.Sent = true
	k.mu.Unlock()
	for {
		a, err := k.moveCall(ctx, m.Outgoing, &nodepb.MoveRequest{Phase: nodepb.MoveRequest_PHASE_PREPARE}, chordevent.SpanKeysMove)
		if err != nil || !a.Waits {
			return err
		}
		// The receiver requests the release when its turn has come. If that request is lost, a repeated PREPARE shows both
		// sides that the other is alive.
		if err := m.turn.Wait(k.cfg.CallLimit); stopped(err) {
			return err
		}
		k.mu.Lock()
		released, aborted := m.Released, m.Aborted
		k.mu.Unlock()
		switch {
		case released:
			return nil
		case aborted:
			return handoff.ErrAborted
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if to, _, err := k.receiver(ctx); err == nil && to != m.Receiver {
			return fmt.Errorf("%w: %s is a nearer member that stays, and is to receive the range instead", terms.ErrOvertaken, to.Addr)
		}
	}
}

// releaseInTurn releases a handoff whose receiver requests it. mu is held; the caller publishes the register.
func (k *Keeper) releaseInTurn(id string) {
	if m := k.out.Requested(id); m != nil && k.release(m) {
		k.turn.Set()
	}
}

// learnLeaver notes that a member is about to leave: it does not count as a replica any more. mu is
// held.
func (k *Keeper) learnLeaver(p chord.Peer) {
	if !k.leavers.Has(p, k.env.Now()) {
		k.preference.SearchSoon() // another host has to be found
	}
	k.leavers.Add(p, k.env.Now().Add(k.cfg.LeaveLimit))
	k.updatePreference(k.member.State())
}

// stays notes that a member is not about to leave, perhaps not any more. mu is held.
func (k *Keeper) stays(p chord.Peer) {
	if k.leavers.Remove(p) {
		k.updatePreference(k.member.State())
		k.repairDue.Set()
	}
}

// slowLeavers lists the hosts of the preference list that have been about to leave for a while:
// they may have cancelled the leave since. mu is held.
func (k *Keeper) slowLeavers() (peers []chord.Peer) {
	since := k.env.Now().Add(k.cfg.LeaveLimit - k.suspicion())
	for _, p := range k.preference.List {
		if until := k.leavers.Until(p); !until.IsZero() && !until.After(since) {
			peers = append(peers, p)
		}
	}
	return peers
}

// PeerLeft notes that a peer has left gracefully: it is no longer a replica, and range recovery does
// not wait for it.
func (k *Keeper) PeerLeft(p chord.Peer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.learnLeaver(p)
	k.left.Add(p, k.env.Now().Add(k.cfg.LeaveLimit))
	if i := k.unheardAt(p); i >= 0 {
		k.silent = slices.Delete(k.silent, i, i+1)
	}
	k.repairDue.Set()
}
