package kv

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"chordconductor/node/chord"
	"chordconductor/node/kv/replication"
	"chordconductor/node/kv/terms"
	"chordconductor/node/store"
)

// readRepair asks all members that may hold a key of a range that needs recovery, stores the newest version and returns
// it, and reports whether the replicas are known to have it. If the range does not need recovery it returns nil and
// true: the version held here is the newest, and the list of unsettled keys covers the rest. It returns an error if a
// member that may have a newer version does not answer, or is taken for dead and has to be asked again (incomplete), or
// the environment has ended. Other members taken for dead are not asked.
func (k *Keeper) readRepair(ctx context.Context, id chord.ID, key, operation string) (newest *store.Record, settled bool, err error) {
	k.mu.Lock()
	needsRecovery, recoveries := k.needsRecovery, k.recoveries
	k.mu.Unlock()
	if !needsRecovery {
		return nil, true, nil
	}
	peers := k.toAsk(ctx)
	found := make([]*store.Record, len(peers))
	silent := make([]bool, len(peers))
	err = k.each(ctx, len(peers), func(ctx context.Context, i int) {
		records, _, err := k.fetch(ctx, peers[i], []string{key}, operation) // a refusal counts as an answer without records
		silent[i] = errors.Is(err, terms.ErrDead)
		if len(records) > 0 {
			found[i] = records[0]
		}
	})
	if err != nil {
		return nil, false, err
	}
	if i := slices.Index(silent, true); i >= 0 {
		return nil, false, fmt.Errorf("%w: no answer from %s", terms.ErrUnanswered, peers[i].Addr)
	}
	replicas := k.nextReplicas(ctx, k.cfg.Replicas-1, nil)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.noteUnheard(peers); k.recoveries != recoveries || k.incomplete() {
		return nil, false, fmt.Errorf("%w: members that may have it have not been asked yet", terms.ErrUnanswered)
	}
	newest, settled = replication.Newest(k.store.Get(id, key), peers, found, replicas)
	if newest != nil {
		_, _ = k.merge(newest, forKeeps) // without memory for it the answer is still the newest
	}
	return newest, settled, nil
}

// witnesses returns all members that may hold records of a range that needs recovery: its replicas, the fallback
// replicas, and the sources noted by requireRecovery.
func (k *Keeper) witnesses(ctx context.Context) []chord.Peer {
	hosts := k.hosts(ctx, k.cfg.Replicas-1+replication.Fallbacks)
	k.mu.Lock()
	defer k.mu.Unlock()
	peers := append([]chord.Peer(nil), hosts...)
	now := k.env.Now()
	for _, p := range k.sources {
		if !k.dead.Has(p, now) && !slices.Contains(peers, p) {
			peers = append(peers, p)
		}
	}
	return peers
}

// toAsk returns the witnesses, and the members unheard so far that count again.
func (k *Keeper) toAsk(ctx context.Context) []chord.Peer {
	peers := k.witnesses(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range k.unheard() {
		if k.untilAsked(p) <= 0 && !slices.Contains(peers, p) {
			peers = append(peers, p)
		}
	}
	return peers
}
