package kv

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/kv/ownership"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/wire"
)

// deadHost answers nothing, and counts which of its members are asked.
type deadHost struct {
	nowhere
	asked map[string]bool
}

func (d *deadHost) Survey(_ context.Context, q *nodepb.SurveyRequest) (*nodepb.SurveyResponse, error) {
	d.asked[string(q.Call.Target)] = true
	return nil, env.ErrTimeout
}

// oneByOne refers to one owner at a time: that of the point that is asked for.
type oneByOne struct {
	*Keeper
	dead []terms.Ownership
}

func (o *oneByOne) Survey(ctx context.Context, q *nodepb.SurveyRequest) (*nodepb.SurveyResponse, error) {
	a, err := o.Keeper.Survey(ctx, q)
	for _, d := range o.dead {
		if point := chord.ID(q.Point); d.Covers(point) {
			a.Claims = append(a.Claims, wire.Ownership(d))
		}
	}
	return a, err
}

// TestMembersOfASilentHostAreNotAskedOneByOne: a host has died with many members, and what they owned becomes known one
// by one. The member above takes all of it over, and asks no more of them than it takes to find the host silent.
func TestMembersOfASilentHostAreNotAskedOneByOne(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := wideSpace()
		n := rapid.IntRange(1, 20).Draw(rt, "members of the dead host")
		id := func(n int) chord.ID { return s.FromUint64(uint64(n)) }
		first := chord.Peer{ID: id(100), Addr: "first", Incarnation: 1}
		last := chord.Peer{ID: id(100 * (n + 2)), Addr: "last", Incarnation: 1}
		w, host := newFakeWorld(), &deadHost{asked: map[string]bool{}}
		cfg := Config{Space: s, Replicas: 1, CallLimit: time.Second}
		a, _ := w.add(t, terms.Ownership{Owner: first, From: last.ID, Epoch: 9}, cfg, last)
		refers := &oneByOne{Keeper: a}
		w.others[first.Addr], w.others["dead"] = refers, host
		for i := range n {
			owner := chord.Peer{ID: id(100 * (i + 2)), Addr: "dead", Incarnation: 1}
			refers.dead = append(refers.dead, terms.Ownership{Owner: owner, From: id(100 * (i + 1)), Epoch: int64(i + 1)})
		}
		k, m := w.add(t, terms.Ownership{Owner: last, From: id(100 * (n + 1)), Epoch: 9}, cfg, first)
		m.keeper, m.state.Pred = k, first
		for range 4 * n {
			if _, err := k.lookBelow(t.Context(), k.reg.Load()); err != nil {
				rt.Fatal(err)
			}
			w.now = w.now.Add(100 * time.Millisecond)
		}
		if own := k.reg.Load(); own.From != first.ID {
			rt.Errorf("it owns %v: all owners above %v are dead", own, first)
		}
		if len(host.asked) > ownership.SilentMembers {
			rt.Errorf("%d of %d members were asked", len(host.asked), n)
		}
	})
}
