package member_test

import (
	"testing"
	"time"

	"chordconductor/node/member"
)

func TestRing(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		f := newFleet(t, w, member.Config{Stabilize: 100 * time.Millisecond}, 32)
		f.ideal(20 * time.Second)
		f.checkLookups(member.Recursive, 3)
		f.checkLookups(member.Iterative, 3)
	})
}
