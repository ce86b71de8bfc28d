package kv

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
)

const testBits = 6

func testSpace() chord.Space {
	s, err := chord.NewSpace(testBits)
	if err != nil {
		panic(err)
	}
	return s
}

func testID(n uint64) chord.ID { return testSpace().FromUint64(n) }

func testPeer(n uint64) chord.Peer {
	return chord.Peer{ID: testID(n), Addr: fmt.Sprintf("host%d", n), Incarnation: 1}
}

func testOwnership(from, to uint64, epoch int64) ownership {
	return ownership{owner: testPeer(to), from: testID(from), epoch: epoch}
}

func drawOwnership(t *rapid.T) ownership {
	return testOwnership(rapid.Uint64Range(0, 63).Draw(t, "from"), rapid.Uint64Range(0, 63).Draw(t, "to"), rapid.Int64Range(1, 4).Draw(t, "epoch"))
}

func points(o ownership) (set [64]bool) {
	for n := range set {
		set[n] = o.covers(testID(uint64(n)))
	}
	return set
}

// TestOwnershipArithmetic compares overlap and remainder with sets of points.
func TestOwnershipArithmetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawOwnership(t), drawOwnership(t)
		inA, inB := points(a), points(b)
		common := false
		for n := range inA {
			common = common || inA[n] && inB[n]
		}
		if a.overlaps(b) != common || b.overlaps(a) != common {
			t.Fatalf("%v overlaps %v: %v, want %v", a, b, a.overlaps(b), common)
		}
		left, some := a.without(b)
		if some == inB[lowest(a.owner.ID)] {
			t.Fatalf("%v without %v leaves something: %v", a, b, some)
		}
		if some {
			inLeft := points(left)
			for n := range inLeft {
				if inLeft[n] && (!inA[n] || inB[n]) {
					t.Fatalf("%v without %v is %v", a, b, left)
				}
			}
		}
		if a.owner != b.owner && a.beats(b) == b.beats(a) {
			t.Fatalf("%v and %v: no order", a, b)
		}
	})
}

func lowest(id chord.ID) int { return int(id[len(id)-1]) }

// TestTableEntriesNeverOverlap: whatever is received in whatever order, the entries kept are disjoint, a refusal
// returns an entry that beats the one refused, and an accepted one is kept whole.
func TestTableEntriesNeverOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c ownershipTable
		now := time.UnixMilli(0)
		for range rapid.IntRange(1, 40).Draw(t, "n") {
			o := drawOwnership(t)
			o.owner.Incarnation = rapid.Int64Range(1, 2).Draw(t, "incarnation")
			now = now.Add(time.Second)
			if rapid.IntRange(0, 3).Draw(t, "indirect") == 0 {
				c.learnIndirect(o, now)
				continue
			}
			winner, refused := c.refuses(o)
			c.learn(o, now)
			known, ok := c.covering(o.owner.ID)
			switch {
			case refused && winner.owner != o.owner && !(winner.overlaps(o) && winner.beats(o)):
				t.Fatalf("%v refused because of %v", o, winner)
			case refused && winner.owner == o.owner && winner.epoch <= o.epoch:
				t.Fatalf("%v refused because of its own %v", o, winner)
			case !refused && (!ok || known.ownership != o):
				t.Fatalf("%v accepted, kept %v", o, known.ownership)
			}
			for i := range c {
				for j := range i {
					if c[i].overlaps(c[j].ownership) {
						t.Fatalf("%v and %v", c[i].ownership, c[j].ownership)
					}
				}
			}
		}
	})
}

// TestTableEntriesOfAHandoff: the receiver's entry trims the source's, so that a takeover from the source takes what is
// left.
func TestTableEntriesOfAHandoff(t *testing.T) {
	var c ownershipTable
	now := time.UnixMilli(0)
	c.learn(testOwnership(10, 40, 3), now)
	c.learn(testOwnership(10, 20, 4), now)
	if known, _ := c.covering(testID(40)); known.ownership != testOwnership(20, 40, 3) {
		t.Errorf("the source's entry is %v", known.ownership)
	}
	c.learn(testOwnership(10, 40, 3), now) // late
	if known, _ := c.covering(testID(15)); known.ownership != testOwnership(10, 20, 4) {
		t.Errorf("after a late ownership the receiver's entry is %v", known.ownership)
	}
}

func TestOwnershipTableIsBounded(t *testing.T) {
	s, _ := chord.NewSpace(chord.MaxBits)
	var c ownershipTable
	for i := range maxTableEntries + 10 {
		id := s.FromUint64(uint64(10 * (i + 1)))
		c.learn(ownership{owner: chord.Peer{ID: id, Addr: "h"}, from: s.FromUint64(uint64(10*i + 5)), epoch: 1}, time.UnixMilli(int64(i)))
	}
	if len(c) != maxTableEntries {
		t.Errorf("%d entries, want %d", len(c), maxTableEntries)
	}
	if _, ok := c.covering(s.FromUint64(10)); ok {
		t.Error("the entry received longest ago is still there")
	}
}
