// Package instrument makes the spans and metrics of calls between hosts, in one place for all
// transports, by OpenTelemetry's conventions for gRPC
// (https://opentelemetry.io/docs/specs/semconv/rpc/): a span at each end of a call, and the
// histograms rpc.client.call.duration and rpc.server.call.duration.
//
//	calls := instrument.New(instrument.Options{Tracer: …, Meter: …, Propagator: …})
//	ctx, call := calls.Client(ctx, address, method, request)
//	header := calls.Inject(ctx)          // to be sent with the request
//	…
//	call.End(err)
//
// A call that fails before anything is sent also has a span. A nil *Calls records nothing.
package instrument
