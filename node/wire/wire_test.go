package wire

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
)

// FuzzPeers: for all received bytes, reading a peer or a list never panics, and accepted values are within bounds and
// round-trip.
func FuzzPeers(f *testing.F) {
	space, err := chord.NewSpace(32)
	if err != nil {
		f.Fatal(err)
	}
	id := space.FromUint64(7)
	good, err := proto.Marshal(&nodepb.NeighborsResponse{
		Predecessor: &nodepb.Peer{Id: id[:], Address: "a:1", Incarnation: 1, Seq: 2},
		Successors:  []*nodepb.Peer{{Id: id[:], Address: "b:1"}, {Id: id[:]}, {}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{0x12, 0x03, 0x0a, 0x01, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		var m nodepb.NeighborsResponse
		if proto.Unmarshal(data, &m) != nil {
			return
		}
		if list, err := ReadPeers(space, m.Successors); err == nil {
			for i, p := range list {
				if space.Distance(chord.ID{}, p.ID) != p.ID || len(p.Addr) > MaxText {
					t.Fatalf("entry %d: %v", i, p)
				}
			}
		}
		ref, err := ReadRef(space, m.Predecessor)
		if err != nil {
			return
		}
		if again, err := ReadRef(space, Ref(ref.Peer, ref.Seq)); err != nil || again.Peer != ref.Peer {
			t.Fatalf("%v reads back as %v, %v", ref, again, err)
		}
	})
}
