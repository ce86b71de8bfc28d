package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"chordconductor/otel/chordevent"
)

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	w.Write(data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func zstandard(t *testing.T, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll(data, nil)
}

// post sends a body to the HTTP receiver and returns the status code, headers and body of the answer.
func post(t *testing.T, url, contentType, contentEncoding string, body []byte) (int, http.Header, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if contentEncoding != "" {
		req.Header.Set("Content-Encoding", contentEncoding)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, answer
}

func TestEventArrivesWhole(t *testing.T) {
	request, want := oneEvent()
	pb, err := request.MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	json, err := request.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	overGRPC := func(opts ...grpc.CallOption) func(*testing.T, *Server) {
		return func(t *testing.T, s *Server) {
			if _, err := plogotlp.NewGRPCClient(dial(t, s.GRPCAddr())).Export(t.Context(), request, opts...); err != nil {
				t.Fatal(err)
			}
		}
	}
	overHTTP := func(contentType, contentEncoding string, body []byte) func(*testing.T, *Server) {
		return func(t *testing.T, s *Server) {
			if code, _, answer := post(t, "http://"+s.HTTPAddr()+"/v1/logs", contentType, contentEncoding, body); code != http.StatusOK {
				t.Fatalf("status %d: %s", code, answer)
			}
		}
	}
	for name, send := range map[string]func(*testing.T, *Server){
		"gRPC":              overGRPC(),
		"gRPC gzip":         overGRPC(grpc.UseCompressor("gzip")),
		"gRPC zstd":         overGRPC(grpc.UseCompressor("zstd")),
		"HTTP protobuf":     overHTTP("application/x-protobuf", "", pb),
		"HTTP gzip":         overHTTP("application/x-protobuf", "gzip", gzipped(t, pb)),
		"HTTP zstd":         overHTTP("application/x-protobuf", "zstd", zstandard(t, pb)),
		"HTTP JSON":         overHTTP("application/json", "", json),
		"HTTP JSON and zip": overHTTP("application/json", "gzip", gzipped(t, json)),
	} {
		t.Run(name, func(t *testing.T) {
			sink := newRecorder()
			send(t, start(t, Config{}, sink))
			sink.wait(t, "the event is there", func() bool { return len(sink.events) == 1 })
			if got := sink.events[0]; !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestForeignAndMalformedRecordsAreCounted(t *testing.T) {
	sink := newRecorder()
	s := start(t, Config{}, sink)
	good, _ := oneEvent()
	logs := good.Logs()
	records := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	records.AppendEmpty().Body().SetStr("an ordinary log line")
	unknown := records.AppendEmpty()
	unknown.SetEventName("chord.node.exploded")
	records.At(0).CopyTo(records.AppendEmpty())
	records.At(3).Attributes().Remove(string(chordevent.PredecessorIDKey))
	records.At(0).Attributes().PutStr("chord.node.mood", "sunny")

	if _, err := plogotlp.NewGRPCClient(dial(t, s.GRPCAddr())).Export(t.Context(), plogotlp.NewExportRequestFromLogs(logs)); err != nil {
		t.Fatal(err)
	}
	if len(sink.events) != 1 || sink.ignored != 1 {
		t.Errorf("%d events and %d attributes ignored, want 1 and 1", len(sink.events), sink.ignored)
	}
	want := map[chordevent.Reason]int{chordevent.ReasonUnknown: 1, chordevent.ReasonMissing: 1}
	if !reflect.DeepEqual(sink.rejected, want) {
		t.Errorf("rejected %v, want %v", sink.rejected, want)
	}
	if st := s.Stats(); st.ForeignLogs != 1 || st.Events != 1 {
		t.Errorf("stats %+v, want one foreign log record and one event", st)
	}
}

func TestGarbageIsTheSendersFault(t *testing.T) {
	sink := newRecorder()
	s := start(t, Config{}, sink)
	garbage := []byte("\xff\xff\xff this is not protobuf")

	for name, c := range map[string]struct{ contentType, contentEncoding string }{
		"protobuf":    {"application/x-protobuf", ""},
		"JSON":        {"application/json", ""},
		"not gzip":    {"application/x-protobuf", "gzip"},
		"not zstd":    {"application/x-protobuf", "zstd"},
		"no encoding": {"application/x-protobuf", "brotli"},
	} {
		code, header, body := post(t, "http://"+s.HTTPAddr()+"/v1/logs", c.contentType, c.contentEncoding, garbage)
		if code != http.StatusBadRequest {
			t.Errorf("HTTP, %s: status %d, want 400: %q", name, code, body)
		}
		if header.Get("Content-Type") == "application/x-protobuf" {
			if st := (&rpcstatus.Status{}); proto.Unmarshal(body, st) != nil || st.Message == "" {
				t.Errorf("HTTP, %s: the body is no Status with a message: %q", name, body)
			}
		}
	}
	for _, method := range []string{"logs.v1.LogsService", "trace.v1.TraceService", "metrics.v1.MetricsService"} {
		reply := []byte{}
		err := dial(t, s.GRPCAddr()).Invoke(t.Context(), "/opentelemetry.proto.collector."+method+"/Export", garbage, &reply, grpc.ForceCodecV2(rawCodec{}))
		if status.Code(err) != codes.InvalidArgument {
			t.Errorf("gRPC, %s: %v, want InvalidArgument", method, err)
		}
	}

	request, _ := oneEvent()
	if _, err := plogotlp.NewGRPCClient(dial(t, s.GRPCAddr())).Export(t.Context(), request); err != nil {
		t.Errorf("a good request after the garbage: %v", err)
	}
	if len(sink.events) != 1 {
		t.Errorf("%d events, want 1", len(sink.events))
	}
	if n := s.Stats().Malformed; n < 6 {
		t.Errorf("%d malformed requests counted, want 6 at least", n)
	}
}

func TestTooLargeAfterDecompression(t *testing.T) {
	s := start(t, Config{MaxRequestBytes: 1 << 20}, newRecorder())
	logs := plog.NewLogs()
	logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr(strings.Repeat("a", 2<<20))
	request := plogotlp.NewExportRequestFromLogs(logs)
	pb, err := request.MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	for contentEncoding, body := range map[string][]byte{"": pb, "gzip": gzipped(t, pb), "zstd": zstandard(t, pb)} {
		if code, _, answer := post(t, "http://"+s.HTTPAddr()+"/v1/logs", "application/x-protobuf", contentEncoding, body); code != http.StatusRequestEntityTooLarge {
			t.Errorf("HTTP %q: status %d, want 413: %q", contentEncoding, code, answer)
		}
	}
	for _, opt := range [][]grpc.CallOption{nil, {grpc.UseCompressor("gzip")}, {grpc.UseCompressor("zstd")}} {
		_, err := plogotlp.NewGRPCClient(dial(t, s.GRPCAddr())).Export(t.Context(), request, opt...)
		if st := status.Convert(err); st.Code() != codes.ResourceExhausted || len(st.Details()) > 0 {
			t.Errorf("gRPC %v: %v, want ResourceExhausted without RetryInfo: trying again is of no use", opt, err)
		}
	}
}

func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for flag, cfg := range map[string]Config{
		"--otlp-grpc": {GRPC: taken.Addr().String(), HTTP: "127.0.0.1:0"},
		"--otlp-http": {GRPC: "127.0.0.1:0", HTTP: taken.Addr().String()},
	} {
		_, err := Open(context.Background(), cfg, newRecorder())
		if err == nil {
			t.Fatalf("%s: started on a port in use", flag)
		}
		for _, part := range []string{flag, taken.Addr().String(), "in use"} {
			if !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error %q does not name %q in one line", err, part)
			}
		}
	}
}

func TestBadConfiguration(t *testing.T) {
	for want, cfg := range map[string]Config{
		"--otlp-grpc":       {GRPC: "4317"},
		"--otlp-http":       {HTTP: "somewhere"},
		"--forward-traces":  {ForwardTraces: Target{Endpoint: "ftp://jaeger"}},
		"--forward-metrics": {ForwardMetrics: Target{Endpoint: "prometheus:9090/path"}},
		"its key":           {TLS: TLS{CertFile: "cert.pem"}},
		"only over TLS":     {TLS: TLS{ClientCAFile: "ca.pem"}},
		"nowhere.pem":       {TLS: TLS{CertFile: "nowhere.pem", KeyFile: "nowhere.pem"}},
	} {
		if _, err := Open(t.Context(), cfg, newRecorder()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that names %s", err, want)
		}
	}
}

// A rawCodec sends bytes as they are.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}
