package kv

import (
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/node/chord"
	"chordconductor/node/kv/ownership"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
	"chordconductor/node/wire"
	"chordconductor/otel/chordevent"
)

// Bytes from peers become values here and in package wire, and nowhere else: everything has a bound.

func malformed(err error) error { return status.Error(codes.InvalidArgument, err.Error()) }

// maxReplicasNamed bounds the members that hold a record, in an answer: member.MaxReplicas.
const maxReplicasNamed = 16

// replicasFromWire reads the members that hold a record; nil if not all can be read, because they serve display only.
func replicasFromWire(space chord.Space, list []*nodepb.Peer) (replicas []chord.Peer) {
	for _, w := range list[:min(len(list), maxReplicasNamed)] {
		p, err := wire.ReadPeer(space, w)
		if err != nil {
			return nil
		}
		replicas = append(replicas, p)
	}
	return replicas
}

// conflictToWire encodes why an ownership is refused.
func conflictToWire(v ownership.Verdict) (conflict *nodepb.Ownership, implausible bool) {
	if v.Conflict != nil {
		conflict = wire.Ownership(*v.Conflict)
	}
	return conflict, v.Implausible
}

// maxExpires bounds a record's expiry, in Unix milliseconds. It is later than now plus the longest
// TTL, and low enough that adding a tombstone's lifetime to it does not overflow.
const maxExpires = 4 * maxTTLMillis

func recordFromWire(space chord.Space, r *nodepb.Record) (*store.Record, error) {
	switch {
	case r == nil || len(r.Key) == 0 || len(r.Key) > MaxKey:
		return nil, fmt.Errorf("record with a key of %d bytes: must have 1 to %d", len(r.GetKey()), MaxKey)
	case len(r.Value) > MaxValue:
		return nil, fmt.Errorf("record with a value of %d bytes: at most %d", len(r.Value), MaxValue)
	case r.Version == 0 || r.ExpiresMillis < 0 || r.ExpiresMillis > maxExpires:
		return nil, fmt.Errorf("record of version %d that expires at %d ms: expected a version above 0, and an expiry within the range of times", r.Version, r.ExpiresMillis)
	}
	writer, err := wire.ReadID(space, r.Writer)
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
	out := &nodepb.Record{
		Key: []byte(r.Key), Value: r.Value, Version: r.Version, Writer: r.Writer[:],
		ExpiresMillis: r.Expires, Deleted: r.Deleted,
	}
	if r.Request != ([requestIDSize]byte{}) {
		out.RequestId = r.Request[:]
	}
	return out
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
	if s.own, err = wire.ReadOwnership(space, a.Ownership); err != nil {
		return s, err
	}
	if s.predecessor, err = wire.ReadPeer(space, a.Predecessor); err != nil {
		return s, err
	}
	if n := max(len(a.Successors), len(a.Hosts)); len(a.Claims) > ownership.MaxEntries || n > chordevent.MaxSuccessors {
		return s, fmt.Errorf("survey with %d ownerships and lists of up to %d peers: expected at most %d and %d", len(a.Claims), n, ownership.MaxEntries, chordevent.MaxSuccessors)
	}
	for _, c := range a.Claims {
		o, err := wire.ReadOwnership(space, c)
		if err != nil {
			return s, err
		}
		if o != nil {
			s.claims = append(s.claims, *o)
		}
	}
	if s.successors, err = wire.ReadReal(space, a.Successors); err != nil {
		return s, err
	}
	s.hosts, err = wire.ReadReal(space, a.Hosts)
	return s, err
}
