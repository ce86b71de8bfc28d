package ingest

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"chordconductor/conductor/internal/otlptest"
	"chordconductor/conductor/lookups"
	"chordconductor/otel/chordevent"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A recorder is a Sink that keeps what it receives, and can be set to refuse.
type recorder struct {
	mu       sync.Mutex
	events   []chordevent.Event
	spans    []lookups.Span
	points   []lookups.Point
	rejected map[chordevent.Reason]int
	ignored  int
	refuse   error
	news     chan struct{}
}

func newRecorder() *recorder {
	return &recorder{rejected: map[chordevent.Reason]int{}, news: make(chan struct{}, 1)}
}

func (r *recorder) Offer(events []chordevent.Event, _ time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.wake()
	if r.refuse != nil {
		return r.refuse
	}
	r.events = append(r.events, events...)
	return nil
}

func (r *recorder) OfferSpans(spans []lookups.Span, points []lookups.Point) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.wake()
	r.spans = append(r.spans, spans...)
	r.points = append(r.points, points...)
}

func (r *recorder) Reject(reason chordevent.Reason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rejected[reason]++
}

func (r *recorder) Ignore(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ignored += n
}

func (r *recorder) setRefuse(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = err
}

func (r *recorder) wake() {
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// wait returns when cond holds for what the recorder has received.
func (r *recorder) wait(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		r.mu.Lock()
		ok := cond()
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-r.news:
		case <-deadline:
			t.Fatalf("timed out: expected that %s", what)
		}
	}
}

func start(t *testing.T, cfg Config, sink Sink) *Server {
	t.Helper()
	if cfg.GRPC == "" {
		cfg.GRPC = "127.0.0.1:0"
	}
	if cfg.HTTP == "" {
		cfg.HTTP = "127.0.0.1:0"
	}
	if cfg.Grace == 0 {
		cfg.Grace = time.Minute
	}
	s, stop := running(t, cfg, sink)
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// running runs a receiver until the returned function is called.
func running(tb testing.TB, cfg Config, sink Sink) (*Server, func() error) {
	tb.Helper()
	s, err := Open(context.Background(), cfg, sink)
	if err != nil {
		tb.Fatal(err)
	}
	return s, untilStopped(s)
}

func untilStopped(s *Server) (stop func() error) {
	ctx, end := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return func() error {
		end()
		return <-done
	}
}

func dial(t *testing.T, address string, opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// oneEvent returns an export request with one event, and that event.
func oneEvent() (plogotlp.ExportRequest, chordevent.Event) {
	m := otlptest.NewMember(3, 8, 1790000000000000000)
	peer := otlptest.NewMember(4, 8, 1790000000000000001)
	ev := m.Event(time.Unix(1790000001, 5000).UTC(), chordevent.PredecessorChanged{Predecessor: peer.Peer})
	return plogotlp.NewExportRequestFromLogs(otlptest.Logs(ev)), ev
}
