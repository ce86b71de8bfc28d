package ingest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/conductor/internal/otlptest"
	"chordconductor/internal/freeport"
	"chordconductor/internal/polltest"
	"chordconductor/otel/chordevent"
)

// A traceStore accepts what Jaeger would.
type traceStore struct {
	ptraceotlp.UnimplementedGRPCServer
	mu     sync.Mutex
	got    []ptrace.Traces
	answer error
}

func (s *traceStore) Export(_ context.Context, r ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answer != nil {
		return ptraceotlp.NewExportResponse(), s.answer
	}
	s.got = append(s.got, r.Traces())
	return ptraceotlp.NewExportResponse(), nil
}

func (s *traceStore) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = err
}

func (s *traceStore) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got)
}

// serve listens on an address (with port 0, on a free port) and returns the address.
func (s *traceStore) serve(t *testing.T, address string) string {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(server, s)
	go server.Serve(l)
	t.Cleanup(server.Stop)
	return l.Addr().String()
}

// someSpans returns a member's lookup and a foreign span.
func someSpans() ptrace.Traces {
	td := ptrace.NewTraces()
	td.ResourceSpans().AppendEmpty().Resource().Attributes().PutStr("service.name", "foreign-service")
	spans := td.ResourceSpans().At(0).ScopeSpans().AppendEmpty().Spans()
	foreign := spans.AppendEmpty()
	foreign.SetName("GET /")
	foreign.SetTraceID(pcommon.TraceID{1})
	foreign.SetSpanID(pcommon.SpanID{1})
	foreign.Attributes().PutEmptySlice("odd").AppendEmpty().SetDouble(.5)
	foreign.Events().AppendEmpty().SetName("event")
	foreign.Links().AppendEmpty().SetTraceID(pcommon.TraceID{7})
	ours := spans.AppendEmpty()
	ours.SetName(chordevent.SpanLookup)
	ours.SetTraceID(pcommon.TraceID{2})
	ours.SetSpanID(pcommon.SpanID{2})
	ours.SetStartTimestamp(1)
	ours.SetEndTimestamp(2)
	ours.Attributes().PutStr(string(chordevent.NodeIDKey), "0a")
	ours.Attributes().PutStr(string(chordevent.LookupKeyKey), "0b")
	return td
}

func send(t *testing.T, s *Server, td ptrace.Traces) {
	t.Helper()
	if _, err := ptraceotlp.NewGRPCClient(dial(t, s.GRPCAddr())).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(td)); err != nil {
		t.Fatal(err)
	}
}

func wire(t *testing.T, td ptrace.Traces) string {
	t.Helper()
	pb, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	if err != nil {
		t.Fatal(err)
	}
	return string(pb)
}

func TestTracesPassWhole(t *testing.T) {
	store, sink := &traceStore{}, newRecorder()
	s := start(t, Config{ForwardTraces: Target{Endpoint: store.serve(t, "127.0.0.1:0")}}, sink)
	td := someSpans()
	send(t, s, td)
	polltest.Until(t, "the store has the spans", func() bool { return store.count() == 1 })
	if wire(t, store.got[0]) != wire(t, td) {
		t.Error("the spans were changed on the way")
	}
	if len(sink.spans) != 1 || sink.spans[0].Name != chordevent.SpanLookup {
		t.Errorf("the view got %+v, want our lookup alone", sink.spans)
	}
	polltest.Until(t, "two spans count as sent", func() bool { return s.Stats().Traces.Sent == 2 })
	if f := s.Stats().Traces; f.Dropped != 0 || f.QueueLimit != defaultQueueBytes {
		t.Errorf("stats %+v", f)
	}
}

func TestDeadTraceStoreDisturbsNobody(t *testing.T) {
	sink, probe := newRecorder(), otlptest.NewProbe()
	s := start(t, Config{ForwardTraces: Target{Endpoint: freeport.Address(t)}, QueueBytes: 1000, Meter: probe}, sink)
	size := len(wire(t, someSpans()))
	for range 2*1000/size + 2 {
		send(t, s, someSpans())
	}
	request, _ := oneEvent()
	if _, err := plogotlp.NewGRPCClient(dial(t, s.GRPCAddr())).Export(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	if len(sink.events) != 1 {
		t.Error("the event did not reach the view")
	}
	f := s.Stats().Traces
	if f.Dropped == 0 || f.Dropped%2 != 0 || f.Sent != 0 || f.QueueBytes == 0 || f.QueueBytes > 1000 {
		t.Errorf("%+v: want drops counted, and a queue that is filled up to its bound of 1000", f)
	}
	polltest.Until(t, "the metrics report the same of the queue", func() bool {
		size := s.Stats().Traces.QueueBytes
		waits, full := probe.Values(t, chordevent.ForwardQueue), probe.Shares(t, chordevent.QueueUtilization)
		return len(waits) == 1 && waits[string(chordevent.ForwardTargetKey)+"=traces;"] == size &&
			len(full) == 1 && full["chord.queue=forward_traces;"] == float64(size)/1000
	})
	dropped := fmt.Sprintf("%s=traces;%s=dropped;%s=traces;", chordevent.ForwardTargetKey, chordevent.OutcomeKey, chordevent.SignalKey)
	if got := probe.Values(t, chordevent.Forwarded); len(got) != 2 || got[dropped] != int64(f.Dropped) {
		t.Errorf("forwarded %v, want %d dropped", got, f.Dropped)
	}
}

// While a store is down, the log has one line per interval, not one for each attempt.
func TestTraceStoreComesBack(t *testing.T) {
	store := &traceStore{}
	store.set(status.Error(codes.Unavailable, "the store is starting"))
	var logged lines
	s := start(t, Config{
		ForwardTraces: Target{Endpoint: store.serve(t, "127.0.0.1:0")}, Logger: slog.New(slog.NewTextHandler(&logged, nil)), QueueDir: t.TempDir(),
	}, newRecorder())
	send(t, s, someSpans())
	send(t, s, someSpans())
	polltest.Until(t, "it has been tried", func() bool { return logged.count("") > 0 })
	store.set(nil)
	polltest.Until(t, "the spans have been sent again", func() bool { return store.count() == 2 })
	if n := logged.count("the store is starting"); n != 1 || logged.count("") != 1 {
		t.Errorf("the log has %d reports, in %d lines, that the store was down; want one line:\n%s", n, logged.count(""), logged.all)
	}
}

// lines is a log in memory.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, string(p))
	return len(p), nil
}

func (l *lines) count(part string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.all {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}

func TestTraceStoreRefusesForGood(t *testing.T) {
	store := &traceStore{}
	store.set(status.Error(codes.InvalidArgument, "no"))
	s := start(t, Config{ForwardTraces: Target{Endpoint: store.serve(t, "127.0.0.1:0")}}, newRecorder())
	send(t, s, someSpans())
	polltest.Until(t, "the spans count as dropped", func() bool { return s.Stats().Traces.Dropped == 2 })
}

func TestQueueOnDiskOutlivesTheProcess(t *testing.T) {
	address, dir := freeport.Address(t), t.TempDir()
	cfg := Config{GRPC: "127.0.0.1:0", ForwardTraces: Target{Endpoint: address}, QueueDir: dir, Grace: time.Minute}
	first, stop := running(t, cfg, newRecorder())
	send(t, first, someSpans())
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	store := &traceStore{}
	store.serve(t, address)
	start(t, cfg, newRecorder())
	polltest.Until(t, "the spans of the first process are in the store", func() bool { return store.count() == 1 })
	if wire(t, store.got[0]) != wire(t, someSpans()) {
		t.Error("the spans were changed on the way")
	}
}

func somePoint(value float64) pmetric.Metrics {
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("foreign.system.gauge")
	p := m.SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetDoubleValue(value)
	p.Exemplars().AppendEmpty().SetTraceID(pcommon.TraceID{9})
	return md
}

func sendMetrics(t *testing.T, s *Server, md pmetric.Metrics) {
	t.Helper()
	if _, err := pmetricotlp.NewGRPCClient(dial(t, s.GRPCAddr())).Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(md)); err != nil {
		t.Fatal(err)
	}
}

// Points stay in order even if the store refuses one of them for a time: Prometheus takes no older sample after a newer
// one.
func TestMetricsStayInOrder(t *testing.T) {
	var mu sync.Mutex
	var values []float64
	fails := 2
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path != "/api/v1/otlp/v1/metrics" {
			t.Errorf("path %s", r.URL.Path)
		}
		if fails > 0 {
			fails--
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		body, _ := io.ReadAll(r.Body)
		request := pmetricotlp.NewExportRequest()
		if err := request.UnmarshalProto(body); err != nil {
			t.Error(err)
		}
		p := request.Metrics().ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints().At(0)
		if p.Exemplars().Len() != 1 {
			t.Error("the exemplar is lost")
		}
		values = append(values, p.DoubleValue())
	}))
	t.Cleanup(store.Close)
	s := start(t, Config{ForwardMetrics: Target{Endpoint: store.URL + "/api/v1/otlp"}}, newRecorder())
	for i := range 5 {
		sendMetrics(t, s, somePoint(float64(i)))
	}
	polltest.Until(t, "all five points are sent", func() bool { return s.Stats().Metrics.Sent == 5 })
	if want := []float64{0, 1, 2, 3, 4}; !reflect.DeepEqual(values, want) {
		t.Errorf("points arrived as %v, want %v", values, want)
	}
}

// A store that hangs does not keep Run from returning.
func TestRunEndsBesideAHangingStore(t *testing.T) {
	hang := make(chan struct{})
	store := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	t.Cleanup(store.Close)
	t.Cleanup(func() { close(hang) })
	s, stop := running(t, Config{GRPC: "127.0.0.1:0", ForwardMetrics: Target{Endpoint: store.URL}, Grace: 100 * time.Millisecond}, newRecorder())
	sendMetrics(t, s, somePoint(1))
	begun := time.Now()
	if err := stop(); err == nil {
		t.Error("no error though a point was not delivered")
	}
	if took := time.Since(begun); took > attemptTimeout*9/10 {
		t.Errorf("it took %v to end: it waited for the store", took)
	}
}
