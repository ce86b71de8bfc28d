package kv

import (
	"fmt"
	"time"

	"chordconductor/node/kv/hlc"
	"chordconductor/node/kv/terms"
	"chordconductor/node/store"
)

// checkVersions refuses records from a peer if one has a version that no write can have been assigned (ceiling):
// stored, it would leave its key no room for later versions. The peer is reported and counted.
//
// From owners and replicas, whose clocks may differ from this one, twice the permitted difference more is accepted.
// Records sent to an owner (toOwner) do not get that allowance, so that the greater versions which this owner then
// assigns are accepted at every other host at once. If a peer that poses as an owner reaches the very limit at a host
// whose clock is ahead, hosts whose clocks are behind accept the key's next versions once they have caught up.
func (k *Keeper) checkVersions(from string, records []*store.Record, toOwner bool) error {
	for _, r := range records {
		if r.Version <= hlc.MaxStamp {
			continue
		}
		allowance := time.Duration(0)
		if !toOwner {
			allowance = 2 * hlc.MaxDifference
		}
		if most := k.clock.Ceiling(allowance); r.Version > most {
			err := fmt.Errorf("%w: implausible version %d for key %.64q from %s: expected at most %d", terms.ErrRefused, r.Version, r.Key, from, most)
			if k.cfg.Implausible != nil {
				k.cfg.Implausible(from, err.Error())
			}
			return err
		}
	}
	return nil
}
