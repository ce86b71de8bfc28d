package instrument_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/node/env/instrument"
	"chordconductor/node/nodepb"
)

const method = nodepb.Ring_Ping_FullMethodName

// For each outcome of a call, both ends record the span's status and attributes, and one series of
// the histogram.
func TestOutcomes(t *testing.T) {
	spans, reader := tracetest.NewInMemoryExporter(), sdkmetric.NewManualReader()
	calls, err := instrument.New(instrument.Options{
		Tracer: sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)), Meter: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)),
		Propagator: propagation.TraceContext{}, Address: "[::1]:7001",
		NameSpan: func(span trace.Span, call *nodepb.Call, serving bool) {
			span.SetAttributes(attribute.String("ring", call.GetRing()), attribute.Bool("serving", serving))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	request := &nodepb.PingRequest{Call: &nodepb.Call{Ring: "r"}}
	series := map[string]bool{}
	for _, test := range []struct {
		err    error
		code   string
		client bool // an error of the client's span, by the conventions
		server bool // an error of the server's span
	}{
		{nil, "OK", false, false},
		{status.Error(codes.Unavailable, "gone"), "UNAVAILABLE", true, true},
		{status.Error(codes.FailedPrecondition, "no"), "FAILED_PRECONDITION", true, false},
		{fmt.Errorf("late: %w", context.DeadlineExceeded), "DEADLINE_EXCEEDED", true, true},
		{context.Canceled, "CANCELLED", true, false},
		{errors.New("?"), "UNKNOWN", true, true},
		{status.Error(12345, "a number of no code"), "UNKNOWN", true, true},
	} {
		spans.Reset()
		ctx, sent := calls.Client(t.Context(), "host-a.example:7002", method, request)
		received, serving := calls.Server(calls.Extract(t.Context(), calls.Inject(ctx)), method, request)
		if trace.SpanContextFromContext(received).TraceID() != trace.SpanContextFromContext(ctx).TraceID() {
			t.Error("the two ends of a call are in different traces")
		}
		serving.End(test.err)
		sent.End(test.err)
		for i, got := range spans.GetSpans() {
			end, failed, address := "server", test.server, "::1 7001"
			if i == 1 {
				end, failed, address = "client", test.client, "host-a.example 7002"
			}
			has := map[string]string{}
			for _, a := range got.Attributes {
				has[string(a.Key)] = a.Value.String()
			}
			want := map[string]string{
				"rpc.system.name": "grpc", "rpc.method": "chord.v1.Ring/Ping", "rpc.response.status_code": test.code, "ring": "r", "serving": fmt.Sprint(i == 0),
			}
			want["server.address"], want["server.port"], _ = strings.Cut(address, " ")
			if failed {
				want["error.type"] = test.code
			}
			if fmt.Sprint(has) != fmt.Sprint(want) || got.Name != "chord.v1.Ring/Ping" || got.SpanKind.String() != end || (got.Status.Code == otelcodes.Error) != failed {
				t.Errorf("%v: the %s's span %q (%v, %v) has %v, want %v", test.err, end, got.Name, got.SpanKind, got.Status, has, want)
			}
			series[end+want["rpc.response.status_code"]] = true
		}
	}
	var data metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	for _, m := range data.ScopeMetrics[0].Metrics {
		end, _, _ := strings.Cut(strings.TrimPrefix(m.Name, "rpc."), ".")
		for _, point := range m.Data.(metricdata.Histogram[float64]).DataPoints {
			code, _ := point.Attributes.Value("rpc.response.status_code")
			if !series[end+code.AsString()] || point.Attributes.HasValue("server.address") {
				t.Errorf("%s has the unexpected series %v", m.Name, point.Attributes.ToSlice())
			}
			delete(series, end+code.AsString())
		}
	}
	if len(series) != 0 {
		t.Errorf("there are no series for %v", series)
	}
}

// Without instrumentation no span is recorded, and a header is neither made nor read.
func TestNothing(t *testing.T) {
	var calls *instrument.Calls
	ctx, call := calls.Client(t.Context(), "h:1", method, &nodepb.PingRequest{})
	if calls.Inject(ctx) != nil || calls.Extract(ctx, []string{"traceparent", "x"}) != ctx {
		t.Error("without instrumentation a header was made or read")
	}
	call.End(nil)
}

// A header with an odd number of texts, or without known names, carries no span. The case of names
// does not matter.
func TestHeaders(t *testing.T) {
	calls, err := instrument.New(instrument.Options{
		Tracer: sdktrace.NewTracerProvider(), Meter: sdkmetric.NewMeterProvider(), Propagator: propagation.TraceContext{},
	})
	if err != nil {
		t.Fatal(err)
	}
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for header, want := range map[string]bool{"traceparent " + parent: true, "Traceparent " + parent: true, "traceparent": false, "x " + parent: false, "x y traceparent " + parent: true} {
		got := trace.SpanContextFromContext(calls.Extract(t.Context(), strings.Fields(header))).IsRemote()
		if got != want {
			t.Errorf("the header %q carries a span: %v, want %v", header, got, want)
		}
	}
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}}))
	if !slices.Contains(calls.Inject(ctx), "traceparent") {
		t.Errorf("a context without a span has the header %q, want none", calls.Inject(ctx))
	}
}
