package ingest

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/conductor/internal/otlptest"
	"chordconductor/conductor/live"
	"chordconductor/conductor/ring"
	"chordconductor/internal/freeport"
	"chordconductor/internal/polltest"
	"chordconductor/otel/chordevent"
)

// A troubled store fails in the way that a test chooses, over gRPC and HTTP, until it is repaired.
type troubled struct {
	grpc, http string
	cured      atomic.Bool
}

// refusing returns a store that answers with a retryable error.
func refusing(t *testing.T) *troubled {
	s := &troubled{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		if !s.cured.Load() {
			return status.Error(codes.Unavailable, "not now")
		}
		return stream.SendMsg([]byte{})
	}))
	go server.Serve(l)
	t.Cleanup(server.Stop)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !s.cured.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(web.Close)
	s.grpc, s.http = l.Addr().String(), web.URL
	return s
}

// hanging returns a store that accepts connections and never answers.
func hanging(t *testing.T) *troubled {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return &troubled{grpc: l.Addr().String(), http: "http://" + l.Addr().String()}
}

func absent(t *testing.T) *troubled {
	address := freeport.Address(t)
	return &troubled{grpc: address, http: "http://" + address}
}

// TestFailingStoresAffectNeitherViewNorSender sends more spans, points and log records than the queues hold, as many as
// some minutes bring, while no store accepts any. The ring view receives everything immediately, the queues stay within
// their bound, and losses are counted.
func TestFailingStoresAffectNeitherViewNorSender(t *testing.T) {
	for name, trouble := range map[string]func(*testing.T) *troubled{"absent": absent, "hanging": hanging, "refusing": refusing} {
		t.Run(name, func(t *testing.T) {
			store := trouble(t)
			view, s := watched(t, Config{GRPC: "127.0.0.1:0", ForwardTraces: Target{Endpoint: store.grpc}, ForwardLogs: Target{Endpoint: store.grpc}, ForwardMetrics: Target{Endpoint: store.http}, QueueBytes: 4000})
			members, events := otlptest.Ring(16, 4, time.Now())
			logs := plogotlp.NewGRPCClient(dial(t, s.GRPCAddr()))
			emit := func(events ...chordevent.Event) {
				t.Helper()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if _, err := logs.Export(ctx, plogotlp.NewExportRequestFromLogs(otlptest.Logs(events...))); err != nil {
					t.Fatal("an event was not taken: ", err)
				}
			}
			emit(events...)
			const rounds = 60
			for n := range rounds {
				send(t, s, someSpans())
				sendMetrics(t, s, somePoint(1))
				m := members[n%len(members)]
				emit(m.Event(time.Now(), chordevent.NodeLoad{Load: chordevent.Load{Gets: int64(n)}}))
			}
			emitted := uint64(len(events) + rounds)
			polltest.Until(t, "the view has all events", func() bool { return view.View().Counts.Applied == emitted })
			if v := view.View(); v.Status != ring.Ideal || v.Counts.Uncertain > 0 {
				t.Errorf("the ring is %s, %+v", v.Status, v.Counts)
			}
			st := s.Stats()
			for signal, f := range map[string]Forwarded{"traces": st.Traces, "metrics": st.Metrics, "logs": st.Logs} {
				if f.Dropped == 0 || f.Sent > 0 || f.QueueBytes == 0 || f.QueueBytes > f.QueueLimit || f.QueueLimit != 4000 {
					t.Errorf("%s: %+v: want drops counted, and a queue filled up to its bound of 4000", signal, f)
				}
			}
			if name != "refusing" {
				return
			}
			store.cured.Store(true)
			polltest.Until(t, "what was kept is sent", func() bool {
				st := s.Stats()
				return st.Traces.Sent > 0 && st.Metrics.Sent > 0 && st.Logs.Sent > 0 && st.Traces.QueueBytes+st.Metrics.QueueBytes+st.Logs.QueueBytes == 0
			})
			after := s.Stats()
			if sum := after.Traces.Sent + after.Traces.Dropped; sum != 2*rounds {
				t.Errorf("of %d spans %d were sent or counted as lost", 2*rounds, sum)
			}
			if sum := after.Logs.Sent + after.Logs.Dropped; sum != emitted {
				t.Errorf("of %d log records %d were sent or counted as lost", emitted, sum)
			}
		})
	}
}

// watched starts a receiver with a ring view. Stopping it aborts requests that hang.
func watched(t *testing.T, cfg Config) (*live.Live, *Server) {
	t.Helper()
	l, err := live.New(live.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	cfg.Grace = 100 * time.Millisecond
	s, stop := running(t, cfg, l)
	t.Cleanup(func() {
		_ = stop() // the error is that not all was flushed
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l, s
}

// TestForeignLogsPassWhole sends foreign log records among the ring's own.
func TestForeignLogsPassWhole(t *testing.T) {
	store := &logStore{got: make(chan plog.Logs, 1)}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	plogotlp.RegisterGRPCServer(server, store)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	sink := newRecorder()
	s := start(t, Config{ForwardLogs: Target{Endpoint: listener.Addr().String()}}, sink)

	request, ours := oneEvent()
	rl := request.Logs().ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "foreign-service")
	foreign := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	foreign.SetSeverityText("odd")
	foreign.Body().SetEmptyMap().PutEmptyBytes("bytes").FromRaw([]byte{0, 255})
	want, err := request.MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plogotlp.NewGRPCClient(dial(t, s.GRPCAddr())).Export(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-store.got:
		if pb, err := plogotlp.NewExportRequestFromLogs(got).MarshalProto(); err != nil || string(pb) != string(want) {
			t.Errorf("the records were changed on the way, %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("no record was passed on")
	}
	if len(sink.events) != 1 || sink.events[0].Node != ours.Node {
		t.Errorf("the view got %+v, want our event alone", sink.events)
	}
	polltest.Until(t, "both count as sent", func() bool { return s.Stats().Logs.Sent == 2 })
	if st := s.Stats(); st.Events != 1 || st.ForeignLogs != 1 {
		t.Errorf("%+v", st)
	}
}

type logStore struct {
	plogotlp.UnimplementedGRPCServer
	got chan plog.Logs
}

func (s *logStore) Export(_ context.Context, q plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	s.got <- q.Logs()
	return plogotlp.NewExportResponse(), nil
}
