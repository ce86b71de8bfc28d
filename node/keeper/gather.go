package keeper

import (
	"context"

	"chordconductor/node/chord"
	"chordconductor/node/store"
)

// gather asks everybody who may hold a key of an unclean range for it, and stores the newest version and returns it. Of a
// clean range it returns nil, for what is held here is the newest. The error is that the environment has ended.
func (k *Keeper) gather(ctx context.Context, key, operation string) (newest *store.Record, err error) {
	k.mu.Lock()
	unclean := k.unclean
	k.mu.Unlock()
	if !unclean {
		return nil, nil
	}
	peers := k.witnesses(ctx)
	found := make([][]*store.Record, len(peers))
	err = k.each(ctx, len(peers), func(ctx context.Context, i int) {
		found[i], _, _ = k.fetch(ctx, peers[i], []string{key}, operation) // who does not answer has no say
	})
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, records := range found {
		for _, r := range records {
			if r.Newer(newest) {
				newest = r
			}
			_, _ = k.merge(r, forKeeps) // without memory the answer is the newest all the same
		}
	}
	return newest, nil
}

// witnesses are all members that may hold records of an unclean range: the holders of copies, the substitutes after
// them, and those that are known to have had a part in it.
func (k *Keeper) witnesses(ctx context.Context) []chord.Peer {
	hosts := k.hosts(ctx, k.cfg.Replicas-1+spares)
	k.mu.Lock()
	defer k.mu.Unlock()
	peers := append([]chord.Peer(nil), hosts...)
	now := k.env.Now()
	for _, p := range k.sources {
		if !hasLapsed(k.dead, p, now) {
			peers = append(peers, p)
		}
	}
	return peers
}
