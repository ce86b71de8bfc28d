package kv

import (
	"time"

	"chordconductor/node/chord"
)

// unreachable reports whether a member was found dead a short while ago, or all of its host. mu is held.
func (k *Keeper) unreachable(p chord.Peer) bool {
	now := k.env.Now()
	return k.dead.Has(p, now) || k.own.Silences.Has(p.Addr, now)
}

// noteHost notes an answer from a host.
func (k *Keeper) noteHost(addr string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.own.Silences.Contact(addr, k.env.Now())
}

// noteSilence notes that a member has not answered a query that began at a time.
func (k *Keeper) noteSilence(p chord.Peer, began time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.own.Silences.Note(p, began, k.env.Now().Add(k.suspicion()))
}
