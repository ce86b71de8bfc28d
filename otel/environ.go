package otel

import (
	"cmp"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/propagation"
)

// The names of the signals in environment variables.
const (
	traces  = "TRACES"
	metrics = "METRICS"
	logs    = "LOGS"
)

const (
	grpcProtocol = "grpc"
	httpProtocol = "http/protobuf"
)

// environ reads the variables that this package evaluates. The SDK reads the others by itself.
type environ struct{ ignore bool }

// get returns the value of the first variable that is set and not empty: OpenTelemetry treats an
// empty one as unset.
func (e environ) get(names ...string) string {
	if e.ignore {
		return ""
	}
	for _, name := range names {
		if v := strings.TrimSpace(os.Getenv(name)); v != "" {
			return v
		}
	}
	return ""
}

// otlp returns the value of an exporter variable: the signal's own if it is set, otherwise the
// common one.
func (e environ) otlp(signal, what string) string {
	return e.get("OTEL_EXPORTER_OTLP_"+signal+"_"+what, "OTEL_EXPORTER_OTLP_"+what)
}

func (e environ) disabled() bool { return strings.EqualFold(e.get("OTEL_SDK_DISABLED"), "true") }

// exports reports whether a signal has an exporter. It must be called only after check.
func (e environ) exports(signal string) bool { return e.get("OTEL_"+signal+"_EXPORTER") != "none" }

// metricExporters reports how metrics leave the process: pushed over OTLP, served for Prometheus to
// scrape, both, or neither. The variable is a list. It must be called only after check.
func (e environ) metricExporters() (push, scrape bool) {
	names := e.get("OTEL_METRICS_EXPORTER")
	if names == "" {
		return true, false
	}
	for name := range strings.SplitSeq(names, ",") {
		switch strings.TrimSpace(name) {
		case "otlp":
			push = true
		case "prometheus":
			scrape = true
		}
	}
	return push, scrape
}

// checkMetricExporters returns an error for a list that has an unknown name, or "none" beside other
// names.
func checkMetricExporters(names string) error {
	if names == "none" {
		return nil
	}
	for name := range strings.SplitSeq(names, ",") {
		if name = strings.TrimSpace(name); name != "otlp" && name != "prometheus" {
			return errors.New("expected otlp, prometheus, otlp,prometheus (both) or none")
		}
	}
	return nil
}

func (e environ) prometheusPort() string {
	return cmp.Or(e.get("OTEL_EXPORTER_PROMETHEUS_PORT"), "9464")
}

// prometheusAddress returns the address that Prometheus scrapes, by the specification's variables
// and defaults.
func (e environ) prometheusAddress() string {
	return net.JoinHostPort(cmp.Or(e.get("OTEL_EXPORTER_PROMETHEUS_HOST"), "localhost"), e.prometheusPort())
}

func (e environ) protocol(signal string) string {
	if p := e.otlp(signal, "PROTOCOL"); p != "" {
		return p
	}
	return grpcProtocol
}

// timeout returns the time limit of one export request, which the variables give in milliseconds.
func (e environ) timeout(signal string, byDefault time.Duration) time.Duration {
	if ms, err := strconv.Atoi(e.otlp(signal, "TIMEOUT")); err == nil && ms > 0 {
		return time.Duration(ms) * time.Millisecond
	}
	return byDefault
}

// check returns an error for values that would otherwise be ignored, or because of which telemetry
// would be sent nowhere without an error. A variable that several signals share is named only once.
func (e environ) check() error { return errors.Join(e.mistakes()...) }

func checkPropagators(names string) error {
	_, err := propagatorOf(names)
	return err
}

// propagator returns the propagator that OTEL_PROPAGATORS selects; by default that of W3C trace
// context and baggage.
func (e environ) propagator() (propagation.TextMapPropagator, error) {
	return propagatorOf(cmp.Or(e.get("OTEL_PROPAGATORS"), "tracecontext,baggage"))
}

func propagatorOf(names string) (propagation.TextMapPropagator, error) {
	var all []propagation.TextMapPropagator
	for name := range strings.SplitSeq(names, ",") {
		switch strings.TrimSpace(name) {
		case "tracecontext":
			all = append(all, propagation.TraceContext{})
		case "baggage":
			all = append(all, propagation.Baggage{})
		case "none", "":
		default:
			return nil, errors.New("expected tracecontext, baggage or none")
		}
	}
	return propagation.NewCompositeTextMapPropagator(all...), nil
}
