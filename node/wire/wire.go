package wire

import (
	"fmt"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

const (
	// MaxText bounds a name or an address, in bytes.
	MaxText = 255
	// MaxEpoch leaves room for successors of every epoch that can come from outside. It cannot be reached: see
	// ownership.MaxLeap.
	MaxEpoch = 1 << 62
)

// ReadID reads an identifier of 20 bytes.
func ReadID(space chord.Space, b []byte) (id chord.ID, err error) {
	id, ok := chord.IDFromBytes(b)
	if !ok {
		return id, fmt.Errorf("identifier of %d bytes: must have %d", len(b), len(id))
	}
	if space.Bits() < chord.MaxBits && space.Distance(chord.ID{}, id) != id {
		return id, fmt.Errorf("identifier %x does not fit in %d bits", b, space.Bits())
	}
	return id, nil
}

// ReadRef reads a peer with the number of its last event; an absent one is the zero value.
func ReadRef(space chord.Space, p *nodepb.Peer) (chordevent.PeerRef, error) {
	if p == nil || len(p.Id) == 0 {
		return chordevent.PeerRef{}, nil
	}
	id, err := ReadID(space, p.Id)
	if err != nil {
		return chordevent.PeerRef{}, err
	}
	if len(p.Address) > MaxText || p.Incarnation < 0 || p.Seq < 0 {
		return chordevent.PeerRef{}, fmt.Errorf("peer %s: expected an address of at most %d bytes, an incarnation and an event number of at least 0", space.Format(id), MaxText)
	}
	return chordevent.PeerRef{Peer: chord.Peer{ID: id, Addr: p.Address, Incarnation: p.Incarnation}, Seq: p.Seq}, nil
}

// ReadPeer reads a peer; an absent one is the zero Peer.
func ReadPeer(space chord.Space, p *nodepb.Peer) (chord.Peer, error) {
	ref, err := ReadRef(space, p)
	return ref.Peer, err
}

// ReadPeers reads a list of at most chordevent.MaxSuccessors peers.
func ReadPeers(space chord.Space, list []*nodepb.Peer) ([]chord.Peer, error) {
	if len(list) > chordevent.MaxSuccessors {
		return nil, fmt.Errorf("successor list of %d entries: at most %d", len(list), chordevent.MaxSuccessors)
	}
	peers := make([]chord.Peer, len(list))
	for i, p := range list {
		var err error
		if peers[i], err = ReadPeer(space, p); err != nil {
			return nil, err
		}
	}
	return peers, nil
}

// ReadReal reads those of a list, which the caller bounds, that are not placeholders.
func ReadReal(space chord.Space, list []*nodepb.Peer) (peers []chord.Peer, err error) {
	for _, p := range list {
		peer, err := ReadPeer(space, p)
		if err != nil {
			return nil, err
		}
		if peer.Real() {
			peers = append(peers, peer)
		}
	}
	return peers, nil
}

// Peer writes a peer; the zero Peer is absent.
func Peer(p chord.Peer) *nodepb.Peer { return Ref(p, 0) }

// Ref writes a peer with the number of its last event.
func Ref(p chord.Peer, seq int64) *nodepb.Peer {
	if p == (chord.Peer{}) {
		return nil
	}
	return &nodepb.Peer{Id: p.ID[:], Address: p.Addr, Incarnation: p.Incarnation, Seq: seq}
}

// Peers writes a list of peers.
func Peers(list []chord.Peer) []*nodepb.Peer {
	out := make([]*nodepb.Peer, len(list))
	for i, p := range list {
		out[i] = Peer(p)
	}
	return out
}

// ReadArc reads an arc, without its digest.
func ReadArc(space chord.Space, a *nodepb.Arc) (terms.Arc, error) {
	from, err := ReadID(space, a.GetFrom())
	if err != nil {
		return terms.Arc{}, err
	}
	to, err := ReadID(space, a.GetTo())
	return terms.Arc{From: from, To: to}, err
}

// ReadOwnership reads an ownership; absent is nil.
func ReadOwnership(space chord.Space, o *nodepb.Ownership) (*terms.Ownership, error) {
	if o == nil {
		return nil, nil
	}
	owner, err := ReadPeer(space, o.Owner)
	if err != nil {
		return nil, err
	}
	from, err := ReadID(space, o.From)
	if err != nil {
		return nil, err
	}
	if !owner.Real() || o.Epoch < 1 || o.Epoch > MaxEpoch {
		return nil, fmt.Errorf("ownership of epoch %d by %q: expected an owner with an address, and an epoch from 1 to %d", o.Epoch, owner.Addr, int64(MaxEpoch))
	}
	return &terms.Ownership{Owner: owner, From: from, Epoch: o.Epoch}, nil
}

// Ownership writes an ownership.
func Ownership(o terms.Ownership) *nodepb.Ownership {
	return &nodepb.Ownership{Owner: Peer(o.Owner), From: o.From[:], Epoch: o.Epoch}
}
