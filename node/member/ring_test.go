package member_test

import (
	"testing"
	"time"

	"chordconductor/node/member"
)

func TestRing(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		f := newFleet(t, w, member.Config{}, 32) // as the program has it, keys and all
		f.ideal(60 * time.Second)
		f.checkLookups(member.Recursive, 3)
		f.checkLookups(member.Iterative, 3)
	})
}
