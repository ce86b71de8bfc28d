package otel

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"chordconductor/otel/chordevent"
)

// encodings notes how requests are compressed, by signal. It is a gRPC stats handler and an HTTP handler.
type encodings struct {
	mu   sync.Mutex
	seen map[string]string // guarded by mu
}

func (e *encodings) note(path, encoding string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seen[path] = encoding
}

func (e *encodings) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	e.note(r.URL.Path, r.Header.Get("Content-Encoding"))
}

func (e *encodings) HandleRPC(_ context.Context, event stats.RPCStats) {
	if begin, ok := event.(*stats.InHeader); ok {
		e.note(begin.FullMethod, begin.Compression)
	}
}
func (*encodings) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (*encodings) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (*encodings) HandleConn(context.Context, stats.ConnStats)                       {}

// Requests that leave a process are compressed, unless a variable disables compression; requests
// that stay within the process are not.
func TestCompression(t *testing.T) {
	for _, test := range []struct {
		name, variable string
		inside         bool // a ring in the conductor
		want           string
	}{
		{"default", "", false, "gzip"},
		{"none", "none", false, ""},
		{"gzip", "gzip", false, "gzip"},
		{"inside", "", true, ""},
	} {
		for _, protocol := range []string{grpcProtocol, httpProtocol} {
			if test.inside && protocol == httpProtocol {
				continue // for metrics, the variable that would choose the protocol is ignored
			}
			t.Run(test.name+" "+protocol, func(t *testing.T) {
				e := &encodings{seen: map[string]string{}}
				t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", test.variable)
				t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
				tel, err := Setup(t.Context(), Config{Ring: "test", Endpoint: e.serve(t, protocol), IgnoreEnvironment: test.inside})
				if err != nil {
					t.Fatal(err)
				}
				ctx, span := tel.Tracers.Tracer("test").Start(context.Background(), chordevent.SpanJoin)
				emit(ctx, tel.Events.Logger("test"), numbered(1))
				span.End()
				ended, cancel := context.WithCancel(context.Background())
				cancel()
				_ = tel.Flush(context.Background()) // the receiver accepts the requests, and sends no valid answer
				_ = tel.Shutdown(ended)
				e.mu.Lock()
				defer e.mu.Unlock()
				if len(e.seen) < 3 {
					t.Errorf("requests arrived only for %v", e.seen)
				}
				for path, got := range e.seen {
					if got != test.want {
						t.Errorf("%s is compressed with %q, want %q", path, got, test.want)
					}
				}
			})
		}
	}
}

// serve starts a server that ends with the test, and returns its address.
func (e *encodings) serve(t *testing.T, protocol string) string {
	if protocol == httpProtocol {
		s := httptest.NewServer(e)
		t.Cleanup(s.Close)
		return s.URL
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.StatsHandler(e), grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error {
		return status.Error(codes.InvalidArgument, "not today") // a permanent error, so the request is not retried
	}))
	go s.Serve(l)
	t.Cleanup(s.Stop)
	return "http://" + l.Addr().String()
}
