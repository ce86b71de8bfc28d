package kv

import (
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/node/chord"
	"chordconductor/node/kv/ownership"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
	"chordconductor/otel/chordevent"
)

// Bytes from peers become values here, and nowhere else: every identifier must fit the circle, everything has a bound.

func malformed(err error) error { return status.Error(codes.InvalidArgument, err.Error()) }

func idFromWire(space chord.Space, b []byte) (id chord.ID, err error) {
	if len(b) != len(id) {
		return id, fmt.Errorf("identifier of %d bytes: must have %d", len(b), len(id))
	}
	copy(id[:], b)
	if space.Distance(chord.ID{}, id) != id {
		return id, fmt.Errorf("identifier %x does not fit in %d bits", b, space.Bits())
	}
	return id, nil
}

const (
	maxAddress       = 255
	maxReplicasNamed = 16 // of a record, in an answer: member.MaxReplicas
)

// peerFromWire reads a peer; an absent one is the zero Peer.
func peerFromWire(space chord.Space, p *nodepb.Peer) (chord.Peer, error) {
	if p == nil || len(p.Id) == 0 {
		return chord.Peer{}, nil
	}
	id, err := idFromWire(space, p.Id)
	if err != nil {
		return chord.Peer{}, err
	}
	if len(p.Address) > maxAddress || p.Incarnation < 0 {
		return chord.Peer{}, fmt.Errorf("peer %s: malformed address or incarnation", space.Format(id))
	}
	return chord.Peer{ID: id, Addr: p.Address, Incarnation: p.Incarnation}, nil
}

func peerToWire(p chord.Peer) *nodepb.Peer {
	if p == (chord.Peer{}) {
		return nil
	}
	return &nodepb.Peer{Id: p.ID[:], Address: p.Addr, Incarnation: p.Incarnation}
}

// replicasFromWire reads the members that hold a record; nil if not all can be read, because they serve display only.
func replicasFromWire(space chord.Space, list []*nodepb.Peer) (replicas []chord.Peer) {
	for _, w := range list[:min(len(list), maxReplicasNamed)] {
		p, err := peerFromWire(space, w)
		if err != nil {
			return nil
		}
		replicas = append(replicas, p)
	}
	return replicas
}

// ownershipFromWire reads an ownership; absent is nil.
func ownershipFromWire(space chord.Space, o *nodepb.Ownership) (*terms.Ownership, error) {
	if o == nil {
		return nil, nil
	}
	owner, err := peerFromWire(space, o.Owner)
	if err != nil {
		return nil, err
	}
	from, err := idFromWire(space, o.From)
	if err != nil {
		return nil, err
	}
	if !owner.Real() || o.Epoch < 1 || o.Epoch > maxEpoch {
		return nil, fmt.Errorf("ownership of epoch %d by %q: malformed", o.Epoch, owner.Addr)
	}
	return &terms.Ownership{Owner: owner, From: from, Epoch: o.Epoch}, nil
}

// maxEpoch leaves room for successors of every epoch that can come from outside. It cannot be reached: see maxLeap.
const maxEpoch = 1 << 62

func ownershipToWire(o terms.Ownership) *nodepb.Ownership {
	return &nodepb.Ownership{Owner: peerToWire(o.Owner), From: o.From[:], Epoch: o.Epoch}
}

// conflictToWire encodes why an ownership is refused.
func conflictToWire(v ownership.Verdict) (conflict *nodepb.Ownership, implausible bool) {
	if v.Conflict != nil {
		conflict = ownershipToWire(*v.Conflict)
	}
	return conflict, v.Implausible
}

// maxExpires, in Unix milliseconds, is greater than any TTL yields, and keeps sums with a lifetime from overflowing.
const maxExpires = 4 * maxTTLMillis

func recordFromWire(space chord.Space, r *nodepb.Record) (*store.Record, error) {
	switch {
	case r == nil || len(r.Key) == 0 || len(r.Key) > MaxKey:
		return nil, fmt.Errorf("record with a key of %d bytes: must have 1 to %d", len(r.GetKey()), MaxKey)
	case len(r.Value) > MaxValue:
		return nil, fmt.Errorf("record with a value of %d bytes: at most %d", len(r.Value), MaxValue)
	case r.Version == 0 || r.ExpiresMillis < 0 || r.ExpiresMillis > maxExpires:
		return nil, fmt.Errorf("record of version %d that expires at %d: malformed", r.Version, r.ExpiresMillis)
	}
	writer, err := idFromWire(space, r.Writer)
	if err != nil {
		return nil, err
	}
	rec := &store.Record{
		ID: space.Hash(r.Key), Key: string(r.Key), Value: r.Value, Version: r.Version, Writer: writer,
		Expires: r.ExpiresMillis, Deleted: r.Deleted,
	}
	if rec.Deleted {
		rec.Value = nil
	}
	if len(r.RequestId) == requestIDSize {
		rec.Request = [requestIDSize]byte(r.RequestId)
	}
	return rec, nil
}

// recordsFromWire reads the records of one message, whose size the transport bounds.
func recordsFromWire(space chord.Space, list []*nodepb.Record) ([]*store.Record, error) {
	records := make([]*store.Record, len(list))
	for i, r := range list {
		var err error
		if records[i], err = recordFromWire(space, r); err != nil {
			return nil, err
		}
	}
	return records, nil
}

func recordToWire(r *store.Record) *nodepb.Record {
	wire := &nodepb.Record{
		Key: []byte(r.Key), Value: r.Value, Version: r.Version, Writer: r.Writer[:],
		ExpiresMillis: r.Expires, Deleted: r.Deleted,
	}
	if r.Request != ([requestIDSize]byte{}) {
		wire.RequestId = r.Request[:]
	}
	return wire
}

func recordsToWire(list []*store.Record) []*nodepb.Record {
	out := make([]*nodepb.Record, len(list))
	for i, r := range list {
		out[i] = recordToWire(r)
	}
	return out
}

func versionToWire(r *store.Record) *nodepb.Version {
	return &nodepb.Version{Key: []byte(r.Key), Version: r.Version, Writer: r.Writer[:]}
}

// versionFromWire reads a version as a record without a value.
func versionFromWire(space chord.Space, v *nodepb.Version) (*store.Record, error) {
	return recordFromWire(space, &nodepb.Record{Key: v.GetKey(), Version: v.GetVersion(), Writer: v.GetWriter()})
}

func surveyFromWire(space chord.Space, a *nodepb.SurveyResponse) (s survey, err error) {
	s.leaving, s.full, s.move, s.hostOwns = a.Leaving, a.Full, a.Move, a.HostOwns
	if s.own, err = ownershipFromWire(space, a.Ownership); err != nil {
		return s, err
	}
	if s.predecessor, err = peerFromWire(space, a.Predecessor); err != nil {
		return s, err
	}
	if n := max(len(a.Successors), len(a.Hosts)); len(a.Claims) > ownership.MaxEntries || n > chordevent.MaxSuccessors {
		return s, fmt.Errorf("survey with %d ownerships and lists of up to %d peers: too many", len(a.Claims), n)
	}
	for _, c := range a.Claims {
		o, err := ownershipFromWire(space, c)
		if err != nil {
			return s, err
		}
		if o != nil {
			s.claims = append(s.claims, *o)
		}
	}
	if s.successors, err = realPeers(space, a.Successors); err != nil {
		return s, err
	}
	s.hosts, err = realPeers(space, a.Hosts)
	return s, err
}

func peersToWire(list []chord.Peer) []*nodepb.Peer {
	out := make([]*nodepb.Peer, len(list))
	for i, p := range list {
		out[i] = peerToWire(p)
	}
	return out
}

// realPeers reads those of a list that are not placeholders.
func realPeers(space chord.Space, list []*nodepb.Peer) (peers []chord.Peer, err error) {
	for _, p := range list {
		peer, err := peerFromWire(space, p)
		if err != nil {
			return nil, err
		}
		if peer.Real() {
			peers = append(peers, peer)
		}
	}
	return peers, nil
}
