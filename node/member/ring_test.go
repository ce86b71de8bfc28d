package member_test

import (
	"testing"
	"time"

	"chordconductor/node/member"
)

func TestRing(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		members := 32 // as in production, with keys
		if raceDetector {
			members = 12
		}
		f := newFleet(t, w, member.Config{}, members)
		f.ideal(60 * time.Second)
		f.checkLookups(member.Recursive, 3)
		f.checkLookups(member.Iterative, 3)
	})
}
