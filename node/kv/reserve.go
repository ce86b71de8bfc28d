package kv

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.opentelemetry.io/otel/metric"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
	"chordconductor/otel/chordevent"
)

// A write that is refused for lack of memory must not have happened anywhere. So a host without room must be found
// before anything is stored. Every answer of a replica names its host's room for clients' writes. Far from the limit
// that is enough, and a write costs one round trip to the replicas: what a replica accepts of writes already under way
// may go into its reserve, a quarter of its limit, so it would have to lose all its room and that between two messages.
// Where a write, together with this member's writes under way, needs more than a share of a replica's room, or the room
// is not known, the room is reserved first, which costs one more round trip. If a replica runs out of room all the
// same, the write has been carried out in part, and its outcome is unknown.

// roomShare is the divisor for the part of a replica's room that one owner may fill without a reservation: other owners
// fill it, too.
const roomShare = 4

// tight reports whether room for a record must be reserved at some of its replicas. mu is held.
func (k *Keeper) tight(replicas []chord.Peer, size int64) bool {
	return slices.ContainsFunc(replicas, func(p chord.Peer) bool {
		h := k.replicas.On(p)
		return h == nil || k.flight+size > h.Room/roomShare
	})
}

// reserveRoom reserves room for a record at R-1 hosts; the next host replaces a silent one. It returns errFull if one
// of them, or this host, has no room. Reservations already made at the others lapse.
func (k *Keeper) reserveRoom(ctx context.Context, own terms.Ownership, id chord.ID, reserve *nodepb.Reservation, operation string) error {
	k.mu.Lock()
	need := store.SizeOf(len(reserve.Key), reserve.ValueBytes) - k.store.Get(id, string(reserve.Key)).Size()
	full := !reserve.Deleted && need > 0 && need > k.budget.room(k.env.Now())
	k.mu.Unlock()
	if full {
		return terms.ErrFull
	}
	var tried []chord.Peer
	for missing := k.cfg.Replicas - 1; missing > 0; {
		batch := k.nextReplicas(ctx, missing, tried)
		if len(batch) == 0 {
			return nil
		}
		tried = append(tried, batch...)
		errs := make([]error, len(batch))
		if err := k.each(ctx, len(batch), func(ctx context.Context, i int) {
			errs[i] = k.deliver(ctx, batch[i], &own, &nodepb.ReplicateRequest{Reserve: reserve}, operation)
		}); err != nil {
			return err
		}
		missing = 0
		for _, err := range errs {
			if errors.Is(err, terms.ErrDead) {
				missing++
			} else if err != nil {
				return err
			}
		}
	}
	return nil
}

// hold answers a reservation. mu is held.
func (k *Keeper) hold(r *nodepb.Reservation, id chord.ID) bool {
	size := store.SizeOf(len(r.Key), r.ValueBytes)
	why := forClient
	if r.Deleted {
		why = forKeeps
	}
	now := k.env.Now()
	granted := k.budget.hold([requestIDSize]byte(r.Id), size-k.store.Get(id, string(r.Key)).Size(), why, now, now.Add(k.cfg.CallLimit))
	outcome := chordevent.OutcomeOK
	if !granted {
		outcome = chordevent.OutcomeRefused
	}
	k.tel.reservations.Add(context.Background(), 1, metric.WithAttributes(chordevent.OutcomeKey.String(outcome)))
	return granted
}

// checkReservation validates a reservation from a peer.
func checkReservation(r *nodepb.Reservation, own *terms.Ownership, id chord.ID) error {
	switch {
	case len(r.Id) != requestIDSize:
		return fmt.Errorf("reservation with an ID of %d bytes: must have %d", len(r.Id), requestIDSize)
	case len(r.Key) == 0 || len(r.Key) > MaxKey || r.ValueBytes < 0 || r.ValueBytes > MaxValue:
		return fmt.Errorf("reservation for a key of %d bytes, expected 1 to %d, and a value of %d bytes, expected 0 to %d", len(r.Key), MaxKey, r.ValueBytes, MaxValue)
	case own == nil || !own.Covers(id):
		return fmt.Errorf("reservation for %q, which is outside the sender's range", r.Key)
	}
	return nil
}
