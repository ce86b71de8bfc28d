package ownership

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/kv/termstest"
)

const fresh = 30 * time.Second

func filled(o terms.Ownership) *Register {
	r := New(o.Owner, fresh)
	r.Set(&o)
	return r
}

// meet delivers an ownership to a member, and the answer to its owner, which resolves the dispute by calls.
func meet(t *rapid.T, from, to *Register, all []*Register, now time.Time) {
	if from.Own() == nil {
		return
	}
	sent := *from.Own()
	if v := to.Check(sent); v.Refused {
		t.Fatalf("%v refused before it is looked at: %+v", sent, v)
	}
	v, _ := to.Meet(sent, now)
	if v.Refused && v.Conflict == nil {
		t.Fatalf("%v refused without a conflict", sent)
	}
	if !v.Refused && to.Rival(&sent) {
		t.Fatalf("%v stands, and overlaps %v", sent, *to.Own())
	}
	if v.Conflict != nil && *v.Conflict != sent {
		from.Dispute(*v.Conflict)
	}
	for _, conflict := range from.Disputes() {
		for _, owner := range all {
			if owner.self == conflict.Owner {
				from.Resolve(conflict, owner.Own(), now)
			}
		}
	}
}

// TestContestsEnd: members whose ownerships overlap, in whatever order they learn of each other, soon own disjoint
// ranges, each covered by one of them that knows it; and no register ever leaves its member's identifier.
func TestContestsEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1000, 0)
		var all []*Register
		for _, at := range rapid.SliceOfNDistinct(rapid.Uint64Range(0, 63), 2, 6, rapid.ID).Draw(t, "members") {
			all = append(all, filled(termstest.Ownership(rapid.Uint64Range(0, 63).Draw(t, "from"), at, rapid.Int64Range(1, 5).Draw(t, "epoch"))))
		}
		pair := rapid.IntRange(0, len(all)-1)
		for range rapid.IntRange(0, 20).Draw(t, "calls") {
			now = now.Add(time.Second)
			a, b := pair.Draw(t, "from"), pair.Draw(t, "to")
			if a == b {
				continue
			}
			if rapid.IntRange(0, 5).Draw(t, "takes over") == 0 && all[a].Own() != nil {
				all[a].Inherit(termstest.ID(rapid.Uint64Range(0, 63).Draw(t, "down to")), 0, nil)
			}
			meet(t, all[a], all[b], all, now)
		}
		for range 4 * len(all) {
			now = now.Add(time.Second)
			for i := range all {
				for j := range all {
					if i != j {
						meet(t, all[i], all[j], all, now)
					}
				}
			}
		}
		for i, r := range all {
			for _, other := range all[:i] {
				if r.Rival(other.Own()) {
					t.Fatalf("%v and %v", *r.Own(), *other.Own())
				}
			}
		}
	})
}

// TestTakeOver: a takeover beats every known ownership that it overlaps, drops their entries, and needs recovery; an
// outgoing handoff is given up before.
func TestTakeOver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		own := termstest.DrawOwnership(t)
		r := filled(own)
		for range rapid.IntRange(0, 10).Draw(t, "known") {
			if o := termstest.DrawOwnership(t); o.Owner != own.Owner {
				r.Table.Learn(o, time.Unix(1000, 0))
			}
		}
		known := slices.Clone(r.Table)
		from := termstest.ID(rapid.Uint64Range(0, 63).Draw(t, "down to"))
		e := r.TakeOver(from, rapid.Int64Range(0, 9).Draw(t, "epoch"))
		switch {
		case r.Own().From != from || r.Own() != e.After || *e.Before != own:
			t.Fatalf("%v from %v to %v", *r.Own(), e.Before, e.After)
		case !e.AbortHandoff || !e.Changed || !e.Recover:
			t.Fatalf("effects %+v", e)
		case !r.Own().Beats(own):
			t.Fatalf("%v does not beat its own %v", *r.Own(), own)
		}
		for _, entry := range known {
			overlaps := entry.Overlaps(*r.Own())
			if overlaps && !r.Own().Beats(entry.Ownership) {
				t.Fatalf("%v does not beat %v", *r.Own(), entry.Ownership)
			}
			if still := r.Table.Knows(entry.Ownership); still == overlaps {
				t.Fatalf("%v in the table of the owner of %v: %v", entry.Ownership, *r.Own(), still)
			}
		}
	})
}

// TestStepsDown: an owner that is wrongly taken for dead takes its range back, but not for ever: calls that get through
// in one direction only would let it and the other owner do so without end.
func TestStepsDown(t *testing.T) {
	now := time.Unix(1000, 0)
	r := filled(termstest.Ownership(10, 20, 1))
	for n := range maxReclaims {
		stands, e := r.Yield(termstest.Ownership(5, 30, r.Own().Epoch+1), now)
		if stands || !e.Recover || !slices.Equal(e.Sources, []chord.Peer{termstest.Peer(30)}) || r.Own().From != termstest.ID(10) {
			t.Fatalf("the %d. time: %v, %+v", n+1, stands, e)
		}
	}
	if stands, e := r.Yield(termstest.Ownership(5, 30, r.Own().Epoch+1), now); !stands || r.Own() != nil || e.Recover || !e.Changed {
		t.Errorf("once more: stands %v, owns %v, %+v", stands, r.Own(), e)
	}
	own := termstest.Ownership(10, 20, 99)
	r.Set(&own)
	if stands, _ := r.Yield(termstest.Ownership(5, 30, 100), now.Add(fresh)); stands {
		t.Error("later it does not take its range back")
	}
}

// TestForgedEpoch: an epoch that is too far above all known is refused, and a register that has been driven so far up
// comes down by the first plausible ownership.
func TestForgedEpoch(t *testing.T) {
	r := filled(termstest.Ownership(10, 20, 7))
	forged := termstest.Ownership(30, 40, 7+MaxLeap+1)
	if v := r.Check(forged); !v.Refused || !v.Implausible || v.Conflict == nil || v.Conflict.Epoch != 7 {
		t.Errorf("%+v", v)
	}
	forged.Epoch--
	if v := r.Check(forged); v.Refused {
		t.Errorf("at the limit: %+v", v)
	}
	own := termstest.Ownership(10, 20, 5+MaxLeap+1)
	r.Set(&own)
	if v, e := r.Meet(termstest.Ownership(30, 40, 5), time.Unix(1000, 0)); v.Refused || !e.AbortHandoff || r.Own().Epoch != 6 {
		t.Errorf("%+v, %+v, epoch %d", v, e, r.Own().Epoch)
	}
}

// TestDoubtfulEntry: an entry so far above what an owner reports that one of them is forged is verified, and dropped
// unless its owner confirms it.
func TestDoubtfulEntry(t *testing.T) {
	now := time.Unix(1000, 0)
	for name, theirs := range map[string]*terms.Ownership{
		"confirmed": {Owner: termstest.Peer(40), From: termstest.ID(25), Epoch: 3 * MaxLeap}, "another": {Owner: termstest.Peer(40), From: termstest.ID(35), Epoch: 2}, "nothing": nil,
	} {
		r := filled(termstest.Ownership(10, 20, 2*MaxLeap))
		entry := termstest.Ownership(25, 40, 3*MaxLeap)
		r.Table.Learn(entry, now)
		r.Meet(termstest.Ownership(25, 30, MaxLeap+1), now)
		list := r.Unverified()
		if !slices.Equal(list, []terms.Ownership{entry}) || len(r.Unverified()) > 0 {
			t.Fatalf("%s: to verify: %v", name, list)
		}
		r.Verified(entry, theirs, now)
		got, some := r.Table.Covering(termstest.ID(40))
		if some != (theirs != nil) || theirs != nil && got.Ownership != *theirs {
			t.Errorf("%s: the table has %v, %v", name, got.Ownership, some)
		}
	}
}
