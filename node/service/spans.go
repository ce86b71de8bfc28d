package service

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// NameSpan names on a call's span the member whose span it is and its peer, so that a trace names every member that
// took part in it, those that only answered included. The real environment receives it in grpcenv.Options.
func NameSpan(span trace.Span, call *nodepb.Call, serving bool) {
	space, err := chord.NewSpace(int(min(call.GetBits(), chord.MaxBits+1)))
	if err != nil {
		return
	}
	self, peer := call.GetFrom().GetId(), call.GetTarget()
	if serving {
		self, peer = peer, self
	}
	attributes := make([]attribute.KeyValue, 0, 2)
	for _, a := range [...]struct {
		key attribute.Key
		id  []byte
	}{{chordevent.NodeIDKey, self}, {chordevent.PeerIDKey, peer}} {
		if len(a.id) != len(chord.ID{}) {
			continue // a call to any member of a host names no target
		}
		if id := chord.ID(a.id); space.Distance(chord.ID{}, id) == id { // it fits in the bits
			attributes = append(attributes, a.key.String(space.Format(id)))
		}
	}
	span.SetAttributes(attributes...)
}
