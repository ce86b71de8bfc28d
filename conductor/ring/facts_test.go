package ring

import (
	"testing"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// A member's successor is the first entry that can be alive: not a placeholder, not a member that is gone, not an
// earlier incarnation than is known. A member without events, or without a known incarnation, can be alive.
func TestSuccessor(t *testing.T) {
	space, _ := chord.NewSpace(8)
	id := func(n uint64) chord.ID { return space.FromUint64(n) }
	ref := func(n uint64, inc int64) chordevent.PeerRef {
		return chordevent.PeerRef{Peer: chord.Peer{ID: id(n), Addr: "h:1", Incarnation: inc}}
	}
	v := &View{Members: []*Member{
		{ID: id(1), Incarnation: 5, Status: Active}, {ID: id(2), Incarnation: 5, Status: Failed},
		{ID: id(3), Incarnation: 5, Status: Left}, {ID: id(4), Incarnation: 5, Status: Silent},
	}}
	for _, c := range []struct {
		what string
		list []chordevent.PeerRef
		want uint64 // 0: none
	}{
		{"empty", nil, 0},
		{"placeholder, failed, left", []chordevent.PeerRef{{}, ref(2, 5), ref(3, 5)}, 0},
		{"after those", []chordevent.PeerRef{{}, ref(2, 5), ref(1, 5)}, 1},
		{"an earlier incarnation", []chordevent.PeerRef{ref(1, 4), ref(4, 5)}, 4},
		{"a later incarnation, whose events are on their way", []chordevent.PeerRef{ref(1, 6)}, 1},
		{"an unknown incarnation", []chordevent.PeerRef{ref(1, 0)}, 1},
		{"a later incarnation of one that failed", []chordevent.PeerRef{ref(2, 6), ref(9, 1)}, 9},
		{"a member without events", []chordevent.PeerRef{ref(9, 1)}, 9},
	} {
		p, ok := v.Successor(&Member{Successors: c.list})
		if ok != (c.want > 0) || ok && p.ID != id(c.want) {
			t.Errorf("%s: %v, %v", c.what, p, ok)
		}
	}
}
