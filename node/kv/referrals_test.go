package kv

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/kv/ownership"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/wire"
)

// A referrer answers surveys like its Keeper, and adds arbitrary referrals.
type referrer struct {
	*Keeper
	draw     func() []*nodepb.Ownership
	surveyed int
}

func (r *referrer) Survey(ctx context.Context, q *nodepb.SurveyRequest) (*nodepb.SurveyResponse, error) {
	r.surveyed++
	a, err := r.Keeper.Survey(ctx, q)
	a.Claims = append(a.Claims, r.draw()...)
	return a, err
}

// A referralRing is a ring of which the members right below the last one are dead. The last one is under test.
type referralRing struct {
	w      *fakeWorld
	k      *Keeper
	ranges []terms.Ownership // of all members
	living []*referrer       // the first of them
}

func drawReferralRing(t *testing.T, rt *rapid.T) *referralRing {
	s := wideSpace()
	x := &referralRing{w: newFakeWorld()}
	cfg := Config{Space: s, Replicas: rapid.IntRange(1, 3).Draw(rt, "replicas"), CallLimit: time.Second}
	n := rapid.IntRange(3, 8).Draw(rt, "members")
	living := n - 1 - rapid.IntRange(0, n-2).Draw(rt, "dead")
	id := func(n int) chord.ID { return s.FromUint64(uint64(n)) }
	peer := func(i int) chord.Peer {
		return chord.Peer{ID: id(100 * (i + 1)), Addr: fmt.Sprint("host", i), Incarnation: 1}
	}
	for i := range n {
		x.ranges = append(x.ranges, terms.Ownership{Owner: peer(i), From: peer((i + n - 1) % n).ID, Epoch: int64(5 + i)})
	}
	draw := func() (list []*nodepb.Ownership) {
		for range rapid.IntRange(0, 4).Draw(rt, "referrals") {
			owner := peer(rapid.IntRange(0, n-2).Draw(rt, "owner"))
			if rapid.Bool().Draw(rt, "invented") {
				owner = chord.Peer{ID: id(rapid.IntRange(1, 100*n).Draw(rt, "id")), Addr: "nowhere", Incarnation: 1}
			}
			from, epoch := id(rapid.IntRange(1, 100*n).Draw(rt, "from")), rapid.Int64Range(1, ownership.MaxLeap).Draw(rt, "epoch")
			list = append(list, wire.Ownership(terms.Ownership{Owner: owner, From: from, Epoch: epoch}))
		}
		return list
	}
	var successors []chord.Peer
	for i := range living {
		k, m := x.w.add(t, x.ranges[i], cfg)
		m.keeper, m.state.Pred = k, peer((i+n-1)%n)
		for _, o := range x.ranges[living : n-1] {
			k.own.Table.Learn(o, x.w.now)
		}
		r := &referrer{Keeper: k, draw: draw}
		x.living, x.w.others[k.self.Addr] = append(x.living, r), r
		successors = append(successors, k.self)
	}
	k, m := x.w.add(t, x.ranges[n-1], cfg, successors...)
	m.keeper, m.state.Pred, x.k = k, peer(living-1), k
	for _, o := range x.ranges[:n-1] {
		if rapid.Bool().Draw(rt, "has been received") {
			k.own.Table.Learn(o, x.w.now)
		}
	}
	return x
}

// TestReferralsOnlyMakeAMemberAsk: whatever members report of others, of live, dead and invented ones, a member takes
// over all that the dead owners below it have owned, and nothing that a live member owns, and it refuses no owner's own
// report.
func TestReferralsOnlyMakeAMemberAsk(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		x := drawReferralRing(t, rt)
		for range 200 {
			if _, err := x.k.lookBelow(t.Context(), x.k.reg.Load()); err != nil {
				rt.Fatal(err)
			}
			own := x.k.reg.Load()
			for _, r := range x.living {
				if o := r.reg.Load(); own.Overlaps(*o) {
					rt.Fatalf("it owns %v, and %v is alive", own, o)
				}
			}
			if !own.Contains(x.ranges[len(x.ranges)-1]) {
				rt.Fatalf("it has given up a part of its range: %v", own)
			}
			x.w.now = x.w.now.Add(100 * time.Millisecond)
		}
		if own, nearest := x.k.reg.Load(), x.living[len(x.living)-1].self; own.From != nearest.ID {
			rt.Errorf("it owns %v: all owners above %v are dead", own, nearest)
		}
		for _, r := range x.living {
			if v := x.k.meet(*r.reg.Load()); v.Refused {
				rt.Errorf("the own report of %v is refused because of %v", r.self, v.Conflict)
			}
		}
	})
}

// TestReferredOwnersAreAskedOnce: one round of surveys asks each member once, whatever the others report of it. The table
// then has the live owners' own reports alone, and indirect entries of none but dead ones.
func TestReferredOwnersAreAskedOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		x := drawReferralRing(t, rt)
		before := *x.k.reg.Load()
		asked := x.living[:rapid.IntRange(1, len(x.living)).Draw(rt, "asked")]
		var peers []chord.Peer
		for _, r := range asked {
			peers = append(peers, r.self)
		}
		if _, err := x.k.surveyReferred(t.Context(), peers, before.From); err != nil {
			rt.Fatal(err)
		}
		for i, r := range x.living {
			if r.surveyed > 1 || i < len(asked) && r.surveyed == 0 {
				rt.Errorf("%v was surveyed %d times", r.self, r.surveyed)
			}
			for _, known := range x.k.own.Table {
				if known.Owner == r.self && (known.Indirect || known.Epoch != r.reg.Load().Epoch) {
					rt.Errorf("entry %+v of a live owner of %v", known, r.reg.Load())
				}
			}
		}
		for _, known := range x.k.own.Table {
			if known.Indirect && !x.k.unreachable(known.Owner) {
				rt.Errorf("indirect entry %v of an owner that has not been found dead", known.Ownership)
			}
		}
		if now := *x.k.reg.Load(); now != before {
			rt.Errorf("its register has changed from %v to %v", before, now)
		}
	})
}
