package grpcenv

import (
	"context"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/stats"

	"chordconductor/node/nodepb"
)

// called is a request of one member to another; clients' requests do not implement it.
type called interface{ GetCall() *nodepb.Call }

// A spanNamer names the members of a call on its span. It is a handler beside otelgrpc's, which must come first, since
// that one starts the span.
type spanNamer struct {
	name func(span trace.Span, call *nodepb.Call, serving bool)
}

func (n spanNamer) HandleRPC(ctx context.Context, event stats.RPCStats) {
	var request any
	serving := false
	switch e := event.(type) {
	case *stats.OutPayload: // on a client the request, on a server the answer, which has no call
		request = e.Payload
	case *stats.InPayload:
		request, serving = e.Payload, true
	default:
		return
	}
	if q, ok := request.(called); ok {
		if span := trace.SpanFromContext(ctx); span.IsRecording() {
			n.name(span, q.GetCall(), serving)
		}
	}
}

func (spanNamer) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (spanNamer) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (spanNamer) HandleConn(context.Context, stats.ConnStats)                       {}

// instrument returns the stats handlers of a server or a client as options; otelgrpc's is the first.
func instrument[Option any](o Options, first stats.Handler, option func(stats.Handler) Option) []Option {
	options := []Option{option(first)}
	if o.NameSpan != nil {
		options = append(options, option(spanNamer{o.NameSpan}))
	}
	return options
}
