package hub

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/conductor/internal/otlptest"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// A member that has left is shown with no keys, whatever it reported last; a failed member is shown with the keys that
// it reported last.
func TestRowOfTheGone(t *testing.T) {
	space, err := chord.NewSpace(160)
	if err != nil {
		t.Fatal(err)
	}
	load := chordevent.Load{OwnedKeys: 7, ReplicaKeys: 8, Bytes: 9}
	for status, want := range map[ring.MemberStatus]uint64{ring.Active: 7, ring.Failed: 7, ring.Left: 0} {
		m := &ring.Member{Status: status, Load: load}
		got := newTable().row(m, &ring.View{Bits: 160}, space)
		if got.keys != want || got.replicas > 0 != (want > 0) || got.bytes > 0 != (want > 0) {
			t.Errorf("%v: %d keys, %d replicas, %d bytes; want %d keys", status, got.keys, got.replicas, got.bytes, want)
		}
	}
}

// The changes of all rows, applied in order, give the whole table of the newest view; handles are stable.
func TestChangesAddUpToTheView(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n = 12
		now := time.Unix(1790000000, 0)
		members := make([]*otlptest.Member, n)
		for i := range members {
			members[i] = otlptest.NewMember(i, n, now.UnixNano())
		}
		fold := ring.New(ring.Options{Forget: 20 * time.Second})
		steady := newTable()
		page := map[uint32]row{}
		handles := map[string]uint32{}
		any := func(label string) int { return rapid.IntRange(0, n-1).Draw(t, label) }

		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			i := any("member")
			var body chordevent.Body
			switch rapid.IntRange(0, 6).Draw(t, "event") {
			case 0:
				body = otlptest.Keyframe(members, i, 3)
			case 1:
				body = chordevent.NodeLoad{Load: chordevent.Load{OwnedKeys: int64(any("keys"))}}
			case 2:
				body = chordevent.PeerFailed{Peer: members[any("peer")].Peer}
			case 3:
				body = chordevent.Left{Successor: members[any("peer")].Peer}
			case 4:
				members[i] = otlptest.NewMember(i, n, now.UnixNano())
				body = chordevent.Started{Address: members[i].Peer.Addr, Bits: 160, ListLen: 3, Replicas: 3}
			case 5:
				body = chordevent.PredecessorChanged{Predecessor: members[any("peer")].Peer}
			case 6:
				now = now.Add(time.Duration(any("pause")) * time.Second)
			}
			if body != nil {
				ev := members[i].Event(now, body)
				fold.Apply(&ev, now)
			}
			now = now.Add(time.Millisecond)
			fold.Advance(now)
			if rapid.Bool().Draw(t, "skip") {
				continue
			}

			v := fold.View()
			changed, removed := steady.update(v)
			for _, handle := range removed {
				if _, there := page[handle]; !there {
					t.Fatalf("handle %d removed, which is not there", handle)
				}
				delete(page, handle)
			}
			for _, r := range changed {
				page[r.handle] = r
			}
			fresh := newTable()
			fresh.update(v)
			if len(page) != len(fresh.rows) {
				t.Fatalf("%d rows, want %d", len(page), len(fresh.rows))
			}
			rename := map[uint32]uint32{0: 0} // a fresh table's handles → the steady one's
			for i, m := range v.Members {
				rename[fresh.rows[i].handle] = steady.handles[m.ID]
			}
			for _, want := range fresh.rows {
				want.handle = rename[want.handle]
				want.predecessor, want.successor = rename[want.predecessor], rename[want.successor]
				if got := page[want.handle]; got != want {
					t.Fatalf("row of %x:\ngot  %+v\nwant %+v", want.id, got, want)
				}
			}
			for _, r := range page {
				incarnation := fmt.Sprint(r.id)
				if old, known := handles[incarnation]; known && old != r.handle {
					t.Fatalf("the handle of %x went from %d to %d", r.id, old, r.handle)
				}
				handles[incarnation] = r.handle
			}
			for _, handle := range removed { // it may come back under another
				maps.DeleteFunc(handles, func(_ string, h uint32) bool { return h == handle })
			}
		}
	})
}
