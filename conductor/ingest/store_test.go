package ingest

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
)

// A store receives all signals over both protocols at one address, as grpc-go and net/http serve them, and records the
// calls.
type store struct {
	address string
	reject  int64 // of each request, by partial success

	mu    sync.Mutex
	calls []call // guarded by mu
}

// A call is one request that a store received.
type call struct {
	signal, proto, host string
	headers             http.Header
	records             int
	client              string // of its certificate; empty: none
}

// newStore starts a store. If it is given files, it serves over TLS, and requires a client certificate that the same CA
// has signed.
func newStore(t *testing.T, files *TLS) *store {
	s := &store{}
	server := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(server, &storeTraces{store: s})
	pmetricotlp.RegisterGRPCServer(server, &storeMetrics{store: s})
	plogotlp.RegisterGRPCServer(server, &storeLogs{store: s})
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := call{proto: "http", host: r.Host, headers: r.Header}
		if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
			c.client = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		r = r.WithContext(context.WithValue(r.Context(), callKey{}, &c))
		if isGRPC(r) {
			c.proto = "grpc"
			server.ServeHTTP(w, r)
			return
		}
		s.serveHTTP(w, r)
	}))
	front.Config.Protocols = new(http.Protocols)
	front.Config.Protocols.SetHTTP1(true)
	front.Config.Protocols.SetHTTP2(true)
	front.Config.Protocols.SetUnencryptedHTTP2(true)
	if files == nil {
		front.Start()
	} else {
		cfg, err := files.config()
		if err != nil {
			t.Fatal(err)
		}
		front.EnableHTTP2 = true
		front.TLS = cfg
		front.StartTLS()
	}
	s.address = front.Listener.Addr().String()
	t.Cleanup(func() {
		front.CloseClientConnections()
		front.Close()
		server.Stop()
	})
	return s
}

type callKey struct{}

// took records a request.
func (s *store) took(ctx context.Context, signal string, records int) {
	c := *ctx.Value(callKey{}).(*call)
	c.signal, c.records = signal, records
	s.mu.Lock()
	s.calls = append(s.calls, c)
	s.mu.Unlock()
}

// of returns the requests of a signal.
func (s *store) of(signal string) (out []call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		if c.signal == signal {
			out = append(out, c)
		}
	}
	return out
}

type storeTraces struct {
	ptraceotlp.UnimplementedGRPCServer
	*store
}

func (s *storeTraces) Export(ctx context.Context, r ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	s.took(ctx, "traces", r.Traces().SpanCount())
	a := ptraceotlp.NewExportResponse()
	a.PartialSuccess().SetRejectedSpans(s.reject)
	return a, nil
}

type storeMetrics struct {
	pmetricotlp.UnimplementedGRPCServer
	*store
}

func (s *storeMetrics) Export(ctx context.Context, r pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	s.took(ctx, "metrics", r.Metrics().DataPointCount())
	a := pmetricotlp.NewExportResponse()
	a.PartialSuccess().SetRejectedDataPoints(s.reject)
	return a, nil
}

type storeLogs struct {
	plogotlp.UnimplementedGRPCServer
	*store
}

func (s *storeLogs) Export(ctx context.Context, r plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	s.took(ctx, "logs", r.Logs().LogRecordCount())
	a := plogotlp.NewExportResponse()
	a.PartialSuccess().SetRejectedLogRecords(s.reject)
	return a, nil
}

func (s *store) serveHTTP(w http.ResponseWriter, r *http.Request) {
	var in io.Reader = r.Body
	var err error
	switch r.Header.Get("Content-Encoding") {
	case "":
	case "gzip":
		in, err = gzip.NewReader(r.Body)
	default:
		err = http.ErrNotSupported
	}
	var body []byte
	if err == nil {
		body, err = io.ReadAll(in)
	}
	var answer message
	switch path := r.URL.Path; {
	case err != nil:
	case strings.HasSuffix(path, "/v1/traces"):
		m := ptraceotlp.NewExportRequest()
		if err = m.UnmarshalProto(body); err == nil {
			answer, err = (&storeTraces{store: s}).Export(r.Context(), m)
		}
	case strings.HasSuffix(path, "/v1/metrics"):
		m := pmetricotlp.NewExportRequest()
		if err = m.UnmarshalProto(body); err == nil {
			answer, err = (&storeMetrics{store: s}).Export(r.Context(), m)
		}
	case strings.HasSuffix(path, "/v1/logs"):
		m := plogotlp.NewExportRequest()
		if err = m.UnmarshalProto(body); err == nil {
			answer, err = (&storeLogs{store: s}).Export(r.Context(), m)
		}
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out, _ := answer.MarshalProto()
	w.Header().Set("Content-Type", protobufType)
	_, _ = w.Write(out)
}
