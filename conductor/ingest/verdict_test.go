package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// nested returns requests of all signals with a value nested to the given number of levels, by path.
func nested(levels int) map[string]message {
	fill := func(m pcommon.Map) {
		v := m.PutEmpty("deep")
		for n := 1; n < levels; n++ {
			if n%2 == 0 {
				v = v.SetEmptyMap().PutEmpty("k")
			} else {
				v = v.SetEmptySlice().AppendEmpty()
			}
		}
		v.SetStr("end")
	}
	ld, td, md := plog.NewLogs(), ptrace.NewTraces(), pmetric.NewMetrics()
	fill(ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Attributes())
	fill(td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().Attributes())
	fill(md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty().Attributes())
	return map[string]message{
		"logs": plogotlp.NewExportRequestFromLogs(ld), "traces": ptraceotlp.NewExportRequestFromTraces(td), "metrics": pmetricotlp.NewExportRequestFromMetrics(md),
	}
}

var services = map[string]string{"logs": "logs.v1.LogsService", "traces": "trace.v1.TraceService", "metrics": "metrics.v1.MetricsService"}

// The same request has the same verdict over gRPC and HTTP, in protobuf and JSON, compressed and not: 64 levels are
// accepted. More are the sender's fault, up to depths that would end the process if they were decoded.
func TestNesting(t *testing.T) {
	s := start(t, Config{}, newRecorder())
	conn := dial(t, s.GRPCAddr())
	for levels, want := range map[int]bool{1: true, 64: true, 65: false, 100: false, 1000: false} {
		for signal, request := range nested(levels) {
			pb, err := request.MarshalProto()
			if err != nil {
				t.Fatal(err)
			}
			js, err := request.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			checkVerdict(t, s, conn, fmt.Sprintf("%d levels of %s", levels, signal), signal, pb, js, want)
		}
	}
	const bomb = 500_000
	js := []byte(`{"resourceLogs":[{"resource":{"attributes":[{"key":"k","value":` + strings.Repeat(`{"arrayValue":{"values":[`, bomb) + `{}` + strings.Repeat(`]}}`, bomb) + `}]}}]}`)
	for _, packing := range []string{"", "gzip", "zstd"} {
		body := js
		if packing == "gzip" {
			body = gzipped(t, js)
		} else if packing == "zstd" {
			body = zstandard(t, js)
		}
		if code, _, answer := post(t, "http://"+s.HTTPAddr()+"/v1/logs", "application/json", packing, body); code != http.StatusBadRequest || !strings.Contains(string(answer), "64 levels") {
			t.Errorf("a bomb, packed with %q: status %d, %.200s", packing, code, answer)
		}
	}
}

func checkVerdict(t *testing.T, s *Server, conn *grpc.ClientConn, what, signal string, pb, js []byte, want bool) {
	t.Helper()
	code := map[bool]int{true: 200, false: 400}[want]
	for _, c := range []struct {
		kind, packing string
		body          []byte
	}{
		{"application/x-protobuf", "", pb}, {"application/x-protobuf", "gzip", gzipped(t, pb)},
		{"application/json", "", js}, {"application/json", "zstd", zstandard(t, js)},
	} {
		if got, _, answer := post(t, "http://"+s.HTTPAddr()+"/v1/"+signal, c.kind, c.packing, c.body); got != code {
			t.Errorf("%s, %s %s: status %d, want %d: %.200s", what, c.kind, c.packing, got, code, answer)
		}
	}
	for _, options := range [][]grpc.CallOption{nil, {grpc.UseCompressor("gzip")}} {
		reply := []byte{}
		err := conn.Invoke(t.Context(), "/opentelemetry.proto.collector."+services[signal]+"/Export", pb, &reply, append(options, grpc.ForceCodecV2(rawCodec{}))...)
		if grpcCode := map[bool]codes.Code{true: codes.OK, false: codes.InvalidArgument}[want]; status.Code(err) != grpcCode {
			t.Errorf("%s over gRPC: %v, want %v", what, err, grpcCode)
		}
	}
}

// An error about the other protocol's port names that port in such a way that a sender on another machine can use it.
func TestElsewhere(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:4317": "127.0.0.1:4317", "[2001:db8::1]:4317": "[2001:db8::1]:4317",
		"[::]:4317": "port 4317 of this machine", "0.0.0.0:14318": "port 14318 of this machine", "": "another receiver, since that protocol is off here",
	} {
		if got := elsewhere(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}

func statusOf(t *testing.T, kind string, body []byte) *rpcstatus.Status {
	t.Helper()
	st := &rpcstatus.Status{}
	var err error
	if kind == "application/json" {
		err = protojson.Unmarshal(body, st)
	} else {
		err = proto.Unmarshal(body, st)
	}
	if err != nil || st.Message == "" {
		t.Errorf("%q is no Status with a message: %v", body, err)
	}
	return st
}

// A logged is a log that keeps its lines.
type logged struct {
	slog.Handler
	mu    sync.Mutex
	lines []string
}

func (l *logged) Enabled(context.Context, slog.Level) bool { return true }
func (l *logged) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += " " + a.String()
		return true
	})
	l.lines = append(l.lines, line)
	return nil
}

// Senders' errors are logged immediately, then at growing intervals while they continue, and the count omits none.
func TestTroublesAreLoggedAtGrowingIntervals(t *testing.T) {
	log := &logged{}
	tr := newTroubles(slog.New(log))
	now := time.Unix(1_000_000, 0)
	for range 3600 { // an hour, once a second
		tr.note(now, unreadable, "broken", "192.0.2.1:5")
		now = now.Add(time.Second)
	}
	if n := len(log.lines); n < 5 || n > 7 {
		t.Errorf("an hour gave %d lines: %q", n, log.lines)
	}
	if !strings.Contains(log.lines[1], "requests=60") {
		t.Errorf("the second line has no count: %s", log.lines[1])
	}
	tr.note(now, noToken, "no token", "192.0.2.1:5")
	if n := len(log.lines); !strings.Contains(log.lines[n-1], "no token") {
		t.Error("trouble of another kind waits for the first")
	}
	before := len(log.lines)
	tr.note(now.Add(24*time.Hour), unreadable, "broken", "192.0.2.1:5")
	if len(log.lines) != before+1 {
		t.Error("trouble that is back a day later is not logged")
	}
}
