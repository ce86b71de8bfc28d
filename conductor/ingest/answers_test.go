package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"

	"chordconductor/internal/polltest"
)

// A pickyStore rejects, by partial success, the number of records of each request that comes next in its plan.
type pickyStore struct {
	mu   sync.Mutex
	plan []int64 // guarded by mu
	n    int     // guarded by mu: requests
}

func (p *pickyStore) next() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	return p.plan[p.n-1]
}

func (p *pickyStore) requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

// answer returns the answer for a signal.
func (p *pickyStore) answer(signal, text string) message {
	switch signal {
	case "traces":
		r := ptraceotlp.NewExportResponse()
		r.PartialSuccess().SetRejectedSpans(p.next())
		r.PartialSuccess().SetErrorMessage(text)
		return r
	case "metrics":
		r := pmetricotlp.NewExportResponse()
		r.PartialSuccess().SetRejectedDataPoints(p.next())
		r.PartialSuccess().SetErrorMessage(text)
		return r
	}
	r := plogotlp.NewExportResponse()
	r.PartialSuccess().SetRejectedLogRecords(p.next())
	r.PartialSuccess().SetErrorMessage(text)
	return r
}

// Records that a store rejects from requests that it accepts, in any number and order, are not counted as sent, for all
// signals, over gRPC and over HTTP in both encodings. No count decreases while answers arrive, and the counts add up
// even if the store reports impossible numbers.
func TestPartialSuccessIsNotSent(t *testing.T) {
	random := rand.New(rand.NewPCG(12, 3))
	for _, signal := range signalNames {
		records := map[string]int64{"traces": 2, "metrics": 1, "logs": 1}[signal] // of a request
		for _, kind := range []string{"application/grpc", protobufType, jsonType} {
			for round := range 3 {
				picky := &pickyStore{plan: []int64{1}} // the first example
				if round > 0 {
					picky.plan = make([]int64, 1+random.IntN(30))
					for i := range picky.plan {
						picky.plan[i] = random.Int64N(records + 1)
					}
				}
				want := int64(0)
				for _, n := range picky.plan {
					want += n
				}
				if round == 2 { // one lie at the end
					picky.plan = append(picky.plan, []int64{-1, math.MinInt64, 1 << 40, math.MaxInt64}[random.IntN(4)])
					if picky.plan[len(picky.plan)-1] > 0 {
						want += records
					}
				}
				text := strings.Repeat("too old ", random.IntN(20))
				var target string
				if kind == "application/grpc" {
					l, err := net.Listen("tcp", "127.0.0.1:0")
					if err != nil {
						t.Fatal(err)
					}
					server := grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
						var request []byte
						if err := stream.RecvMsg(&request); err != nil {
							return err
						}
						body, err := picky.answer(signal, text).MarshalProto()
						return errors.Join(err, stream.SendMsg(body))
					}))
					go server.Serve(l)
					t.Cleanup(server.Stop)
					target = l.Addr().String()
				} else {
					store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
						body, _ := query{json: kind == jsonType}.write(picky.answer(signal, text))
						w.Header().Set("Content-Type", kind)
						_, _ = w.Write(body)
					}))
					t.Cleanup(store.Close)
					target = store.URL
				}
				s := start(t, to(signal, Target{Endpoint: target}), newRecorder())
				of := func() Forwarded {
					st := s.Stats()
					return map[string]Forwarded{"traces": st.Traces, "metrics": st.Metrics, "logs": st.Logs}[signal]
				}
				lie := round == 2
				for i := range picky.plan {
					if lie && i == len(picky.plan)-1 {
						polltest.Until(t, "the store has answered", func() bool { return picky.requests() == i && of().QueueBytes == 0 })
						polltest.Until(t, "the answers are counted", func() bool { f := of(); return int64(f.Sent+f.Rejected) == int64(i)*records })
					}
					sendAll(t, s)
				}
				total := int64(len(picky.plan)) * records
				var last Forwarded
				polltest.Until(t, "the answers are counted", func() bool {
					f := of()
					if f.Sent < last.Sent || f.Rejected < last.Rejected || f.Dropped < last.Dropped {
						t.Errorf("%s, %s: %+v after %+v", signal, kind, f, last)
					}
					last = f
					return int64(f.Sent+f.Dropped) == total
				})
				if f := of(); int64(f.Rejected) != want || int64(f.Sent) != total-want || f.Dropped != f.Rejected {
					t.Errorf("%s, %s, %v: %+v, want %d rejected of %d", signal, kind, picky.plan, f, want, total)
				}
			}
		}
	}
}

// An answer with a status of success that is not an OTLP response does not count as success, whatever its content type,
// signal and protocol: no record is counted as sent, none is lost, and the log has the reason. Once the store answers,
// everything is sent.
func TestOtherAnswersAreNotTheStore(t *testing.T) {
	page := "<html>Please log in</html>"
	type answer struct{ kind, body string }
	answers := []answer{
		{"text/html", page}, {"text/plain", "ok"}, {"", page}, {protobufType, page}, {protobufType, "\x0a\xff"}, {protobufType, "\x0a\x05\x08"}, {jsonType, page},
		{jsonType, `{"error":"please log in"}`}, {jsonType, `{"partialSuccess":{},"error":"please log in"}`}, {jsonType, `{"partialSuccess":{"login":"/"}}`},
		{jsonType, `{"partialSuccess":{"rejectedSpans":[],"rejectedDataPoints":[],"rejectedLogRecords":[]}}`},
		{jsonType, "null"}, {jsonType, "[]"}, {jsonType, `""`}, {jsonType, `{"partialSuccess":`}, {jsonType, `{"partialSuccess":{"errorMessage":"` + strings.Repeat("!", maxAnswer) + `"}}`},
		{"application/grpc", "\x0a\xff"}, {"application/grpc", page}, {"application/grpc", "\x0a\x05\x08"},
	}
	for _, code := range []int{http.StatusCreated, http.StatusAccepted, http.StatusNonAuthoritativeInfo} {
		answers = append(answers, answer{"text/html", page + strconv.Itoa(code)})
	}
	for i, a := range answers {
		t.Run(fmt.Sprint(i, " ", a.kind), func(t *testing.T) {
			t.Parallel()
			var in atomic.Bool
			var target string
			if a.kind == "application/grpc" {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				server := grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
					if in.Load() {
						return stream.SendMsg([]byte{})
					}
					return stream.SendMsg([]byte(a.body))
				}))
				go server.Serve(l)
				t.Cleanup(server.Stop)
				target = l.Addr().String()
			} else {
				store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					if in.Load() {
						return
					}
					w.Header()["Content-Type"] = []string{a.kind}
					if code, err := strconv.Atoi(a.body[max(len(a.body)-3, 0):]); err == nil {
						w.WriteHeader(code)
					}
					_, _ = w.Write([]byte(a.body))
				}))
				t.Cleanup(store.Close)
				target = store.URL
			}
			var logged lines
			to := Target{Endpoint: target}
			s := start(t, Config{ForwardTraces: to, ForwardMetrics: to, ForwardLogs: to, Logger: slog.New(slog.NewTextHandler(&logged, nil))}, newRecorder())
			sendAll(t, s)
			for _, signal := range signalNames {
				polltest.Until(t, "the log has the reason", func() bool {
					logged.mu.Lock()
					defer logged.mu.Unlock()
					return slices.ContainsFunc(logged.all, func(line string) bool {
						return strings.Contains(line, signal) && strings.Contains(line, "not an OTLP response")
					})
				})
			}
			st := s.Stats()
			for _, f := range []Forwarded{st.Traces, st.Metrics, st.Logs} {
				if f.Sent != 0 || f.Dropped != 0 || f.QueueBytes == 0 {
					t.Errorf("%q: %+v, want nothing sent or dropped", a.body[:min(len(a.body), 80)], f)
				}
			}
			in.Store(true)
			polltest.Until(t, "all is sent", func() bool {
				st := s.Stats()
				return st.Traces.Sent == 2 && st.Metrics.Sent == 1 && st.Logs.Sent == 1 && st.Traces.Dropped+st.Metrics.Dropped+st.Logs.Dropped == 0
			})
		})
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
	polltest.Until(t, "it was tried again", func() bool { return asked.Load() >= 2 })
	if st := s.Stats(); st.Metrics.Sent != 0 || st.Metrics.QueueBytes == 0 {
		t.Errorf("%+v, want nothing sent and the points kept", st.Metrics)
	}
	in.Store(true)
	polltest.Until(t, "the points are sent", func() bool { return s.Stats().Metrics.Sent == 1 })
}

// For any signal and any page over gRPC: nothing is counted as sent, nothing is lost, and the log has the reason.
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
			polltest.Until(t, "the log has the reason", func() bool { return logged.count("a proxy that asks for a login") > 0 })
			of := func() Forwarded {
				st := s.Stats()
				return map[string]Forwarded{"traces": st.Traces, "metrics": st.Metrics, "logs": st.Logs}[signal]
			}
			if f := of(); f.Sent != 0 || f.Dropped != 0 || f.QueueBytes == 0 {
				t.Errorf("%s, %d: %+v, want nothing sent or dropped", signal, code, f)
			}
			in.Store(true)
			polltest.Until(t, "all is sent", func() bool { f := of(); return f.Sent > 0 && f.QueueBytes == 0 && f.Dropped == 0 })
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
