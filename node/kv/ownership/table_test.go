package ownership

import (
	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/kv/termstest"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestTableEntriesNeverOverlap: whatever is received in whatever order, the entries kept are disjoint, a refusal
// returns an entry that beats the one refused, and an accepted one is kept whole.
func TestTableEntriesNeverOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c Table
		now := time.UnixMilli(0)
		for range rapid.IntRange(1, 40).Draw(t, "n") {
			o := termstest.DrawOwnership(t)
			o.Owner.Incarnation = rapid.Int64Range(1, 2).Draw(t, "incarnation")
			now = now.Add(time.Second)
			if rapid.IntRange(0, 3).Draw(t, "indirect") == 0 {
				c.LearnIndirect(o, now)
				continue
			}
			winner, refused := c.Refuses(o)
			c.Learn(o, now)
			known, ok := c.Covering(o.Owner.ID)
			switch {
			case refused && winner.Owner != o.Owner && !(winner.Overlaps(o) && winner.Beats(o)):
				t.Fatalf("%v refused because of %v", o, winner)
			case refused && winner.Owner == o.Owner && winner.Epoch <= o.Epoch:
				t.Fatalf("%v refused because of its own %v", o, winner)
			case !refused && (!ok || known.Ownership != o):
				t.Fatalf("%v accepted, kept %v", o, known.Ownership)
			}
			for i := range c {
				for j := range i {
					if c[i].Overlaps(c[j].Ownership) {
						t.Fatalf("%v and %v", c[i].Ownership, c[j].Ownership)
					}
				}
			}
		}
	})
}

// TestTableEntriesOfAHandoff: the receiver's entry trims the source's, so that a takeover from the source takes what is
// left.
func TestTableEntriesOfAHandoff(t *testing.T) {
	var c Table
	now := time.UnixMilli(0)
	c.Learn(termstest.Ownership(10, 40, 3), now)
	c.Learn(termstest.Ownership(10, 20, 4), now)
	if known, _ := c.Covering(termstest.ID(40)); known.Ownership != termstest.Ownership(20, 40, 3) {
		t.Errorf("the source's entry is %v", known.Ownership)
	}
	c.Learn(termstest.Ownership(10, 40, 3), now) // late
	if known, _ := c.Covering(termstest.ID(15)); known.Ownership != termstest.Ownership(10, 20, 4) {
		t.Errorf("after a late ownership the receiver's entry is %v", known.Ownership)
	}
}

func TestOwnershipTableIsBounded(t *testing.T) {
	s, _ := chord.NewSpace(chord.MaxBits)
	var c Table
	for i := range MaxEntries + 10 {
		id := s.FromUint64(uint64(10 * (i + 1)))
		c.Learn(terms.Ownership{Owner: chord.Peer{ID: id, Addr: "h"}, From: s.FromUint64(uint64(10*i + 5)), Epoch: 1}, time.UnixMilli(int64(i)))
	}
	if len(c) != MaxEntries {
		t.Errorf("%d entries, want %d", len(c), MaxEntries)
	}
	if _, ok := c.Covering(s.FromUint64(10)); ok {
		t.Error("the entry received longest ago is still there")
	}
}
