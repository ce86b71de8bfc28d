package otel

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"chordconductor/internal/freeport"
	"chordconductor/otel/chordevent"
	"chordconductor/otel/internal/otlptest"
)

// scrape sets up telemetry whose metrics are scraped.
func scrape(t *testing.T) (*Telemetry, string) {
	t.Helper()
	address := freeport.Address(t)
	host, port, _ := net.SplitHostPort(address)
	t.Setenv("OTEL_METRICS_EXPORTER", "prometheus")
	t.Setenv("OTEL_EXPORTER_PROMETHEUS_HOST", host)
	t.Setenv("OTEL_EXPORTER_PROMETHEUS_PORT", port)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+otlptest.New(t).GRPC)
	tel, err := Setup(t.Context(), Config{Ring: "demo"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tel.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			t.Error("after Shutdown, metrics are still served")
		}
	})
	return tel, "http://" + address + "/metrics"
}

func page(t *testing.T, url, accept string) string {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s %v", url, response.Status, err)
	}
	return string(text)
}

// Scraped metrics have the names and labels of pushed ones, and exemplars.
func TestScrape(t *testing.T) {
	tel, url := scrape(t)
	lookups, err := chordevent.LookupDuration.Float64Histogram(tel.Meters.Meter("test"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, span := tel.Tracers.Tracer("test").Start(t.Context(), chordevent.SpanLookup)
	lookups.Record(ctx, 0.003, metric.WithAttributes(chordevent.LookupModeKey.String("recursive"), chordevent.OutcomeKey.String("ok")))
	span.End()

	text := page(t, url, "application/openmetrics-text;version=1.0.0")
	for _, want := range []string{
		"chord_telemetry_lost_total{", `chord_ring_name="demo"`, `service_name="chord-node"`, "service_instance_id=",
		`chord_lookup_duration_seconds_bucket{chord_lookup_mode="recursive",chord_outcome="ok"`,
		fmt.Sprintf(`trace_id="%s"`, span.SpanContext().TraceID()),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the scraped metrics do not contain %s:\n%s", want, text)
		}
	}
	if strings.Contains(text, "otel_scope") {
		t.Error("scraped metrics have labels that pushed ones lack")
	}
	if text = page(t, url, "text/plain"); !strings.Contains(text, "# TYPE chord_lookup_duration_seconds histogram") {
		t.Errorf("in the plain text format the metrics are:\n%s", text)
	}
}

// However many peers a host calls, its metrics of RPCs have one set of time series for each method.
func TestRPCMetricsDoNotNamePeers(t *testing.T) {
	tel, url := scrape(t)
	calls, err := tel.Meters.Meter("rpc").Float64Histogram("rpc.client.call.duration", metric.WithUnit("s"))
	if err != nil {
		t.Fatal(err)
	}
	for n := range 100 {
		calls.Record(t.Context(), 0.001, metric.WithAttributes(attribute.String("rpc.method", "chord.v1.Ring/Ping"),
			attribute.String("server.address", fmt.Sprintf("10.0.0.%d", n)), attribute.Int("server.port", 7001)))
	}
	text := page(t, url, "text/plain")
	if n := strings.Count(text, "rpc_client_call_duration_seconds_count{"); n != 1 || strings.Contains(text, "server_address") {
		t.Errorf("one method has %d sets of series, want 1", n)
	}
}

func TestScrapePortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	t.Setenv("OTEL_METRICS_EXPORTER", "otlp,prometheus")
	t.Setenv("OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.1")
	t.Setenv("OTEL_EXPORTER_PROMETHEUS_PORT", port)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+otlptest.New(t).GRPC)
	if _, err := Setup(t.Context(), Config{}); err == nil || !strings.Contains(err.Error(), "OTEL_EXPORTER_PROMETHEUS_HOST") {
		t.Errorf("error %v, want one that names the variables for another address", err)
	}
}
