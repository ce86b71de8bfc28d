package keeper

import (
	"fmt"

	"chordconductor/node/store"
)

// believe refuses records from a peer of which one has a version that no write can have been assigned (ceiling): stored,
// it would leave its key no room for later versions. The peer is named and counted.
//
// From owners and holders, whose clocks may differ from this one, twice the permitted difference more is accepted. What
// anybody brings to an owner (toOwner) is not given that, so that the versions above it which this owner then assigns are
// accepted at every other host at once. Should a peer that poses as an owner go to the very limit at a host whose clock is
// ahead, hosts whose clocks are behind accept the key's next versions when they have caught up.
func (k *Keeper) believe(from string, records []*store.Record, toOwner bool) error {
	for _, r := range records {
		if r.Version <= maxStamp {
			continue
		}
		now := k.clock.now()
		if !toOwner {
			now = now.Add(2 * MaxClockDifference)
		}
		if most := ceiling(now); r.Version > most {
			err := fmt.Errorf("%w: %s names version %d for key %.64q: at most %d is believed", errRefused, from, r.Version, r.Key, most)
			if k.cfg.Implausible != nil {
				k.cfg.Implausible(from, err.Error())
			}
			return err
		}
	}
	return nil
}
