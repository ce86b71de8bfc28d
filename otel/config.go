package otel

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config is a program's configuration of its telemetry. Zero values mean the defaults named beside them.
type Config struct {
	// Service is service.name, default "chord-node". OTEL_SERVICE_NAME takes precedence.
	Service string
	// Version is service.version.
	Version string
	// Ring is chord.ring.name. Only the program sets it: no variable changes it.
	Ring string
	// Instance is service.instance.id, default a random UUID.
	Instance string

	// Endpoint is the receiver of OTLP over gRPC: host:port, http://host:port or https://host:port.
	// Default http://localhost:4317. OTEL_EXPORTER_OTLP_ENDPOINT and its variants take precedence.
	Endpoint string
	// Headers are sent with every export. OTEL_EXPORTER_OTLP_HEADERS and its variants take
	// precedence.
	Headers map[string]string
	// TLS is used for an Endpoint that begins with https.
	TLS *tls.Config
	// IgnoreEnvironment makes this Config the only source: no OTEL_* variable changes the receiver, the sampling or the
	// resource's names. It is for members inside the conductor, whose variables configure the conductor.
	IgnoreEnvironment bool

	// Sampling of spans. OTEL_TRACES_SAMPLER replaces it altogether.
	Sampling Sampling
	// Events configures the pipeline of events. No environment variable changes it.
	Events EventPipeline
	// SpanDelay is how long a finished span waits for others before they are exported, default 250
	// ms. OTEL_BSP_SCHEDULE_DELAY takes precedence.
	SpanDelay time.Duration
	// SpanQueue is how many finished spans may wait, default 8192; what does not fit is dropped.
	// OTEL_BSP_MAX_QUEUE_SIZE takes precedence.
	SpanQueue int
	// MetricInterval is the time between two exports of metrics, default 10 s.
	// OTEL_METRIC_EXPORT_INTERVAL takes precedence.
	MetricInterval time.Duration

	// Random is the source of trace and span identifiers; if it is nil, the SDK's generator is
	// used. It may be called concurrently.
	Random func() uint64
	// OnError is called with failed exports, each as an error of one line: at most once in ten
	// seconds for each signal, and for an outage that all signals share, once for all of them at
	// growing intervals, with the number of failures in between. If it is nil, failures are
	// dropped. It must not block.
	OnError func(error)
}

// Sampling sets which traces are kept: see docs/telemetry.md.
type Sampling struct {
	// Lookups is how many traces of lookups, gets, puts and deletes the process may start per
	// second, default 50. If it is negative, only traces of failed operations are kept.
	Lookups float64
	// Quiet is the share of maintenance rounds without a change whose traces are kept, default
	// 0.001. If it is negative, none is kept.
	Quiet float64
}

// EventPipeline bounds the queue and the exports of events.
type EventPipeline struct {
	// Queue is how many records may wait, default 65536. A waiting record takes 1 to 2 kB; memory is taken as needed
	// and given back. When full, the oldest is overwritten and counted as lost.
	Queue int
	// Batch is the greatest number of records in one request, default 512.
	Batch int
	// Interval is how long the first record of a batch waits for others, default 100 ms.
	Interval time.Duration
	// Attempt is the time limit of one request, default 10 s. There is no limit on the number of attempts.
	// OTEL_EXPORTER_OTLP_TIMEOUT and OTEL_EXPORTER_OTLP_LOGS_TIMEOUT take precedence.
	Attempt time.Duration
}

const (
	defaultGRPC = "http://localhost:4317"
	defaultHTTP = "http://localhost:4318"
)

// validated returns the Config with defaults filled in, and an error that lists everything that is
// wrong.
func (c Config) validated() (Config, error) {
	setDefault(&c.Service, "chord-node")
	setDefault(&c.Instance, newUUID())
	setDefault(&c.Endpoint, defaultGRPC)
	setDefault(&c.Sampling.Lookups, 50)
	setDefault(&c.Sampling.Quiet, 0.001)
	setDefault(&c.Events.Queue, 1<<16)
	setDefault(&c.Events.Batch, 512)
	setDefault(&c.Events.Interval, 100*time.Millisecond)
	setDefault(&c.Events.Attempt, 10*time.Second)
	setDefault(&c.SpanDelay, 250*time.Millisecond)
	setDefault(&c.SpanQueue, 8192)
	setDefault(&c.MetricInterval, 10*time.Second)
	if !strings.Contains(c.Endpoint, "://") {
		c.Endpoint = "http://" + c.Endpoint
	}

	var wrong []error
	if err := checkURL(c.Endpoint); err != nil {
		wrong = append(wrong, fmt.Errorf("invalid OTLP endpoint: %w", err))
	}
	if c.TLS != nil && !strings.HasPrefix(c.Endpoint, "https://") {
		wrong = append(wrong, fmt.Errorf("OTLP endpoint %q: TLS needs https://", c.Endpoint))
	}
	if c.Events.Queue < 1 || c.Events.Batch < 1 || c.SpanQueue < 1 {
		wrong = append(wrong, errors.New("the lengths of the telemetry queues and batches must be at least 1 record"))
	}
	if c.Events.Interval < 0 || c.Events.Attempt < 0 || c.SpanDelay < 0 || c.MetricInterval < 0 {
		wrong = append(wrong, errors.New("telemetry intervals must not be negative"))
	}
	return c, errors.Join(wrong...)
}

func setDefault[T comparable](value *T, byDefault T) {
	var zero T
	if *value == zero {
		*value = byDefault
	}
}

// checkURL checks the URL of an endpoint. Its error does not repeat the URL, which may contain a
// password.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("expected a URL such as %s", defaultGRPC)
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("expected http:// or https://")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > math.MaxUint16 {
			return fmt.Errorf("expected a port from 1 to %d", math.MaxUint16)
		}
	}
	return nil
}

// newUUID returns a random UUID, version 4.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
