package kv

import "chordconductor/otel/chordevent"

// countReplicas fills in how many replicas an owner's keys have, as far as the owner can tell. It counts against R and
// leaves the assessment to the reader: a member that knows of fewer hosts than there are would find nothing wrong. A
// key counts as replicated on a host that held the whole range when it was last compared, and has missed no write
// since; each missed write may concern another key. mu is held.
func (k *Keeper) countReplicas(l *chordevent.Load) {
	if k.reg.Load() == nil {
		return
	}
	full, missed, wanting := k.replicas.Count(k.cfg.Replicas - 1)
	l.KnownHosts, l.FullReplicas, l.UnderReplicated = int64(1+len(k.preference.Hosts)), 1+full, missed
	if wanting > 0 {
		l.UnderReplicated = l.OwnedKeys
	}
	l.UnderReplicated = min(l.UnderReplicated, l.OwnedKeys)
}
