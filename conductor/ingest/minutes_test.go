package ingest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/conductor/internal/otlptest"
	"chordconductor/conductor/live"
	"chordconductor/conductor/ring"
	"chordconductor/otel/chordevent"
)

// A storeAt is Jaeger and Prometheus at the other end of the exporters' connections, without sockets, so that minutes
// of trouble take only virtual time.
type storeAt struct {
	component.StartFunc
	component.ShutdownFunc
	until time.Time // of the trouble
	slow  time.Duration
	code  codes.Code // what gRPC answers
	http  int        // and HTTP; 0: the connection fails
}

// answer waits for as long as the store takes to answer, and reports whether the store works.
func (s *storeAt) answer(ctx context.Context) (ok bool, err error) {
	if !time.Now().Before(s.until) {
		return true, nil
	}
	wait := time.NewTimer(s.slow)
	defer wait.Stop()
	select {
	case <-wait.C:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

func (s *storeAt) GetGRPCClientOptions(context.Context) ([]grpc.DialOption, error) {
	noSocket := grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return nil, errors.New("no socket") })
	return []grpc.DialOption{noSocket, grpc.WithUnaryInterceptor(
		func(ctx context.Context, _ string, _, _ any, _ *grpc.ClientConn, _ grpc.UnaryInvoker, _ ...grpc.CallOption) error {
			switch ok, err := s.answer(ctx); {
			case err != nil:
				return status.FromContextError(err).Err()
			case !ok:
				return status.Error(s.code, "in trouble")
			}
			return nil
		})}, nil
}

func (s *storeAt) GetHTTPRoundTripper(context.Context) (extensionmiddleware.WrapHTTPRoundTripperFunc, error) {
	return func(context.Context, http.RoundTripper) (http.RoundTripper, error) { return s, nil }, nil
}

func (s *storeAt) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: r}
	switch ok, err := s.answer(r.Context()); {
	case err != nil:
		return nil, err
	case !ok && s.http == 0:
		return nil, errors.New("connection refused")
	case !ok:
		answer.StatusCode = s.http
	}
	return answer, nil
}

// forwardTo starts a pipeline whose stores are the given one.
func forwardTo(t *testing.T, store *storeAt, view *live.Live, cfg Config) *Server {
	t.Helper()
	cfg.ForwardTraces.Endpoint, cfg.ForwardMetrics.Endpoint = "192.0.2.1:4317", "http://192.0.2.1:9090" // names would be looked up
	cfg, err := cfg.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	far := &host{log: cfg.Logger, extensions: map[component.ID]component.Component{}}
	gate := newGate(cfg)
	s := &Server{grace: time.Hour, gate: gate, pipeline: &pipeline{sink: view, gate: gate, broken: newRejections(slog.New(slog.DiscardHandler))}}
	for _, d := range cfg.destinations {
		f, err := newForwarder(t.Context(), cfg, d)
		if err != nil {
			t.Fatal(err)
		}
		far.extensions[clientID(d.signal)] = store
		if err := s.begin(t.Context(), f, far); err != nil {
			t.Fatal(err)
		}
		if d.signal == "traces" {
			s.pipeline.traces = f
		} else {
			s.pipeline.metrics = f
		}
	}
	return s
}

// Jaeger and Prometheus fail for five minutes. Meanwhile every event is in the view immediately, no sender waits, and
// what does not fit in the queues is counted. Then the stores receive what was kept.
func TestStoresInTroubleForMinutes(t *testing.T) {
	const minutes, bound = 5 * time.Minute, 10_000
	for name, trouble := range map[string]storeAt{
		"down":                 {code: codes.Unavailable},
		"slow, then overtaxed": {code: codes.ResourceExhausted, http: http.StatusTooManyRequests, slow: 9 * time.Second},
		"silent":               {code: codes.Unavailable, slow: time.Hour}, // each attempt runs out of time
		"answering errors":     {code: codes.Internal, http: http.StatusServiceUnavailable},
		"refusing for good":    {code: codes.InvalidArgument, http: http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				view, err := live.New(live.Config{})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- view.Run(ctx) }()
				store := trouble
				store.until = time.Now().Add(minutes + time.Second)
				s := forwardTo(t, &store, view, Config{QueueBytes: bound})

				members, events := otlptest.Ring(16, 4, time.Now())
				emitted, spans, points := uint64(0), uint64(0), uint64(0)
				emit := func(events ...chordevent.Event) {
					t.Helper()
					begin := time.Now()
					_, err := s.pipeline.consumeLogs(ctx, otlptest.Logs(events...), 0)
					s.pipeline.consumeTraces(ctx, someSpans(), 0)
					if err := errors.Join(
						err,
						s.pipeline.consumeMetrics(ctx, somePoint(1), 0),
					); err != nil {
						t.Fatalf("%v after the start: %v", time.Since(begin), err)
					}
					if waited := time.Since(begin); waited > 0 {
						t.Fatalf("the sender waited for %v", waited)
					}
					emitted, spans, points = emitted+uint64(len(events)), spans+2, points+1
				}
				emit(events...)
				for n, end := 1, time.Now().Add(minutes); time.Now().Before(end); n++ {
					time.Sleep(250 * time.Millisecond)
					m := members[n%len(members)]
					if n%64 < 16 { // a keyframe of each in 16 s
						emit(m.Event(time.Now(), otlptest.Keyframe(members, n%len(members), 4)))
					} else {
						emit(m.Event(time.Now(), chordevent.NodeLoad{Load: chordevent.Load{Gets: int64(n)}}))
					}
					if n%40 != 0 {
						continue
					}
					time.Sleep(50 * time.Millisecond) // two publications
					synctest.Wait()
					v, st := view.View(), view.Stats()
					if v.Counts.Applied != emitted || v.Status != ring.Ideal || v.Counts.Uncertain > 0 {
						t.Fatalf("of %d events: the ring is %v, %+v", emitted, v.Status, v.Counts)
					}
					if st.StalenessP99 > 10*time.Millisecond {
						t.Fatalf("events took %v to the view", st.StalenessP99)
					}
				}
				synctest.Wait()
				during := s.Stats()
				for signal, f := range map[string]Forwarded{"traces": during.Traces, "metrics": during.Metrics} {
					if f.Dropped == 0 || f.Sent > 0 || f.QueueBytes > f.QueueLimit || f.QueueLimit != bound {
						t.Errorf("%s after %v of trouble: %+v: want drops counted, nothing sent, and a queue within its bound", signal, minutes, f)
					}
				}
				time.Sleep(time.Minute) // longer than the pause between two attempts
				synctest.Wait()
				after := s.Stats()
				if f := after.Traces; f.Sent+f.Dropped != spans || f.QueueBytes != 0 {
					t.Errorf("of %d spans: %+v", spans, f)
				}
				if f := after.Metrics; f.Sent+f.Dropped != points || f.QueueBytes != 0 {
					t.Errorf("of %d points: %+v", points, f)
				}
				if kept := during.Traces.QueueBytes > 0; kept != (after.Traces.Sent > 0) {
					t.Errorf("%d bytes of spans were kept, and %d spans sent then", during.Traces.QueueBytes, after.Traces.Sent)
				}
				if err := untilStopped(s)(); err != nil {
					t.Error(err)
				}
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
