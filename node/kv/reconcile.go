package kv

import (
	"context"
	"errors"
	"fmt"

	"chordconductor/node/chord"
	"chordconductor/node/kv/replication"
	"chordconductor/node/kv/terms"
	"chordconductor/otel/chordevent"
)

// reconcile makes this member and another hold the newer version of every record of an arc: it compares the arc, fetches
// what is newer there, and, with push, sends what is newer here. own is this member's ownership of the arc, or nil if the
// other member owns it; then nothing is fetched, because this member does not need the owner's versions. Either side
// stores what it has room for; a lack of room is returned as an error after all the rest is done. At the first
// difference differs, if given, starts a sampled trace, which contains what follows.
func (k *Keeper) reconcile(ctx context.Context, p chord.Peer, own *terms.Ownership, whole terms.Arc, push bool, differs func() context.Context) (replication.Exchanged, error) {
	x := replication.NewExchange(whole, own != nil, push)
	for {
		k.mu.Lock()
		step := x.Next(k.store)
		k.mu.Unlock()
		if x.Done.Differed && differs != nil {
			ctx, differs = differs(), nil
		}
		var err error
		switch {
		case len(step.Compare) > 0:
			err = k.compareStep(ctx, x, p, own, step.Compare)
		case len(step.Push) > 0:
			if err = k.pushRecords(ctx, p, own, step.Push, nil, chordevent.SpanRepair); err == nil || errors.Is(err, terms.ErrPeerFull) {
				x.Pushed(err)
				err = nil
			}
		case len(step.Fetch) > 0:
			err = k.fetchStep(ctx, x, p, step.Fetch)
		case x.Done.Full:
			return x.Done, errors.Join(terms.ErrFull, x.Refused())
		default:
			return x.Done, x.Refused()
		}
		if err != nil {
			return x.Done, err
		}
	}
}

func (k *Keeper) compareStep(ctx context.Context, x *replication.Exchange, p chord.Peer, own *terms.Ownership, arcs []terms.Arc) error {
	differences, err := k.compare(ctx, p, own, arcs)
	if err == nil && len(differences) == 0 {
		err = fmt.Errorf("%w: the answer of %s has no result for any requested arc", terms.ErrRefused, p.Addr)
	}
	if err == nil {
		x.Compared(differences)
	}
	return err
}

// fetchStep fetches records and merges them.
func (k *Keeper) fetchStep(ctx context.Context, x *replication.Exchange, p chord.Peer, keys []string) error {
	records, answered, err := k.fetch(ctx, p, keys, chordevent.SpanRepair)
	if err != nil {
		return err
	}
	if answered == 0 {
		return fmt.Errorf("%w: the answer of %s has no result for any requested key", terms.ErrRefused, p.Addr)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, rec := range records {
		stored, err := k.merge(rec, forKeeps)
		x.Stored(rec, stored, err != nil)
	}
	x.Fetched(answered)
	return nil
}
