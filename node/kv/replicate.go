package kv

import (
	"context"
	"errors"
	"slices"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
)

// replicate sends a record that the owner has written to R-1 other hosts, and to the receiver of a handoff of its
// range. The next host of the preference list replaces a silent one. It returns the members that hold the record, each
// on another host, this one first: fewer than R only if the preference list is exhausted. After an error the write must
// not be acknowledged. Room may have been reserved for the record under an ID. The error is a heldNewer if some of them
// hold a newer version that this member does not have; nothing is acknowledged against that.
func (k *Keeper) replicate(ctx context.Context, own terms.Ownership, rec *store.Record, reservation []byte, move *outgoing, operation string) (replicas []chord.Peer, err error) {
	var tried []chord.Peer
	replicas = []chord.Peer{k.self}
	failed := error(nil)
	for {
		batch := k.nextReplicas(ctx, k.cfg.Replicas-len(replicas), tried)
		if len(batch) == 0 && move == nil {
			break
		}
		tried = append(tried, batch...)
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
		var beyond heldNewer // the newest version that is not held here
		for i, err := range errs {
			var newer heldNewer
			if errors.As(err, &newer) {
				err = nil
				if newer.held.Newer(beyond.held) && k.unknownHere(newer, rec) {
					beyond = newer
				}
			}
			switch {
			case err == nil:
				if i < len(batch) {
					replicas = append(replicas, batch[i])
				}
			case stopped(err) || errors.Is(err, terms.ErrOvertaken) || i == len(batch):
				return nil, err
			default:
				k.missed(batch[i])
				if !errors.Is(err, terms.ErrDead) {
					failed = err
				}
			}
		}
		if beyond.held != nil {
			return nil, beyond
		}
	}
	if len(replicas) < k.cfg.Replicas && failed != nil {
		return nil, failed // a live host does not accept it
	}
	return replicas, nil
}

// nextReplicas picks up to n hosts of the preference list that have not been tried.
func (k *Keeper) nextReplicas(ctx context.Context, n int, tried []chord.Peer) []chord.Peer {
	if n <= 0 {
		return nil
	}
	var next []chord.Peer
	for _, p := range k.hosts(ctx, n+len(tried)) {
		sameHost := func(t chord.Peer) bool { return t.Addr == p.Addr }
		if len(next) < n && !slices.ContainsFunc(tried, sameHost) {
			next = append(next, p)
		}
	}
	return next
}

// missed notes that a write did not reach a replica.
func (k *Keeper) missed(p chord.Peer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if h := k.replicaOn(p); h != nil {
		h.synced = false
		h.missed++
		k.repairDue.Set()
	}
}
