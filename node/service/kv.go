package service

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/internal/duration"
	"chordconductor/node/chord"
	"chordconductor/node/kv"
	"chordconductor/node/member"
	"chordconductor/node/nodepb"
	"chordconductor/node/wire"
	"chordconductor/otel/chordevent"
)

// KV serves clients through the members of a host. It implements nodepb.KVServer.
type KV struct {
	host    *member.Host
	version string
}

// NewKV returns the service of a host; version is returned by Status.
func NewKV(h *member.Host, version string) *KV { return &KV{h, version} }

// keys returns the key side of a member that can serve a client.
func (s *KV) keys() (member.Keys, error) {
	m := s.host.Any()
	if m == nil || m.Status() == chordevent.StatusJoining {
		return nil, status.Error(codes.Unavailable, "no member of this host is on the ring yet; try again later, or ask another host")
	}
	return m.Keys(), nil
}

func (s *KV) Put(ctx context.Context, q *nodepb.PutRequest) (*nodepb.PutResponse, error) {
	r, l, err := s.run(ctx, q.Key, func(ctx context.Context, keys member.Keys) (kv.Result, error) {
		if q.TtlMillis < 0 || q.TtlMillis > int64(maxTTL/time.Millisecond) {
			return kv.Result{}, status.Errorf(codes.InvalidArgument, "TTL %d ms: must be from 0 (none) to %s", q.TtlMillis, duration.Text(maxTTL))
		}
		return keys.Put(ctx, q.Key, q.Value, time.Duration(q.TtlMillis)*time.Millisecond)
	})
	if err != nil {
		return nil, err
	}
	answer := &nodepb.PutResponse{Lookup: l, Copies: int32(r.ReplicaCount), Version: r.Version}
	for _, p := range r.Replicas {
		answer.Holders = append(answer.Holders, peerToWire(p))
	}
	return answer, nil
}

// maxTTL is far above any use and far from an overflow.
const maxTTL = 100 * 365 * 24 * time.Hour

func (s *KV) Get(ctx context.Context, q *nodepb.GetRequest) (*nodepb.GetResponse, error) {
	r, l, err := s.run(ctx, q.Key, func(ctx context.Context, keys member.Keys) (kv.Result, error) { return keys.Get(ctx, q.Key) })
	if err != nil {
		return nil, err
	}
	return &nodepb.GetResponse{Lookup: l, Value: r.Value, Version: r.Version}, nil
}

func (s *KV) Delete(ctx context.Context, q *nodepb.DeleteRequest) (*nodepb.DeleteResponse, error) {
	r, l, err := s.run(ctx, q.Key, func(ctx context.Context, keys member.Keys) (kv.Result, error) { return keys.Delete(ctx, q.Key) })
	if err != nil {
		return nil, err
	}
	return &nodepb.DeleteResponse{Lookup: l, Copies: int32(r.ReplicaCount), Version: r.Version}, nil
}

func (s *KV) run(ctx context.Context, key []byte, operation func(context.Context, member.Keys) (kv.Result, error)) (kv.Result, *nodepb.Lookup, error) {
	keys, err := s.keys()
	if err != nil {
		return kv.Result{}, nil, err
	}
	start := s.host.Now()
	r, err := operation(unsampledRoot(ctx), keys)
	if err != nil {
		return r, nil, toStatus(err)
	}
	id := s.host.Space().Hash(key)
	l := &nodepb.Lookup{Key: id[:], Owner: peerToWire(r.Owner), DurationMicros: s.host.Now().Sub(start).Microseconds()}
	if r.Trace.IsValid() {
		l.TraceId = r.Trace.String()
	}
	return r, l, nil
}

// Lookup finds a key's owner. Its trace is always sampled, since the caller asked for this one.
func (s *KV) Lookup(ctx context.Context, q *nodepb.LookupRequest) (*nodepb.LookupResponse, error) {
	mode := s.host.Config().Lookup
	if q.Mode != "" {
		var err error
		if mode, err = member.ParseMode(q.Mode); err != nil {
			return nil, status.Error(codes.InvalidArgument, err.Error())
		}
	}
	key, err := s.keyOf(q)
	if err != nil {
		return nil, err
	}
	from := s.host.Any()
	if len(q.From) > 0 {
		id, err := s.identifier("from", q.From)
		if err != nil {
			return nil, err
		}
		if from = s.host.Member(id); from == nil {
			return nil, status.Errorf(codes.NotFound, "no member %s on this host", s.host.Space().Format(id))
		}
	}
	if from == nil {
		return nil, status.Error(codes.Unavailable, "this host runs no member now; ask another host")
	}
	l, err := from.Find(chordevent.Keep(unsampledRoot(ctx)), key, mode)
	if err != nil {
		return nil, toStatus(err)
	}
	return &nodepb.LookupResponse{Lookup: lookupToWire(&l)}, nil
}

func (s *KV) keyOf(q *nodepb.LookupRequest) (chord.ID, error) {
	switch {
	case len(q.KeyId) > 0 && len(q.Key) > 0:
		return chord.ID{}, status.Error(codes.InvalidArgument, "lookup: give a key or an identifier, not both")
	case len(q.KeyId) > 0:
		return s.identifier("key_id", q.KeyId)
	case len(q.Key) == 0 || len(q.Key) > kv.MaxKey:
		return chord.ID{}, status.Errorf(codes.InvalidArgument, "lookup: expected a key of 1 to %d bytes", kv.MaxKey)
	}
	return s.host.Space().Hash(q.Key), nil
}

func (s *KV) identifier(field string, b []byte) (chord.ID, error) {
	id, err := wire.ReadID(s.host.Space(), b)
	if err != nil {
		return id, status.Errorf(codes.InvalidArgument, "%s: %v", field, err)
	}
	return id, nil
}

// Status returns the members of this host and their state.
func (s *KV) Status(context.Context, *nodepb.StatusRequest) (*nodepb.StatusResponse, error) {
	cfg := s.host.Config()
	answer := &nodepb.StatusResponse{Version: s.version, Ring: cfg.Ring, HostId: cfg.HostID, Address: s.host.Address(), Bits: uint32(cfg.Bits)}
	for _, m := range s.host.Members() {
		state, load := m.State(), m.Keys().Load()
		one := &nodepb.MemberStatus{
			Self: peerToWire(m.Self()), Status: string(m.Status()), Predecessor: peerToWire(state.Pred),
			Keys: load.OwnedKeys, Replicas: load.ReplicaKeys, Bytes: load.Bytes,
		}
		for _, p := range state.Live() {
			one.Successors = append(one.Successors, peerToWire(p))
		}
		answer.Members = append(answer.Members, one)
	}
	return answer, nil
}

func lookupToWire(l *member.Lookup) *nodepb.Lookup {
	out := &nodepb.Lookup{
		Key: l.Key[:], Owner: peerToWire(l.Owner), DurationMicros: l.Duration.Microseconds(), Mode: string(l.Mode), Timeouts: int32(l.Timeouts),
	}
	if l.Trace.IsValid() {
		out.TraceId = l.Trace.String()
	}
	for _, h := range l.Path {
		out.Path = append(out.Path, &nodepb.Hop{
			Peer: peerToWire(h.Peer), Pointer: h.Pointer, Slot: int32(h.Slot), Timeouts: int32(h.Timeouts), AtMicros: h.At.Microseconds(),
		})
	}
	return out
}

// peerToWire writes a member; a placeholder is absent.
func peerToWire(p chord.Peer) *nodepb.Peer {
	if !p.Real() {
		return nil
	}
	return wire.Peer(p)
}

// unsampledRoot drops a parent span that is not recorded, such as the RPC's own: operations of clients are sampled at
// their own rate. A client that records traces stays the parent.
func unsampledRoot(ctx context.Context) context.Context {
	if trace.SpanContextFromContext(ctx).IsSampled() {
		return ctx
	}
	return trace.ContextWithSpanContext(ctx, trace.SpanContext{})
}

// toStatus turns an error into a gRPC status for a client. An error that has a status keeps it.
func toStatus(err error) error {
	if _, ok := status.FromError(err); ok {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return status.FromContextError(err).Err()
	}
	return status.Error(codes.Unavailable, err.Error())
}
