package ingest

import (
	"context"
	"time"

	"chordconductor/conductor/lookups"
	"chordconductor/otel/chordevent"
)

// Config is what a user sets.
type Config struct {
	GRPC, HTTP      string // listen addresses; empty: that protocol is off
	TLS             TLS
	Token           string // bearer token that senders must show; empty: none
	MaxRequestBytes int64  // after decompression; 0: 64 MiB
	MaxInFlight     int    // requests in work at a time; 0: 64
	MemoryLimit     uint64 // heap bytes above which requests are refused until it falls; 0: three quarters of GOMEMLIMIT, if that is set

	ForwardTraces  string // host:port of an OTLP/gRPC endpoint, http:// or https:// in front if wanted; empty: off
	ForwardMetrics string // URL of an OTLP/HTTP endpoint, with or without /v1/metrics; empty: off
	QueueDir       string // directory for the forwarding queues; empty: in memory
}

// TLS names the PEM files of the server's side.
type TLS struct {
	CertFile, KeyFile string // both or neither
	ClientCAFile      string // demand client certificates signed by this CA (mutual TLS)
}

// A Sink is where decoded telemetry goes; *live.Live is one.
type Sink interface {
	Offer(events []chordevent.Event, arrived time.Time) error
	OfferSpans(spans []lookups.Span)
	Reject(reason string, n int)
}

// Stats counts what was received and forwarded since the start.
type Stats struct {
	LogRecords, ForeignLogs     uint64
	Spans, ForeignSpans, Points uint64
	Refused                     uint64 // requests refused under overload; their senders retry
	Traces, Metrics             Forwarded
}

// Forwarded counts one forwarding pipeline.
type Forwarded struct {
	Enabled               bool
	Sent, Dropped         uint64 // spans or data points
	Queued, QueueCapacity int64  // bytes
}

// Server is a running receiver.
type Server struct{}

// Start listens and serves until Shutdown. Errors name the address and the flag to change.
func Start(ctx context.Context, cfg Config, sink Sink) (*Server, error) { return &Server{}, nil }

// GRPCAddr and HTTPAddr are the addresses listened on; empty if off.
func (s *Server) GRPCAddr() string { return "" }
func (s *Server) HTTPAddr() string { return "" }

// Stats returns the counters as they stand.
func (s *Server) Stats() Stats { return Stats{} }

// Shutdown stops listening, lets requests in work finish, and flushes the forwarding queues until ctx ends.
func (s *Server) Shutdown(ctx context.Context) error { return nil }
