package otel

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"chordconductor/otel/chordevent"
	"chordconductor/otel/internal/otlptest"
)

// All signals arrive, over either protocol. They name the process and the ring, and log records and
// exemplars refer to spans.
func TestSignals(t *testing.T) {
	for _, protocol := range []string{grpcProtocol, httpProtocol} {
		t.Run(protocol, func(t *testing.T) {
			r := otlptest.New(t)
			endpoint := r.GRPC
			if protocol == httpProtocol {
				endpoint = r.HTTP
			}
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=lab,chord.ring.name=other")
			tel := start(t, r, func(c *Config) {
				c.Endpoint, c.Instance, c.Version = endpoint, "b9a7", "1.2.3"
				c.IgnoreEnvironment = false
			})
			ctx, span := tel.Tracers.Tracer("test").Start(context.Background(), chordevent.SpanJoin)
			emit(ctx, tel.Events.Logger("test"), numbered(1))
			span.End()
			var ordinary log.Record
			ordinary.SetSeverity(log.SeverityInfo)
			tel.Logs.Logger("test").Emit(ctx, ordinary)
			rounds, err := chordevent.MaintenanceRounds.Int64Counter(tel.Meters.Meter("test"))
			if err != nil {
				t.Fatal(err)
			}
			rounds.Add(ctx, 1)
			// Flush has no time limit of its own; Shutdown takes at most three seconds.
			if err := errors.Join(tel.Flush(context.Background()), tel.Shutdown(context.Background())); err != nil {
				t.Fatal(err)
			}

			checkResource := func(res pcommon.Resource) {
				for key, want := range map[string]string{
					"service.name": "chord-node", "service.instance.id": "b9a7", "service.version": "1.2.3",
					"chord.ring.name": "test", "deployment.environment.name": "lab",
				} {
					if got, _ := res.Attributes().Get(key); got.AsString() != want {
						t.Errorf("resource attribute %s is %q, want %q", key, got.AsString(), want)
					}
				}
				if _, ok := res.Attributes().Get("host.name"); !ok {
					t.Error("resource without host.name")
				}
			}
			events, ordinaries := 0, 0
			r.EachLog(func(res pcommon.Resource, rec plog.LogRecord) {
				checkResource(res)
				if !chordevent.IsEvent(rec) {
					ordinaries++
					return
				}
				events++
				got, _, err := chordevent.Decode(chordevent.SourceOf(res), rec)
				if err != nil {
					t.Fatal(err)
				}
				if got.Ring != "test" || got.Instance != "b9a7" || got.Trace != span.SpanContext().TraceID() || got.Span != span.SpanContext().SpanID() {
					t.Errorf("event %+v has another ring, process or trace", got)
				}
			})
			spans := 0
			r.EachSpan(func(res pcommon.Resource, s ptrace.Span) {
				checkResource(res)
				spans++
				if s.Events().Len() != 1 || s.Events().At(0).Name() != string(chordevent.KindPredecessor) {
					t.Errorf("the span has %d events, want the one that was emitted in its context", s.Events().Len())
				}
			})
			names := map[string]bool{}
			r.EachMetric(func(res pcommon.Resource, m pmetric.Metric) {
				checkResource(res)
				names[m.Name()] = true
			})
			if events != 1 || ordinaries != 1 || spans != 1 || !names[chordevent.MaintenanceRounds.Name] || !names[chordevent.TelemetryLost.Name] {
				t.Errorf("received %d events, %d logs and %d spans, want one of each; received the metrics %v", events, ordinaries, spans, names)
			}
		})
	}
}

// A variable that is set replaces the Config's field, unless the Config ignores the environment.
func TestEnvironment(t *testing.T) {
	named, forced := otlptest.New(t), otlptest.New(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+named.GRPC)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x")
	t.Setenv("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "2500")
	t.Setenv("OTEL_SERVICE_NAME", "named")
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off")

	tel := start(t, forced, func(c *Config) { c.IgnoreEnvironment = false })
	_, span := tel.Tracers.Tracer("test").Start(context.Background(), chordevent.SpanJoin)
	if span.IsRecording() {
		t.Error("OTEL_TRACES_SAMPLER=always_off, but a span is recorded")
	}
	emitRange(tel, 1, 1)
	named.Wait("the event", has(t, named, 1))

	tel = start(t, forced, nil)
	_, span = tel.Tracers.Tracer("test").Start(context.Background(), chordevent.SpanJoin)
	if !span.IsRecording() {
		t.Error("the environment must be ignored, but its sampler is used")
	}
	emitRange(tel, 2, 2)
	forced.Wait("the event", has(t, forced, 2))
	forced.EachLog(func(res pcommon.Resource, _ plog.LogRecord) {
		if name, _ := res.Attributes().Get("service.name"); name.AsString() != "chord-node" {
			t.Errorf("service.name %q: the environment must be ignored", name.AsString())
		}
	})
	if len(received(t, named)) != 1 {
		t.Error("the environment must be ignored, but its endpoint is used")
	}
	if got := (environ{}).timeout(logs, time.Second); got != 2500*time.Millisecond {
		t.Errorf("the timeout is %v, want 2500 ms", got)
	}
}

// Members inside the conductor reach the conductor's own port even if its variables choose TLS and
// another receiver.
func TestIgnoredTLS(t *testing.T) {
	r := otlptest.New(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://192.0.2.1:4317")
	t.Setenv("OTEL_EXPORTER_OTLP_INSECURE", "false")
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", httpProtocol)
	tel := start(t, r, nil)
	_, span := tel.Tracers.Tracer("test").Start(context.Background(), chordevent.SpanJoin)
	span.End()
	emitRange(tel, 1, 1)
	if err := errors.Join(tel.Flush(context.Background()), tel.Shutdown(context.Background())); err != nil {
		t.Fatal(err)
	}
	spans := 0
	r.EachSpan(func(pcommon.Resource, ptrace.Span) { spans++ })
	if spans != 1 || len(received(t, r)) != 1 {
		t.Errorf("received %d spans and %d events, want one of each", spans, len(received(t, r)))
	}
}

// If its context has already ended, Shutdown exports nothing, but leaves no goroutine running.
func TestShutdownTooLate(t *testing.T) {
	r := otlptest.New(t)
	running := goleak.IgnoreCurrent()
	tel, err := Setup(context.Background(), Config{Ring: "test", Endpoint: r.GRPC, IgnoreEnvironment: true})
	if err != nil {
		t.Fatal(err)
	}
	_, span := tel.Tracers.Tracer("test").Start(context.Background(), chordevent.SpanJoin)
	span.End()
	emitRange(tel, 1, 1)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	begin := time.Now()
	if err := tel.Shutdown(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want one about the ended context", err)
	}
	if took := time.Since(begin); took > shutdownLimit {
		t.Errorf("Shutdown took %v", took)
	}
	goleak.VerifyNone(t, running,
		goleak.IgnoreAnyFunction("google.golang.org/grpc/internal/transport.newHTTP2Server"), // goroutines of the receiver, for connections that end
		goleak.IgnoreAnyFunction("google.golang.org/grpc/internal/transport.(*http2Server).HandleStreams"))
}

func TestDisabled(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "true")
	tel, err := Setup(context.Background(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	emitRange(tel, 1, 1)
	if tel.Lost() != 0 || tel.Waiting() != 0 || len(tel.Propagator.Fields()) == 0 {
		t.Error("disabled telemetry counts losses, or does not propagate trace contexts")
	}
	tel.OnRecovery(func() {})()
	if err := tel.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestNoExporters(t *testing.T) {
	for _, signal := range []string{traces, metrics, logs} {
		t.Setenv("OTEL_"+signal+"_EXPORTER", "none")
	}
	tel, err := Setup(context.Background(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	emitRange(tel, 1, 1)
	if err := tel.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestSetupRefuses(t *testing.T) {
	for _, c := range []struct {
		name, value string
		cfg         Config
		want        string
	}{
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4317", Config{}, "http://localhost:4317"},
		{"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "unix://x", Config{}, "http:// or https://"},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", Config{}, "http/protobuf"},
		{"OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", Config{}, "gzip or none"},
		{"OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "zstd", Config{}, "expected gzip or none"},
		{"OTEL_TRACES_EXPORTER", "zipkin", Config{}, "expected otlp or none"},
		{"OTEL_METRICS_EXPORTER", "otlp,none", Config{}, "expected otlp, prometheus"},
		{"OTEL_PROPAGATORS", "b3", Config{}, "tracecontext"},
		{"", "", Config{Endpoint: "http://"}, "expected a URL"},
		{"", "", Config{Endpoint: "ftp://x:1"}, "http:// or https://"},
		{"", "", Config{Events: EventPipeline{Queue: -1}}, "queues"},
		{"", "", Config{SpanDelay: -1}, "negative"},
	} {
		t.Run(c.want, func(t *testing.T) {
			if c.name != "" {
				t.Setenv(c.name, c.value)
			}
			_, err := Setup(context.Background(), c.cfg)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.name) {
				t.Errorf("error %v, want one with %s and %q", err, c.name, c.want)
			} else if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error for one wrong variable has several lines: %v", err)
			}
		})
	}
}

// A certificate that cannot be read is an error at start, not a silent failure later.
func TestMissingCertificate(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", httpProtocol)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://localhost:4318")
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	t.Setenv("OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE", "/nowhere.pem")
	if _, err := Setup(context.Background(), Config{}); err == nil || !strings.Contains(err.Error(), "/nowhere.pem") {
		t.Errorf("error %v, want one that names the file", err)
	}
}

func TestPropagator(t *testing.T) {
	t.Setenv("OTEL_PROPAGATORS", "tracecontext")
	p, err := environ{}.propagator()
	if err != nil {
		t.Fatal(err)
	}
	sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	carrier := propagation.MapCarrier{}
	p.Inject(trace.ContextWithSpanContext(context.Background(), sc), carrier)
	if carrier["traceparent"] == "" {
		t.Error("the header has no traceparent")
	}
}
