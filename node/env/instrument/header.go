package instrument

import (
	"context"
	"strings"
)

// Inject returns the header that carries a call's span to the other end. It alternates names and
// values. It is empty if ctx has no span.
func (c *Calls) Inject(ctx context.Context) []string {
	if c == nil {
		return nil
	}
	var h header
	c.propagator.Inject(ctx, &h)
	return h
}

// Extract adds the caller's span, as received in a header, to a context.
func (c *Calls) Extract(ctx context.Context, received []string) context.Context {
	if c == nil || len(received) == 0 {
		return ctx
	}
	h := header(received)
	return c.propagator.Extract(ctx, &h)
}

// header implements propagation.TextMapCarrier. It alternates names and values: name, value, name,
// value, …
type header []string

// Get returns the value of a name, or "".
func (h *header) Get(name string) string {
	for i := 0; i+1 < len(*h); i += 2 {
		if strings.EqualFold((*h)[i], name) {
			return (*h)[i+1]
		}
	}
	return ""
}

// Set appends a name and its value.
func (h *header) Set(name, value string) { *h = append(*h, name, value) }

// Keys returns the names in the header.
func (h *header) Keys() (names []string) {
	for i := 0; i+1 < len(*h); i += 2 {
		names = append(names, (*h)[i])
	}
	return names
}
