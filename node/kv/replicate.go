package kv

import (
	"context"
	"errors"

	"chordconductor/node/chord"
	"chordconductor/node/kv/handoff"
	"chordconductor/node/kv/replication"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
)

// replicate sends a record that the owner has written to R-1 other hosts, and to the receiver of a handoff of its
// range. The next host of the preference list replaces a silent one. It returns the members that hold the record, each
// on another host, this one first: fewer than R only if the preference list is exhausted. After an error the write must
// not be acknowledged. Room may have been reserved for the record under an ID. The error is a HeldNewer if some of them
// hold a newer version that this member does not have; nothing is acknowledged against that.
func (k *Keeper) replicate(ctx context.Context, own terms.Ownership, rec *store.Record, reservation []byte, move *handoff.Outgoing, operation string) (replicas []chord.Peer, err error) {
	spread := replication.NewSpread(k.self, k.cfg.Replicas)
	for {
		missing, tried := spread.Missing()
		batch := k.nextReplicas(ctx, missing, tried)
		if len(batch) == 0 && move == nil {
			return spread.Outcome()
		}
		spread.Send(batch)
		errs := make([]error, len(batch)+1)
		moving := move
		move = nil
		err := k.each(ctx, len(errs), func(ctx context.Context, i int) {
			switch {
			case i < len(batch):
				errs[i] = k.deliver(ctx, batch[i], &own, &nodepb.ReplicateRequest{
					Records: []*nodepb.Record{recordToWire(rec)}, Reservation: reservation,
				}, operation)
			case moving != nil:
				errs[i] = k.follow(ctx, moving, rec, operation)
			}
		})
		if err != nil {
			return nil, err
		}
		var beyond replication.HeldNewer // the newest version that is not held here
		for i, err := range errs {
			var newer replication.HeldNewer
			switch {
			case stopped(err):
				return nil, err
			case errors.As(err, &newer):
				errs[i] = nil
				if newer.Held.Newer(beyond.Held) && k.unknownHere(newer, rec) {
					beyond = newer
				}
			}
		}
		lack, err := spread.Answered(batch, errs[:len(batch)])
		for _, p := range lack {
			k.missed(p)
		}
		switch {
		case err != nil:
			return nil, err
		case errs[len(batch)] != nil:
			return nil, errs[len(batch)]
		case beyond.Held != nil:
			return nil, beyond
		}
	}
}

// nextReplicas picks up to n hosts of the preference list that have not been tried.
func (k *Keeper) nextReplicas(ctx context.Context, n int, tried []chord.Peer) []chord.Peer {
	if n <= 0 {
		return nil
	}
	return replication.Next(k.hosts(ctx, n+len(tried)), n, tried)
}

// missed notes that a write did not reach a replica.
func (k *Keeper) missed(p chord.Peer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.replicas.Lacks(p) {
		k.repairDue.Set()
	}
}
