package kv

import (
	"slices"
	"time"

	"chordconductor/node/chord"
)

// A range that is recovered without a member that is alive may lack records that only this member
// has. So a member that may have records of the range and is taken for dead is asked again after a
// while; only if it does not answer then either (dead twice) is the range recovered without it.
// Until then, if its records may be nowhere else, the range still needs recovery, and its keys are
// not served.
//
// Records may be nowhere else if a source, or R hosts or more, are among the members that have not
// answered: otherwise one of the R hosts that hold a key has answered. With R=1 only the owner held
// it, and the member that takes its range over has already found it dead. A member that has left
// gracefully is not waited for, although calls to it fail as those to a dead one do: before it left,
// the owners confirmed that others hold what it held.

// maxUnheard bounds the members that are asked twice. Others are asked once; if they live, what they have returns as
// orphaned replicas.
const maxUnheard = 64

// An unheardMember may have records of this member's range, and was taken for dead when it was to be asked.
type unheardMember struct {
	peer  chord.Peer
	twice bool // it has been found dead again since
}

func (k *Keeper) unheardAt(p chord.Peer) int {
	return slices.IndexFunc(k.silent, func(u unheardMember) bool { return u.peer == p })
}

// noteUnheard adds the members that may have records of the range and count as dead. mu is held.
func (k *Keeper) noteUnheard(asked []chord.Peer) {
	now := k.env.Now()
	for p := range k.dead.All(now) {
		may := k.near.Has(p, now) || slices.Contains(k.sources, p) || slices.Contains(asked, p)
		if may && !k.left.Has(p, now) && k.unheardAt(p) < 0 && len(k.silent) < maxUnheard {
			k.silent = append(k.silent, unheardMember{peer: p})
		}
	}
}

// incomplete reports whether members may have what no member that was asked has, and will be asked again. mu is held.
func (k *Keeper) incomplete() bool {
	if !k.env.Now().Before(k.patience) {
		return false
	}
	var hosts []string
	for _, p := range k.unheard() {
		if slices.Contains(k.sources, p) {
			return true
		}
		if !slices.Contains(hosts, p.Addr) {
			hosts = append(hosts, p.Addr)
		}
	}
	return k.cfg.Replicas > 1 && len(hosts) >= k.cfg.Replicas
}

// unheard lists the members that are to be asked once more. mu is held.
func (k *Keeper) unheard() (peers []chord.Peer) {
	for _, u := range k.silent {
		if !u.twice {
			peers = append(peers, u.peer)
		}
	}
	return peers
}

// diedAgain notes that a member has been found dead, and reports whether it is one of those, so for the second time. mu
// is held.
func (k *Keeper) diedAgain(p chord.Peer) bool {
	i := k.unheardAt(p)
	if i < 0 || k.silent[i].twice || k.untilAsked(p) > 0 {
		return false
	}
	k.silent[i].twice = true
	return true
}

// untilAsked returns the time until a member taken for dead is asked again: half of that for which it counts as dead.
// mu is held.
func (k *Keeper) untilAsked(p chord.Peer) time.Duration {
	return k.dead.Until(p).Add(-k.suspicion() / 2).Sub(k.env.Now())
}

// untilHeard returns the time until the next of the members unheard is asked again; 0: one is due. mu is held.
func (k *Keeper) untilHeard() time.Duration {
	wait := k.suspicion()
	for _, p := range k.unheard() {
		wait = min(wait, max(k.untilAsked(p), 0))
	}
	return wait
}
