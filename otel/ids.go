package otel

import (
	"context"
	"encoding/binary"

	"go.opentelemetry.io/otel/trace"
)

// idGenerator makes trace and span identifiers from a given source of random numbers. If the source
// is seeded, one seed gives one run.
type idGenerator struct{ next func() uint64 }

func (g idGenerator) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	var id trace.TraceID
	for !id.IsValid() {
		binary.BigEndian.PutUint64(id[:8], g.next())
		binary.BigEndian.PutUint64(id[8:], g.next())
	}
	return id, g.NewSpanID(ctx, id)
}

func (g idGenerator) NewSpanID(context.Context, trace.TraceID) trace.SpanID {
	var id trace.SpanID
	for !id.IsValid() {
		binary.BigEndian.PutUint64(id[:], g.next())
	}
	return id
}
