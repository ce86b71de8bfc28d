package wire

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

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

// A lookup that is read names its key, its owner and every hop, within bounds; what names less is refused as a whole.
func TestReadLookup(t *testing.T) {
	peers := rapid.Custom(func(t *rapid.T) *nodepb.Peer {
		return &nodepb.Peer{Id: rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "id"), Address: "a:1", Incarnation: rapid.Int64Range(0, 9).Draw(t, "incarnation")}
	})
	hops := rapid.Custom(func(t *rapid.T) *nodepb.Hop {
		return &nodepb.Hop{
			Peer: peers.Draw(t, "peer"), Pointer: nodepb.Candidate_Pointer(rapid.IntRange(0, 4).Draw(t, "pointer")), Slot: rapid.Int32().Draw(t, "slot"),
			Timeouts: rapid.Int32().Draw(t, "timeouts"), AtMicros: rapid.Int64Range(-1e9, 1e9).Draw(t, "at"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		m := &nodepb.Lookup{
			Key: rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "key"), Owner: peers.Draw(t, "owner"), Path: rapid.SliceOfN(hops, 0, 5).Draw(t, "path"),
			DurationMicros: rapid.Int64Range(0, 1e9).Draw(t, "duration"), TraceId: "ab", Mode: "recursive", Timeouts: rapid.Int32().Draw(t, "timeouts"),
		}
		got, err := ReadLookup(m)
		if err != nil {
			t.Fatal(err)
		}
		if string(got.Key[:]) != string(m.Key) || !proto.Equal(Peer(got.Owner), m.Owner) || got.Duration.Microseconds() != m.DurationMicros ||
			got.Trace != m.TraceId || got.Mode != m.Mode || got.Timeouts != int(m.Timeouts) || len(got.Path) != len(m.Path) {
			t.Fatalf("%v is read as %+v", m, got)
		}
		for i, h := range got.Path {
			again := &nodepb.Hop{
				Peer: Peer(h.Peer), Pointer: nodepb.Candidate_Pointer(slices.Index(Pointers(), h.Pointer)), Slot: int32(h.Slot), Timeouts: int32(h.Timeouts), AtMicros: h.At.Microseconds(),
			}
			if !proto.Equal(again, m.Path[i]) {
				t.Fatalf("%v is read as %+v", m.Path[i], h)
			}
		}
		spoil := []func(){
			func() { m.Key = m.Key[:19] }, func() { m.Owner = nil }, func() { m.Owner.Id = append(m.Owner.Id, 0) },
			func() { m.Path = append(m.Path, nil) }, func() { m.Path = append(m.Path, &nodepb.Hop{Peer: &nodepb.Peer{Address: "a:1"}}) },
			func() { m.Path = make([]*nodepb.Hop, MaxPath+1) }, func() { m.TraceId = strings.Repeat("a", MaxText+1) },
			func() { m.Mode = strings.Repeat("a", MaxText+1) }, func() { m.Owner.Address = strings.Repeat("a", MaxText+1) },
		}
		spoil[rapid.IntRange(0, len(spoil)-1).Draw(t, "spoil")]()
		if got, err := ReadLookup(m); err == nil || got != nil {
			t.Fatalf("%v is read as %+v, %v", m, got, err)
		}
		written := ReadPut(&nodepb.PutResponse{Lookup: m, Copies: 3, Version: 7})
		if written != (Written{nil, 3, 7}) { // the write is acknowledged all the same
			t.Fatalf("a put: %+v", written)
		}
	})
	if l, err := ReadLookup(nil); l != nil || err != nil {
		t.Errorf("none is read as %v, %v", l, err)
	}
	if g := ReadGet(&nodepb.GetResponse{Value: []byte("v"), Version: 2}); string(g.Value) != "v" || g.Version != 2 || g.Lookup != nil {
		t.Errorf("a get: %+v", g)
	}
	if w := ReadDelete(&nodepb.DeleteResponse{Copies: 1, Version: 2}); w != (Written{nil, 1, 2}) {
		t.Errorf("a delete: %+v", w)
	}
}
