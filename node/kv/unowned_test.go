package kv

import (
	"testing"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
)

// TestSearchForOwnersSharesNoList: a member without a range that searches the circle for owners sorts the members that it
// asks. Its successors may all be of its own host, so that it knows no other host; the successor list, which all readers
// of its state share, must stay as it is. The check is in fakeWorld.add.
func TestSearchForOwnersSharesNoList(t *testing.T) {
	s := wideSpace()
	w := newFakeWorld()
	member := func(n uint64) chord.Peer { return chord.Peer{ID: s.FromUint64(n), Addr: "a", Incarnation: int64(n)} }
	k, _ := w.add(t, terms.Ownership{Owner: member(1)}, Config{Space: s, Replicas: 1}, member(2), member(3), member(4))
	if owned, err := k.anyOwner(t.Context()); owned || err != nil {
		t.Errorf("owned %v, %v", owned, err)
	}
}
