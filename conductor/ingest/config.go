package ingest

import (
	"fmt"
	"log/slog"
	"math"
	"net"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/metric"

	"chordconductor/conductor/memory"
)

const (
	defaultMaxRequestBytes = 64 << 20
	defaultMaxInFlight     = 64
	defaultQueueBytes      = 32 << 20
	defaultGrace           = time.Second
)

// Config is what a user sets. The zero value listens nowhere and forwards nowhere.
type Config struct {
	GRPC, HTTP      string         // listen addresses; empty: that protocol is off
	Ports           *Ports         // bound before, by Bind; nil: Open binds them
	TLS             TLS            // of both
	Token           string         // bearer token that senders must send; empty: none
	Names           []string       // Host names that the OTLP/HTTP port accepts, in lower case, beside localhost and IP addresses
	MaxRequestBytes int64          // of one request, after decompression; 0: 64 MiB
	Grace           time.Duration  // for what is in progress and in the forwarding queues when Run ends; 0: a second
	MaxInFlight     int            // requests decoded at a time, of events and of all others each; 0: 64
	MemoryLimit     uint64         // bytes of live heap above which requests are refused, and senders are to try again; 0: seven eighths of GOMEMLIMIT, if that is set
	Memory          *memory.Budget // nil: only the bounds above hold

	ForwardTraces, ForwardMetrics Target
	ForwardLogs                   Target // of all log records, the ring's events among them

	// Secrets receives the content of secret files, which must not be printed; nil: there is no receiver.
	Secrets func(...string)

	QueueBytes int64  // of each forwarding queue; what does not fit is dropped and counted; 0: 32 MiB
	QueueDir   string // keeps the forwarding queues on disk, so that they survive the process; empty: in memory

	// Logs, Spans and Metrics receive all telemetry: logs after the view has accepted them, spans and metrics before
	// they are forwarded. The functions must neither change nor keep what they receive, and must not block; nil: not
	// called.
	Logs    func(plog.Logs)
	Spans   func(ptrace.Traces)
	Metrics func(pmetric.Metrics)

	destinations []*destination // of the targets, checked

	Logger *slog.Logger // logs when a forwarding target fails and recovers; nil: no log
	Meter  metric.Meter // for what was received and forwarded; nil: none
}

// TLS names the PEM files that the receiver uses as a TLS server.
type TLS struct {
	CertFile, KeyFile string // both or neither
	ClientCAFile      string // demand client certificates signed by this CA (mutual TLS); empty: do not
}

func (t TLS) enabled() bool { return t.CertFile != "" }

// withDefaults checks a configuration and sets the defaults. Errors name the flag to change.
func (c Config) withDefaults() (Config, error) {
	for _, a := range []struct{ flag, address string }{{"--otlp-grpc", c.GRPC}, {"--otlp-http", c.HTTP}} {
		if a.address == "" {
			continue
		}
		if _, _, err := net.SplitHostPort(a.address); err != nil {
			return c, fmt.Errorf("%s %q: expected HOST:PORT", a.flag, a.address)
		}
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		return c, fmt.Errorf("OTLP over TLS needs both a certificate and its key")
	}
	if c.TLS.ClientCAFile != "" && !c.TLS.enabled() {
		return c, fmt.Errorf("client certificates (%s) can be required only over TLS: set a certificate and its key too", c.TLS.ClientCAFile)
	}
	if c.MaxRequestBytes <= 0 {
		c.MaxRequestBytes = defaultMaxRequestBytes
	}
	if c.Memory != nil && c.QueueBytes <= 0 && c.QueueDir == "" { // for three queues; ledger.go counts what their requests take in decoded form
		c.QueueBytes = min(defaultQueueBytes, c.Memory.Forward.Limit()/3)
	}
	if c.Memory != nil { // what one connection may hold while its requests are received
		c.MaxRequestBytes = min(c.MaxRequestBytes, c.Memory.Receive.Limit()/4-2*openCost)
	}
	if c.Grace <= 0 {
		c.Grace = defaultGrace
	}
	if c.MaxInFlight <= 0 {
		c.MaxInFlight = defaultMaxInFlight
	}
	if c.QueueBytes <= 0 {
		c.QueueBytes = defaultQueueBytes
	}
	if limit := debug.SetMemoryLimit(-1); c.MemoryLimit == 0 && limit < math.MaxInt64 {
		c.MemoryLimit = uint64(limit) / 8 * 7
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	for _, one := range []struct {
		signal string
		Target
	}{{"traces", c.ForwardTraces}, {"metrics", c.ForwardMetrics}, {"logs", c.ForwardLogs}} {
		d, err := one.check(one.signal, c)
		if err != nil {
			return c, err
		}
		if d != nil {
			c.destinations = append(c.destinations, d)
		}
	}
	return c, nil
}
