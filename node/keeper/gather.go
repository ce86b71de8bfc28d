package keeper

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"chordconductor/node/chord"
	"chordconductor/node/store"
)

// gather asks everybody who may hold a key of an unclean range for it, stores the newest version and returns it, and
// whether the holders of copies are known to have it. Of a clean range it returns nil and true: what is held here is the
// newest, and the list says what of it is settled. An error says that it is not known: somebody may have a newer version
// and does not answer, or the environment has ended. Who has been found dead is not asked any more.
func (k *Keeper) readRepair(ctx context.Context, id chord.ID, key, operation string) (newest *store.Record, settled bool, err error) {
	k.mu.Lock()
	unclean := k.needsRecovery
	k.mu.Unlock()
	if !unclean {
		return nil, true, nil
	}
	peers := k.witnesses(ctx)
	found := make([]*store.Record, len(peers))
	silent := make([]bool, len(peers))
	err = k.each(ctx, len(peers), func(ctx context.Context, i int) {
		records, _, err := k.fetch(ctx, peers[i], []string{key}, operation) // who refuses has no say
		silent[i] = errors.Is(err, errDead)
		if len(records) > 0 {
			found[i] = records[0]
		}
	})
	if err != nil {
		return nil, false, err
	}
	if i := slices.Index(silent, true); i >= 0 {
		return nil, false, fmt.Errorf("%w: no answer from %s", errUnanswered, peers[i].Addr)
	}
	holders := k.nextReplicas(ctx, k.cfg.Replicas-1, nil)
	k.mu.Lock()
	defer k.mu.Unlock()
	newest = k.store.Get(id, key)
	for _, r := range found {
		if r != nil && r.Newer(newest) {
			newest = r
		}
	}
	if newest == nil {
		return nil, true, nil
	}
	_, _ = k.merge(newest, forKeeps) // without memory the answer is the newest all the same
	lacks := func(p chord.Peer) bool {
		i := slices.Index(peers, p)
		return i < 0 || !newest.Same(found[i])
	}
	return newest, !slices.ContainsFunc(holders, lacks), nil
}

// witnesses are all members that may hold records of an unclean range: the holders of copies, the substitutes after
// them, and those that are known to have had a part in it.
func (k *Keeper) witnesses(ctx context.Context) []chord.Peer {
	hosts := k.hosts(ctx, k.cfg.Replicas-1+fallbacks)
	k.mu.Lock()
	defer k.mu.Unlock()
	peers := append([]chord.Peer(nil), hosts...)
	now := k.env.Now()
	for _, p := range k.sources {
		if !hasLapsed(k.dead, p, now) && !slices.Contains(peers, p) {
			peers = append(peers, p)
		}
	}
	return peers
}
