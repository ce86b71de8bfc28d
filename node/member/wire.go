package member

import (
	"fmt"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// Received bytes become values here, and nowhere else: every identifier must fit the circle, every list has a bound.

// idFromWire reads an identifier of 20 bytes.
func idFromWire(space chord.Space, b []byte) (chord.ID, error) {
	var id chord.ID
	if len(b) != len(id) {
		return id, fmt.Errorf("identifier of %d bytes: must have %d", len(b), len(id))
	}
	copy(id[:], b)
	if space.Bits() < chord.MaxBits && space.Distance(chord.ID{}, id) != id {
		return id, fmt.Errorf("identifier %x does not fit in %d bits", b, space.Bits())
	}
	return id, nil
}

// peerFromWire reads a peer; if p is nil, or has no identifier, the result is the zero value.
func peerFromWire(space chord.Space, p *nodepb.Peer) (chordevent.PeerRef, error) {
	if p == nil || len(p.Id) == 0 {
		return chordevent.PeerRef{}, nil
	}
	id, err := idFromWire(space, p.Id)
	if err != nil {
		return chordevent.PeerRef{}, err
	}
	if len(p.Address) > maxText || p.Incarnation < 0 || p.Seq < 0 {
		return chordevent.PeerRef{}, fmt.Errorf("peer %s: malformed", space.Format(id))
	}
	return chordevent.PeerRef{Peer: chord.Peer{ID: id, Addr: p.Address, Incarnation: p.Incarnation}, Seq: p.Seq}, nil
}

// peersFromWire reads a successor list.
func peersFromWire(space chord.Space, list []*nodepb.Peer) ([]chord.Peer, error) {
	if len(list) > chordevent.MaxSuccessors {
		return nil, fmt.Errorf("successor list of %d entries: at most %d", len(list), chordevent.MaxSuccessors)
	}
	peers := make([]chord.Peer, len(list))
	for i, p := range list {
		ref, err := peerFromWire(space, p)
		if err != nil {
			return nil, err
		}
		peers[i] = ref.Peer
	}
	return peers, nil
}

func peerToWire(p chord.Peer, seq int64) *nodepb.Peer {
	if p == (chord.Peer{}) {
		return nil
	}
	return &nodepb.Peer{Id: p.ID[:], Address: p.Addr, Incarnation: p.Incarnation, Seq: seq}
}

func peersToWire(list []chord.Peer) []*nodepb.Peer {
	out := make([]*nodepb.Peer, len(list))
	for i, p := range list {
		out[i] = peerToWire(p, 0)
	}
	return out
}
