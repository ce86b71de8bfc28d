package chord

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestHostListsBecomeRight: whatever the host lists of an ideal ring are at first, dead and made-up entries among them,
// each is right once information has gone around the circle, in whatever order members query their heads.
func TestHostListsBecomeRight(t *testing.T) {
	space, err := NewSpace(8)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfNDistinct(rapid.Uint64Range(0, 255), 1, 24, rapid.ID[uint64]).Draw(t, "members")
		slices.Sort(ids)
		hosts := rapid.IntRange(1, 6).Draw(t, "hosts")
		r := rapid.IntRange(1, 5).Draw(t, "r")
		most := rapid.IntRange(0, 7).Draw(t, "most")
		host := rapid.Custom(func(t *rapid.T) string { return fmt.Sprint("h", rapid.IntRange(1, hosts).Draw(t, "host")) })
		members := make([]Peer, len(ids))
		for i, id := range ids {
			members[i] = Peer{ID: space.FromUint64(id), Addr: host.Draw(t, "of"), Incarnation: 1}
		}
		beyond := func(i int) []Peer { return slices.Concat(members[i+1:], members[:i]) }
		states := make([]State, len(members))
		lists := make([][]Peer, len(members))
		garbage := rapid.Custom(func(t *rapid.T) Peer {
			return Peer{ID: space.FromUint64(rapid.Uint64Range(0, 255).Draw(t, "id")), Addr: fmt.Sprint("h", rapid.IntRange(1, 9).Draw(t, "host"))}
		})
		for i, p := range members {
			states[i] = State{Self: p, Succ: compose(space, p.ID, r, Peer{}, beyond(i))}
			lists[i] = rapid.SliceOfN(garbage, 0, 7).Draw(t, "list")
		}
		ask := func(i int) {
			if len(members) == 1 {
				lists[i] = nil
				return
			}
			head := (i + 1) % len(members)
			lists[i] = Hosts(nil, members[i], most, []Peer{members[head]}, states[head].Succ, HostsPast(states[head], lists[head]))
		}
		order := rapid.Permutation(slices.Collect(func(yield func(int) bool) {
			for i := range members {
				if !yield(i) {
					return
				}
			}
		})).Draw(t, "order")
		for range len(members) {
			for _, i := range order {
				ask(i)
			}
		}
		for i, p := range members {
			want := Hosts(nil, p, most, beyond(i))
			if !slices.Equal(lists[i], want) {
				t.Fatalf("the list of %v is %v, want %v", p, lists[i], want)
			}
			// Against the definition: of each other host the first member met.
			seen := map[string]bool{p.Addr: true}
			var plain []Peer
			for _, q := range beyond(i) {
				if !seen[q.Addr] && len(plain) < most {
					plain = append(plain, q)
				}
				seen[q.Addr] = true
			}
			if !slices.Equal(want, plain) {
				t.Fatalf("Hosts gives %v, want %v", want, plain)
			}
		}
	})
}
