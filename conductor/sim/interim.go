package sim

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/node/member"
	"chordconductor/node/nodepb"
)

type interim struct{ h *member.Host }

func newHost(cfg member.Config, p place, t member.Telemetry) (*member.Host, Client, error) {
	h, err := member.NewHost(cfg, p.address, p.layer, t)
	return h, interim{h}, err
}

func (i interim) Put(context.Context, *nodepb.PutRequest) (*nodepb.PutResponse, error) {
	return nil, status.Error(codes.Unimplemented, "")
}
func (i interim) Get(context.Context, *nodepb.GetRequest) (*nodepb.GetResponse, error) {
	return nil, status.Error(codes.Unimplemented, "")
}
func (i interim) Delete(context.Context, *nodepb.DeleteRequest) (*nodepb.DeleteResponse, error) {
	return nil, status.Error(codes.Unimplemented, "")
}
func (i interim) Lookup(ctx context.Context, q *nodepb.LookupRequest) (*nodepb.LookupResponse, error) {
	m := i.h.Any()
	if m == nil {
		return nil, status.Error(codes.Unavailable, "no member")
	}
	key := i.h.Space().Hash(q.Key)
	f, err := m.Find(ctx, key, member.Recursive)
	if err != nil {
		return nil, err
	}
	l := &nodepb.Lookup{Key: key[:], Owner: &nodepb.Peer{Id: f.Owner.ID[:]}, DurationMicros: f.Duration.Microseconds(), TraceId: f.Trace.String(), Mode: "recursive"}
	for _, h := range f.Path {
		id := h.Peer.ID
		l.Path = append(l.Path, &nodepb.Hop{Peer: &nodepb.Peer{Id: id[:]}, Pointer: h.Pointer, Slot: int32(h.Slot), AtMicros: h.At.Microseconds()})
	}
	return &nodepb.LookupResponse{Lookup: l}, nil
}
