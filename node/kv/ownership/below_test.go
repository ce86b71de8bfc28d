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

// TestReferrals: what members report of others becomes an indirect entry only of an owner that is found dead, or is
// unreachable already; and none displaces what an owner has reported itself.
func TestReferrals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		own, now := termstest.Ownership(50, 60, 3), time.Unix(1000, 0)
		r := filled(own)
		for range rapid.IntRange(0, 4).Draw(t, "known") {
			r.Table.Learn(termstest.DrawOwnership(t), now)
		}
		direct := slices.Clone(r.Table)
		var to Referrals
		named := map[terms.Ownership]bool{}
		for range rapid.IntRange(1, 3).Draw(t, "members") {
			var list []terms.Ownership
			for range rapid.IntRange(0, 4).Draw(t, "referrals") {
				o := termstest.DrawOwnership(t)
				if rapid.IntRange(0, 9).Draw(t, "forged") == 0 {
					o.Epoch += 2 * MaxLeap
				}
				list = append(list, o)
				named[o] = true
			}
			r.Refer(&to, termstest.Peer(1), list)
		}
		state := map[chord.Peer]string{}
		for _, o := range to.List {
			if _, is := r.Implausible(o); is || o.Owner == own.Owner || !named[o] {
				t.Fatalf("a referral to %v counts", o)
			}
			state[o.Owner] = rapid.SampledFrom([]string{"alive", "dead", "unreachable"}).Draw(t, "state")
		}
		for _, refused := range to.Refused {
			if refused.Ownership.Epoch < MaxLeap {
				t.Fatalf("%v is refused for its epoch", refused.Ownership)
			}
		}
		unreachable := func(p chord.Peer) bool { return state[p] == "unreachable" }
		asked := to.Owners(nil, unreachable)
		dead := make([]bool, len(asked))
		for i, p := range asked {
			if dead[i] = state[p] == "dead"; state[p] == "unreachable" {
				t.Fatalf("%v is asked", p)
			}
		}
		r.Referred(&to, asked, dead, unreachable, now)
		for _, entry := range r.Table {
			if entry.Indirect && state[entry.Owner] == "alive" {
				t.Fatalf("%v is alive, and has an indirect entry", entry.Owner)
			}
		}
		for _, before := range direct {
			if known, some := r.Table.Covering(before.Owner.ID); !some || known.Indirect && state[before.Owner] == "" {
				t.Fatalf("%v is displaced by %v", before.Ownership, known)
			}
		}
	})
}

// TestRow: while consecutive owners below turn out to be dead, twice as many are asked each time; a live one ends that.
func TestRow(t *testing.T) {
	now := time.Unix(1000, 0)
	r := filled(termstest.Ownership(60, 62, 1))
	for at := uint64(2); at <= 60; at += 2 {
		r.Table.Learn(termstest.Ownership(at-2, at, 1), now)
	}
	none := func(chord.Peer) bool { return false }
	if next := r.Row(r.Own(), none); next != nil {
		t.Errorf("before any is dead, %v are asked", next)
	}
	for _, want := range []int{2, 4, 8, 16} {
		r.Inherit(termstest.ID(uint64(termstest.Number(r.Own().From))-2), 0, nil)
		if next := r.Row(r.Own(), none); len(next) != want {
			t.Errorf("%d are asked, want %d", len(next), want)
		}
	}
	if r.Missing(false, now); r.Row(r.Own(), none) != nil {
		t.Error("after a live one several are asked")
	}
}

// TestOwnerless: the time without an owner runs from the first sign of it until one is found, and does not begin again
// with each range further down.
func TestOwnerless(t *testing.T) {
	now := time.Unix(1000, 0)
	r := filled(termstest.Ownership(50, 60, 1))
	r.Missing(true, now)
	r.Inherit(termstest.ID(40), 1, []chord.Peer{termstest.Peer(45)})
	r.Missing(true, now.Add(5*time.Second))
	if got := r.Ownerless(now.Add(6 * time.Second)); got != 6*time.Second {
		t.Errorf("for %v", got)
	}
	r.Found()
	if got := r.Searched(now.Add(7*time.Second), now.Add(9*time.Second)); got != 2*time.Second {
		t.Errorf("found, and lost again: for %v", got)
	}
	if r.Doubt(); !r.Doubted() || r.Doubted() {
		t.Error("a doubt counts once")
	}
}

// TestAffected: of the death of an owner, the other owners on its host are affected, and the members in its range; not
// those that are unreachable anyway.
func TestAffected(t *testing.T) {
	now := time.Unix(1000, 0)
	r := filled(termstest.Ownership(50, 60, 1))
	dead, same := termstest.Ownership(40, 50, 1), termstest.Ownership(20, 30, 1)
	same.Owner.Addr = dead.Owner.Addr
	r.Table.Learn(dead, now)
	r.Table.Learn(same, now)
	r.Table.Learn(termstest.Ownership(30, 35, 1), now)
	known := []chord.Peer{termstest.Peer(45), termstest.Peer(47), termstest.Peer(10)}
	got := r.Affected(dead, termstest.ID(50), known, func(p chord.Peer) bool { return p == known[1] })
	if want := []chord.Peer{same.Owner, known[0]}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	var lapsed terms.Lapsed
	lapsed.Add(dead.Owner, now.Add(time.Second))
	if got := r.Others(lapsed, now); slices.Contains(got, dead.Owner) || len(got) != 2 {
		t.Errorf("the others are %v", got)
	}
	below, some := r.Below(r.Own(), func(p chord.Peer) bool { return p == dead.Owner })
	if !some || below.Owner != dead.Owner || below.Alive {
		t.Errorf("below is %+v, %v", below, some)
	}
	if down := r.Nearest(termstest.ID(32), r.Own()); down != termstest.ID(35) {
		t.Errorf("the nearest below ends at %v", down)
	}
}

// TestClaimPace: accepted claims that fill nothing follow at growing distances.
func TestClaimPace(t *testing.T) {
	var p ClaimPace
	now := time.Unix(1000, 0)
	var gaps []time.Duration
	for range 5 {
		p.Accepted(now, 500*time.Millisecond)
		gaps = append(gaps, p.Next.Sub(now))
	}
	const ms = time.Millisecond
	if want := []time.Duration{100 * ms, 200 * ms, 400 * ms, 500 * ms, 500 * ms}; !slices.Equal(gaps, want) {
		t.Errorf("%v, want %v", gaps, want)
	}
}
