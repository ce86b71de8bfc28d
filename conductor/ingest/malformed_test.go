package ingest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/internal/polltest"
)

// A draft is a request before it is sent: a valid request, to which a fault adds one error.
type draft struct {
	signal       string
	grpc         bool
	json         bool // HTTP only
	packing      string
	random       *rand.Rand
	body         []byte // before it is packed
	packed       []byte // and after; of gRPC without its prefix
	otherPort    bool
	method, path string
	kind         string
	declared     string // compression
	length       int    // added to the prefix of gRPC
}

func (d *draft) seal(t *testing.T) {
	switch d.packed = d.body; d.packing {
	case "gzip":
		d.packed = gzipped(t, d.body)
	case "zstd":
		d.packed = zstandard(t, d.body)
	}
}

// cut shortens a request that has one field, one object or one compressed frame: what remains is not a valid request.
func (d *draft) cut(from []byte) []byte { return from[:1+d.random.IntN(len(from)-1)] }

// noise returns bytes that no request begins with: no field of protobuf has the number 0, and no JSON begins with a
// closing bracket.
func (d *draft) noise() []byte {
	out := append([]byte(nil), map[bool]string{true: "}", false: "\x07"}[d.json]...)
	for range d.random.IntN(200) {
		out = append(out, byte(d.random.IntN(256)))
	}
	return out
}

// A fault makes a draft malformed, before or after its body is packed.
type fault struct {
	name          string
	before, after func(*draft)
	http          int        // status
	grpc          codes.Code // status
	none          func(*draft) bool
	want          string // in the message
}

func hasNoPacking(d *draft) bool { return d.packing == "" }
func isCall(d *draft) bool       { return d.grpc }
func isHTTP(d *draft) bool       { return !d.grpc }

var faults = []fault{
	{name: "garbage", before: func(d *draft) { d.body = d.noise() }, http: 400, grpc: codes.InvalidArgument},
	{name: "cut", before: func(d *draft) { d.body = d.cut(d.body) }, http: 400, grpc: codes.InvalidArgument},
	{name: "cut when packed", after: func(d *draft) { d.packed = d.cut(d.packed) }, http: 400, grpc: codes.InvalidArgument, none: hasNoPacking, want: "the body is not"},
	{name: "garbage when packed", after: func(d *draft) { d.packed = d.noise() }, http: 400, grpc: codes.InvalidArgument, none: hasNoPacking, want: "the body is not"},
	{name: "an identifier of the wrong length", before: func(d *draft) {
		n := []int{1, 7, 9, 15, 17, 40}[d.random.IntN(6)]
		d.body = withTraceID(d.signal, d.json, n)
	}, http: 400, grpc: codes.InvalidArgument},
	{name: "text that is not UTF-8", before: func(d *draft) { d.body = []byte("{\"\xff\":1}") }, http: 400, grpc: codes.InvalidArgument},
	{name: "65 levels", before: func(d *draft) { d.fill(65 + d.random.IntN(100)) }, http: 400, grpc: codes.InvalidArgument, want: "64 levels"},
	{name: "the other encoding", after: func(d *draft) {
		d.kind = map[bool]string{true: protobufType, false: jsonType}[d.json]
	}, http: 400, none: isCall},
	{name: "an unknown content type", after: func(d *draft) {
		d.kind = []string{"text/plain", "", "application/octet-stream", ";;"}[d.random.IntN(4)]
	}, http: 415, none: isCall, want: "content type"},
	{name: "an unknown compression", after: func(d *draft) { d.declared = []string{"br", "compress", "x", "gzip, gzip"}[d.random.IntN(4)] }, http: 400, grpc: codes.Unimplemented, want: "is not supported"},
	{name: "another compression", after: func(d *draft) {
		d.declared = []string{"gzip", "zstd", "deflate"}[d.random.IntN(3)]
		if d.declared == d.packing {
			d.declared = "zlib"
		}
	}, http: 400, grpc: codes.InvalidArgument, want: "the body is not"},
	{name: "a compression that is not declared", before: func(d *draft) { d.packing = "gzip" }, after: func(d *draft) { d.declared = "" }, http: 400, grpc: codes.InvalidArgument, none: func(d *draft) bool { return d.packing != "" }},
	{name: "an unknown path", after: func(d *draft) {
		d.path = []string{"/", "/v1/profiles", d.path + "/", strings.ToUpper(d.path), "/v1", "/v1/logs/x", "/opentelemetry.proto.collector.logs.v1.LogsService/Import"}[d.random.IntN(7)]
	}, http: 404, grpc: codes.Unimplemented},
	{name: "another method", after: func(d *draft) { d.method = []string{"GET", "PUT", "DELETE", "PATCH", "OPTIONS", "X"}[d.random.IntN(6)] }, http: 405, grpc: codes.InvalidArgument},
	{name: "the other protocol's port", after: func(d *draft) { d.otherPort = true }, http: 400, grpc: codes.Unimplemented, want: "send it to 127.0.0.1:"},
	{name: "a message of another length", after: func(d *draft) {
		if d.length = d.random.IntN(2000) - 1000; d.length == 0 {
			d.length = 1 << 30
		}
	}, grpc: codes.InvalidArgument, none: isHTTP, want: "exactly one message"},
	{name: "too large", before: func(d *draft) { d.body = append(d.body, bytes.Repeat([]byte(" "), 40_000)...) }, http: 413, grpc: codes.ResourceExhausted, want: "larger than"},
}

func (d *draft) fill(levels int) {
	m := nested(levels)[d.signal]
	d.body, _ = query{json: d.json}.write(m) // of these it cannot fail
}

// withTraceID returns a request with a trace ID of n bytes, at the place where the signal has it.
func withTraceID(signal string, json bool, n int) []byte {
	if json {
		id := `{"traceId":"` + strings.Repeat("ab", n) + `"}`
		return []byte(map[string]string{
			"traces":  `{"resourceSpans":[{"scopeSpans":[{"spans":[` + id + `]}]}]}`,
			"logs":    `{"resourceLogs":[{"scopeLogs":[{"logRecords":[` + id + `]}]}]}`,
			"metrics": `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{"exemplars":[` + id + `]}]}}]}]}]}`,
		}[signal])
	}
	field := func(number int, of []byte) []byte { return append([]byte{byte(number<<3 | 2), byte(len(of))}, of...) }
	fields := map[string][]int{"traces": {1, 2, 2, 1}, "logs": {1, 2, 2, 9}, "metrics": {1, 2, 2, 5, 1, 5, 5}}[signal]
	out := bytes.Repeat([]byte{0xab}, n)
	for i := len(fields) - 1; i >= 0; i-- {
		out = field(fields[i], out)
	}
	return out
}

// Every request with a fault, of any signal, in any protocol, encoding and compression, is answered with the right code
// and a Status with the reason in its sender's encoding, counted, and logged with that reason. The same request without
// the fault is accepted.
func TestMalformedRequests(t *testing.T) {
	m := newFaultySender(t)
	for _, signal := range signalNames {
		for _, packing := range []string{"", "gzip", "zstd"} {
			for _, in := range []draft{{}, {json: true}, {grpc: true}} {
				in.signal, in.packing = signal, packing
				m.try(t, in, nil)
				for i := range faults {
					for range 2 {
						m.try(t, in, &faults[i])
					}
				}
			}
		}
	}
	polltest.Until(t, "no request is in work", func() bool { return m.s.Stats().InFlight == 0 })
}

func TestByteOrderMarkBeforeJSON(t *testing.T) {
	s := start(t, Config{}, nowhere{})
	bom := append([]byte("\ufeff"), `{"resourceSpans":[]}`...)
	if code, _, body := post(t, "http://"+s.HTTPAddr()+"/v1/traces", jsonType, "", bom); code != http.StatusOK {
		t.Errorf("status %d, %s", code, body)
	}
}

// TestGRPCToThePortForHTTP: the answer that an exporter shows names the right port.
func TestGRPCToThePortForHTTP(t *testing.T) {
	s := start(t, Config{}, nowhere{})
	request, _ := oneEvent()
	_, err := plogotlp.NewGRPCClient(dial(t, s.HTTPAddr())).Export(t.Context(), request)
	if st := status.Convert(err); st.Code() != codes.Unimplemented || !strings.Contains(st.Message(), s.GRPCAddr()) {
		t.Errorf("%v, want Unimplemented and %s", err, s.GRPCAddr())
	}
}

// A faultySender sends drafts to a receiver, and compares the receiver's answers, counts and log with the faults in the
// drafts.
type faultySender struct {
	s            *Server
	logged       lines
	calls, plain *http.Transport // for gRPC, for HTTP
	random       *rand.Rand
}

func newFaultySender(t *testing.T) *faultySender {
	m := &faultySender{calls: &http.Transport{Protocols: new(http.Protocols)}, plain: &http.Transport{}, random: rand.New(rand.NewPCG(12, 15))}
	m.s = start(t, Config{Logger: slog.New(slog.NewTextHandler(&m.logged, nil)), MaxRequestBytes: 30_000}, nowhere{})
	m.calls.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(m.calls.CloseIdleConnections)
	t.Cleanup(m.plain.CloseIdleConnections)
	return m
}

// try sends a draft with a fault (nil: without one).
func (m *faultySender) try(t *testing.T, d draft, f *fault) {
	t.Helper()
	name, made := m.make(t, &d, f)
	if !made {
		return
	}
	m.s.troubles.mu.Lock()
	m.s.troubles.kinds = [problems]trouble{} // log each
	m.s.troubles.mu.Unlock()
	before, counted := m.logged.count("was refused"), m.s.Stats().Malformed
	resp, answer, err := m.send(t, &d)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	st := m.statusIn(t, name, &d, f, resp, answer)
	if f == nil {
		if st.Code() != codes.OK || m.s.Stats().Malformed != counted || m.logged.count("was refused") != before {
			t.Errorf("%s without a fault: %v", name, st)
		}
		return
	}
	if d.grpc && st.Code() != f.grpc || st.Message() == "" || !strings.Contains(st.Message(), f.want) {
		t.Errorf("%s: %v, want %v and %q", name, st, f.grpc, f.want)
	}
	if n := m.s.Stats().Malformed; n != counted+1 {
		t.Errorf("%s: %d were counted, want 1", name, n-counted)
	}
	if m.logged.count("was refused") != before+1 || m.logged.count("reason="+strconv.Quote(st.Message())) == 0 {
		t.Errorf("%s: the log does not have %q once", name, st.Message())
	}
}

// make completes a draft and adds the fault; made is false if the fault is no error in such a request.
func (m *faultySender) make(t *testing.T, d *draft, f *fault) (name string, made bool) {
	name = fmt.Sprintf("%s, gRPC %t, JSON %t, packed %q", d.signal, d.grpc, d.json, d.packing)
	d.random, d.method, d.path, d.kind, d.declared = m.random, "POST", "/v1/"+d.signal, protobufType, d.packing
	if d.json {
		d.kind = jsonType
	}
	if d.grpc {
		d.kind, d.path = "application/grpc", "/opentelemetry.proto.collector."+services[d.signal]+"/Export"
	}
	d.fill(1 + m.random.IntN(20))
	if f != nil {
		if name += ", " + f.name; f.none != nil && f.none(d) {
			return name, false
		}
		if f.before != nil {
			f.before(d)
		}
	}
	d.seal(t)
	if f != nil && f.after != nil {
		f.after(d)
	}
	return name, true
}

func (m *faultySender) send(t *testing.T, d *draft) (resp *http.Response, answer []byte, err error) {
	r := &http.Request{Method: d.method, Header: http.Header{"Content-Type": {d.kind}}, URL: &url.URL{Scheme: "http", Host: m.s.HTTPAddr(), Path: d.path}}
	if d.grpc != d.otherPort {
		r.URL.Host = m.s.GRPCAddr()
	}
	transport := m.plain
	if d.grpc {
		transport = m.calls
		flag := byte(0)
		if d.declared != "" {
			flag = 1
			r.Header.Set("Grpc-Encoding", d.declared)
		}
		d.packed = append(binary.BigEndian.AppendUint32([]byte{flag}, uint32(len(d.packed)+d.length)), d.packed...)
		r.Header.Set("TE", "trailers")
	} else if d.declared != "" {
		r.Header.Set("Content-Encoding", d.declared)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(d.packed)), int64(len(d.packed))
	resp, err = transport.RoundTrip(r.WithContext(t.Context()))
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	return resp, answer, err
}

// statusIn compares an answer's HTTP status and type with what they should be, and returns the gRPC status in it.
func (m *faultySender) statusIn(t *testing.T, name string, d *draft, f *fault, resp *http.Response, answer []byte) *status.Status {
	st := status.New(codes.OK, "")
	wantCode, wantKind := 200, d.kind
	switch {
	case d.grpc && (f == nil || d.method == "POST"):
		n, err := strconv.Atoi(resp.Header.Get("Grpc-Status") + resp.Trailer.Get("Grpc-Status"))
		if err != nil {
			t.Errorf("%s: %v, trailers %v", name, resp.Header, resp.Trailer)
		}
		text, err := url.PathUnescape(resp.Header.Get("Grpc-Message"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		st = status.New(codes.Code(n), text)
	case f != nil:
		if wantCode = f.http; d.grpc {
			wantCode = 400 // not gRPC
		}
		if wantKind != protobufType {
			wantKind = jsonType
		}
		st = status.FromProto(statusOf(t, wantKind, answer))
	}
	if resp.StatusCode != wantCode || resp.Header.Get("Content-Type") != wantKind {
		t.Errorf("%s: status %d, %s; want %d, %s", name, resp.StatusCode, resp.Header, wantCode, wantKind)
	}
	return st
}
