package ingest

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
)

type pickyTraces struct {
	ptraceotlp.UnimplementedGRPCServer
}

func (*pickyTraces) Export(context.Context, ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	r := ptraceotlp.NewExportResponse()
	r.PartialSuccess().SetRejectedSpans(1)
	r.PartialSuccess().SetErrorMessage("too old")
	return r, nil
}

type pickyLogs struct {
	plogotlp.UnimplementedGRPCServer
}

func (*pickyLogs) Export(context.Context, plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	r := plogotlp.NewExportResponse()
	r.PartialSuccess().SetRejectedLogRecords(1)
	return r, nil
}

// Records that a store rejects of a request that it accepts are not counted as sent, over gRPC and HTTP, in either
// encoding.
func TestPartialSuccessIsNotSent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(server, &pickyTraces{})
	plogotlp.RegisterGRPCServer(server, &pickyLogs{})
	go server.Serve(l)
	t.Cleanup(server.Stop)
	for _, kind := range []string{protobufType, jsonType} {
		store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			r := pmetricotlp.NewExportResponse()
			r.PartialSuccess().SetRejectedDataPoints(1)
			body, _ := query{json: kind == jsonType}.write(r)
			w.Header().Set("Content-Type", kind)
			w.Write(body)
		}))
		s := start(t, Config{ForwardTraces: Target{Endpoint: l.Addr().String()}, ForwardLogs: Target{Endpoint: l.Addr().String()}, ForwardMetrics: Target{Endpoint: store.URL}}, newRecorder())
		send(t, s, someSpans())
		sendMetrics(t, s, somePoint(1))
		request, _ := oneEvent()
		if _, err := plogotlp.NewGRPCClient(dial(t, s.GRPCAddr())).Export(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the stores have answered", func() bool {
			st := s.Stats()
			return st.Traces.Rejected == 1 && st.Metrics.Rejected == 1 && st.Logs.Rejected == 1 && st.Traces.Sent == 1
		})
		eventually(t, "what was rejected is not sent", func() bool {
			st := s.Stats()
			return st.Metrics.Sent == 0 && st.Logs.Sent == 0 && st.Traces.Dropped == 1 && st.Metrics.Dropped == 1 && st.Logs.Dropped == 1
		})
		store.Close()
	}
}

// A page with status 200 is not an OTLP endpoint: nothing counts as sent until the proxy before the store admits
// requests.
func TestALoginPageIsNotTheStore(t *testing.T) {
	var in atomic.Bool
	var asked atomic.Int32
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		if !in.Load() {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Write([]byte("<html>Please log in</html>"))
		}
	}))
	defer store.Close()
	s := start(t, Config{ForwardMetrics: Target{Endpoint: store.URL}}, newRecorder())
	sendMetrics(t, s, somePoint(1))
	eventually(t, "it was tried again", func() bool { return asked.Load() >= 2 })
	if st := s.Stats(); st.Metrics.Sent != 0 || st.Metrics.QueueBytes == 0 {
		t.Errorf("%+v, want nothing sent and the points kept", st.Metrics)
	}
	in.Store(true)
	eventually(t, "the points are sent", func() bool { return s.Stats().Metrics.Sent == 1 })
}

// The same over gRPC, for any signal and any page: nothing is sent, nothing is lost, and the log has the reason.
func TestALoginPageIsNotTheStoreOverGRPC(t *testing.T) {
	store := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(store, &agreeable{})
	plogotlp.RegisterGRPCServer(store, &agreeableLogs{})
	pmetricotlp.RegisterGRPCServer(store, &agreeableMetrics{})
	for _, signal := range signalNames {
		for _, code := range []int{http.StatusOK, http.StatusNonAuthoritativeInfo, http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect} {
			var in atomic.Bool
			front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if in.Load() {
					store.ServeHTTP(w, r)
					return
				}
				w.Header().Set("Content-Type", "text/html")
				w.Header().Set("Location", "http://127.0.0.1:1/login")
				w.WriteHeader(code)
				_, _ = w.Write([]byte("<html>Please log in</html>"))
			}))
			front.Config.Protocols = new(http.Protocols)
			front.Config.Protocols.SetUnencryptedHTTP2(true)
			front.Start()
			t.Cleanup(front.Close) // after the conductor's own end
			var logged lines
			cfg := to(signal, Target{Endpoint: front.Listener.Addr().String()})
			cfg.Logger = slog.New(slog.NewTextHandler(&logged, nil))
			s := start(t, cfg, newRecorder())
			sendAll(t, s)
			eventually(t, "the log has the reason", func() bool { return logged.count("a login stands before it") > 0 })
			of := func() Forwarded {
				st := s.Stats()
				return map[string]Forwarded{"traces": st.Traces, "metrics": st.Metrics, "logs": st.Logs}[signal]
			}
			if f := of(); f.Sent != 0 || f.Dropped != 0 || f.QueueBytes == 0 {
				t.Errorf("%s, %d: %+v, want nothing sent or dropped", signal, code, f)
			}
			in.Store(true)
			eventually(t, "all is sent", func() bool { f := of(); return f.Sent > 0 && f.QueueBytes == 0 && f.Dropped == 0 })
		}
	}
}

type agreeable struct {
	ptraceotlp.UnimplementedGRPCServer
}

func (*agreeable) Export(context.Context, ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	return ptraceotlp.NewExportResponse(), nil
}

type agreeableLogs struct {
	plogotlp.UnimplementedGRPCServer
}

func (*agreeableLogs) Export(context.Context, plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	return plogotlp.NewExportResponse(), nil
}

type agreeableMetrics struct {
	pmetricotlp.UnimplementedGRPCServer
}

func (*agreeableMetrics) Export(context.Context, pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	return pmetricotlp.NewExportResponse(), nil
}
