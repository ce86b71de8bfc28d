package grpcenv

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// The spans of calls between members say whose they are: a host carries many members, and otelgrpc knows only its address.
// That makes a trace name everybody who had a part in it, those too that only answered.

// called is a request of one member to another; clients' requests are none.
type called interface{ GetCall() *nodepb.Call }

// nameServed names the member that serves a call, and the caller, on the server's span.
func nameServed(ctx context.Context, request any, _ *grpc.UnaryServerInfo, serve grpc.UnaryHandler) (any, error) {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		if q, ok := request.(called); ok {
			name(span, q.GetCall(), q.GetCall().GetTarget(), q.GetCall().GetFrom().GetId())
		}
	}
	return serve(ctx, request)
}

// nameCalling names the caller, and the member called, on the client's span. It must come after otelgrpc's handler, which
// makes the span.
type nameCalling struct{}

func (nameCalling) HandleRPC(ctx context.Context, event stats.RPCStats) {
	sent, ok := event.(*stats.OutPayload)
	if !ok {
		return
	}
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		if q, ok := sent.Payload.(called); ok {
			name(span, q.GetCall(), q.GetCall().GetFrom().GetId(), q.GetCall().GetTarget())
		}
	}
}

func (nameCalling) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (nameCalling) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (nameCalling) HandleConn(context.Context, stats.ConnStats)                       {}

// name writes identifiers with the digits of the caller's ring. What is no identifier is left out: a call to any member
// of a host names none.
func name(span trace.Span, call *nodepb.Call, self, peer []byte) {
	space, err := chord.NewSpace(int(min(call.GetBits(), chord.MaxBits+1)))
	if err != nil {
		return
	}
	attributes := make([]attribute.KeyValue, 0, 2)
	for _, a := range []struct {
		key attribute.Key
		id  []byte
	}{{chordevent.NodeIDKey, self}, {chordevent.PeerIDKey, peer}} {
		if len(a.id) != len(chord.ID{}) {
			continue
		}
		if id := chord.ID(a.id); space.Distance(chord.ID{}, id) == id { // it fits in the bits
			attributes = append(attributes, a.key.String(space.Format(id)))
		}
	}
	span.SetAttributes(attributes...)
}
