package kv

import (
	"context"

	"chordconductor/node/chord"
	"chordconductor/node/kv/ownership"
	"chordconductor/node/kv/terms"
)

// refuseEpoch reports a peer's implausible epoch (package ownership, plausible.go) and returns the error for it.
func (k *Keeper) refuseEpoch(from chord.Peer, o terms.Ownership, known *terms.Ownership) error {
	err := ownership.ErrEpoch(from, o, known)
	if k.cfg.Implausible != nil {
		k.cfg.Implausible(from.Addr, err.Error())
	}
	return err
}

// verify asks the owners named in doubtful entries, and drops the entries that they do not confirm.
func (k *Keeper) verify(ctx context.Context, operation string) error {
	k.mu.Lock()
	entries := k.own.Unverified()
	k.mu.Unlock()
	return k.each(ctx, len(entries), func(ctx context.Context, i int) {
		s, err := k.survey(ctx, entries[i].Owner, entries[i].Owner.ID, operation)
		if stopped(err) {
			return
		}
		if err != nil {
			s.own = nil
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		k.own.Verified(entries[i], s.own, k.env.Now())
	})
}
