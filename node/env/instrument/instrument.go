package instrument

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/rpcconv"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/codes"

	"chordconductor/node/env"
	"chordconductor/node/nodepb"
)

const scope = "chordconductor/node/env/instrument"

// Options configure a Calls. Only NameSpan may be nil.
type Options struct {
	Tracer     trace.TracerProvider
	Meter      metric.MeterProvider
	Propagator propagation.TextMapPropagator
	// NameSpan adds the member concerned to the span of a call: the member that serves the call if
	// serving is true, otherwise the one that makes it. A span's resource names only the host,
	// which has many members. If NameSpan is nil, members are not added.
	NameSpan func(span trace.Span, call *nodepb.Call, serving bool)
	// Address is the address of this host, for the spans of the calls that it serves.
	Address string
}

// Calls instruments calls. Its methods may be called from any goroutine.
type Calls struct {
	tracer         trace.Tracer
	propagator     propagation.TextMapPropagator
	nameSpan       func(span trace.Span, call *nodepb.Call, serving bool)
	client, server end
	own            []attribute.KeyValue
}

// An end contains what differs between the two ends of a call, the client and the server.
type end struct {
	duration metric.Float64Histogram
	failure  func(codes.Code) bool
	outcomes sync.Map // of outcome to []metric.RecordOption; one entry for each method and code
}

type outcome struct {
	method string
	code   codes.Code
}

// New returns a Calls. It fails only if the meter cannot create an instrument.
func New(o Options) (*Calls, error) {
	c := &Calls{propagator: o.Propagator, nameSpan: o.NameSpan, own: server(o.Address)}
	c.tracer = o.Tracer.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL))
	meter := o.Meter.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL))
	client, err := rpcconv.NewClientCallDuration(meter)
	if err != nil {
		return nil, fmt.Errorf("cannot measure the calls that this host makes: %w", err)
	}
	serving, err := rpcconv.NewServerCallDuration(meter)
	if err != nil {
		return nil, fmt.Errorf("cannot measure the calls that this host serves: %w", err)
	}
	c.client.duration, c.client.failure = client.Inst(), func(code codes.Code) bool { return code != codes.OK }
	c.server.duration, c.server.failure = serving.Inst(), servingFailed
	return c, nil
}

// servingFailed reports whether, by the conventions, a status code means that the server has
// failed; with other codes the caller has failed.
func servingFailed(code codes.Code) bool {
	switch code {
	case codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.DataLoss:
		return true
	}
	return false
}

// A Call is a call under way. The zero Call records nothing.
type Call struct {
	calls  *Calls
	at     *end
	ctx    context.Context
	span   trace.Span
	method string
	began  time.Time
}

// Client begins a call of a method, which is gRPC's full name, to the host at an address.
func (c *Calls) Client(ctx context.Context, address, method string, request any) (context.Context, Call) {
	if c == nil {
		return ctx, Call{}
	}
	ctx, call := c.begin(ctx, &c.client, trace.SpanKindClient, method)
	if call.span.IsRecording() {
		call.span.SetAttributes(server(address)...)
		c.name(call.span, request, false)
	}
	return ctx, call
}

// Server begins to serve a call. ctx contains the caller's span, if the caller sent one.
func (c *Calls) Server(ctx context.Context, method string, request any) (context.Context, Call) {
	if c == nil {
		return ctx, Call{}
	}
	ctx, call := c.begin(ctx, &c.server, trace.SpanKindServer, method)
	if call.span.IsRecording() {
		call.span.SetAttributes(c.own...)
		c.name(call.span, request, true)
	}
	return ctx, call
}

func (c *Calls) begin(ctx context.Context, at *end, kind trace.SpanKind, method string) (context.Context, Call) {
	method = strings.TrimPrefix(method, "/")
	began := time.Now()
	ctx, span := c.tracer.Start(ctx, method, trace.WithSpanKind(kind))
	if span.IsRecording() {
		span.SetAttributes(semconv.RPCSystemNameGRPC, semconv.RPCMethod(method))
	}
	return ctx, Call{c, at, ctx, span, method, began}
}

// called is implemented by the requests that one member makes to another, and not by the requests
// of clients.
type called interface{ GetCall() *nodepb.Call }

func (c *Calls) name(span trace.Span, request any, serving bool) {
	if q, ok := request.(called); ok && c.nameSpan != nil {
		c.nameSpan(span, q.GetCall(), serving)
	}
}

// End ends the call. err is nil, a gRPC status, or an error of package context.
func (c Call) End(err error) {
	if c.calls == nil {
		return
	}
	st := env.StatusOf(err)
	code := st.Code()
	if int(code) >= len(codeTexts) {
		code = codes.Unknown // a peer may send any number, and each number would make a further time series
	}
	if c.span.IsRecording() {
		c.span.SetAttributes(semconv.RPCResponseStatusCode(codeTexts[code]))
		if c.at.failure(code) {
			c.span.SetAttributes(semconv.ErrorTypeKey.String(codeTexts[code]))
			c.span.SetStatus(otelcodes.Error, st.Message())
		}
	}
	c.span.End()
	c.at.duration.Record(c.ctx, time.Since(c.began).Seconds(), c.at.options(c.method, code)...)
}

// options returns the attributes of a measurement, made once for each outcome. They do not include
// the peer: that would make a time series for every pair of hosts.
func (e *end) options(method string, code codes.Code) []metric.RecordOption {
	key := outcome{method, code}
	if made, ok := e.outcomes.Load(key); ok {
		return made.([]metric.RecordOption)
	}
	attributes := []attribute.KeyValue{semconv.RPCSystemNameGRPC, semconv.RPCMethod(method), semconv.RPCResponseStatusCode(codeTexts[code])}
	if e.failure(code) {
		attributes = append(attributes, semconv.ErrorTypeKey.String(codeTexts[code]))
	}
	made := []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attributes...))}
	e.outcomes.Store(key, made)
	return made
}

// server returns the attributes of a host's address. An address without a port counts as a host
// name.
func server(address string) []attribute.KeyValue {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return []attribute.KeyValue{semconv.ServerAddress(address)}
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return []attribute.KeyValue{semconv.ServerAddress(host)}
	}
	return []attribute.KeyValue{semconv.ServerAddress(host), semconv.ServerPort(n)}
}

// codeTexts are gRPC's names of status codes on the wire and in the conventions.
var codeTexts = [...]string{
	codes.OK: "OK", codes.Canceled: "CANCELLED", codes.Unknown: "UNKNOWN", codes.InvalidArgument: "INVALID_ARGUMENT",
	codes.DeadlineExceeded: "DEADLINE_EXCEEDED", codes.NotFound: "NOT_FOUND", codes.AlreadyExists: "ALREADY_EXISTS",
	codes.PermissionDenied: "PERMISSION_DENIED", codes.ResourceExhausted: "RESOURCE_EXHAUSTED",
	codes.FailedPrecondition: "FAILED_PRECONDITION", codes.Aborted: "ABORTED", codes.OutOfRange: "OUT_OF_RANGE",
	codes.Unimplemented: "UNIMPLEMENTED", codes.Internal: "INTERNAL", codes.Unavailable: "UNAVAILABLE",
	codes.DataLoss: "DATA_LOSS", codes.Unauthenticated: "UNAUTHENTICATED",
}
