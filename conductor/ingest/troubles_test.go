package ingest

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A refusedRequest is a request that is refused for a reason of its own; the log has that reason.
type refusedRequest struct{ method, path, kind, packing, host, token, body, reason string }

const secretOfTest = "hunter22"

var refusedRequests = []refusedRequest{
	{"POST", "/v1/logs", jsonType, "", "", secretOfTest, "{", "not an OTLP request"},
	{"POST", "/v1/metrics", jsonType, "gzip", "", secretOfTest, "{}", "the body is not gzip"},
	{"POST", "/v1/metrics", jsonType, "br", "", secretOfTest, "{}", "is not supported"},
	{"POST", "/v1/logs", "text/plain", "", "", secretOfTest, "{}", "the content type is"},
	{"POST", "/v1/profiles", protobufType, "", "", secretOfTest, "", "no such path"},
	{"GET", "/v1/logs", "", "", "", secretOfTest, "", "the method must be POST"},
	{"POST", "/v1/logs", protobufType, "", "evil.example", secretOfTest, "", "is not this server"},
	{"POST", "/v1/traces", protobufType, "", "", "", "", "no bearer token"},
	{"POST", "/v1/traces", protobufType, "", "", "guess", "", "the bearer token is not the one"},
	{"POST", "/v1/traces", protobufType, "", "", secretOfTest, strings.Repeat("\x0a\x00", 1000), "larger than"},
	{"POST", grpcLogs, "application/grpc", "at HTTP", "", secretOfTest, "", "this port receives OTLP over HTTP"},
	{"POST", "/v1/logs", protobufType, "at gRPC", "", secretOfTest, "", "this port receives OTLP over gRPC"},
	{"TLS", "", "", "", "", "", "tls: client didn't provide a certificate", "provide a certificate"},
	{"TLS", "", "", "", "", "", "tls: first record does not look like a TLS handshake", "does not look like"},
	{"TLS", "", "", "", "", "", "tls: client offered only unsupported versions", "unsupported versions"},
}

const grpcLogs = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"

// Refused requests of all kinds, in any order and at any pace, are all counted. Each kind is logged the first time
// immediately and then at intervals that grow from a minute to an hour, whatever else is refused meanwhile. Each line
// has the number of requests of its kind since the line before.
func TestEachKindOfRefusalIsLoggedAtGrowingIntervals(t *testing.T) {
	for seed := range uint64(3) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(12, seed))
			log := &logged{}
			cfg, err := Config{Token: secretOfTest, MaxRequestBytes: 1500}.withDefaults()
			if err != nil {
				t.Fatal(err)
			}
			gate, troubles := newGate(cfg), newTroubles(slog.New(log))
			line := &pipeline{sink: nowhere{}, gate: gate, broken: newRejections(slog.New(slog.DiscardHandler))}
			port := func(grpc bool) *port {
				return &port{gate: gate, pipeline: line, troubles: troubles, grpc: grpc, other: "elsewhere", slow: newOverseer(nil)}
			}
			send := func(one refusedRequest) {
				p := port(false)
				if one.method == "TLS" {
					_, _ = fmt.Fprintf(diagnosis{p}, "http: TLS handshake error from [::1]:50000: %s\n", one.body)
					return
				}
				r := httptest.NewRequest(one.method, "http://localhost"+one.path, strings.NewReader(one.body))
				r.Header.Set("Content-Type", one.kind)
				switch one.packing {
				case "at gRPC":
					p = port(true)
				case "at HTTP":
				default:
					r.Header.Set("Content-Encoding", one.packing)
				}
				if one.host != "" {
					r.Host = one.host
				}
				if one.token != "" {
					r.Header.Set("Authorization", "Bearer "+one.token)
				}
				w := httptest.NewRecorder()
				if p.ServeHTTP(w, r); w.Code < 400 && w.Header().Get("Grpc-Status") == "" {
					t.Fatalf("seed %d: %+v: %d", seed, one, w.Code)
				}
			}
			begun := time.Now()
			sent, reported := uint64(0), map[string]uint64{}
			lines := map[string][]time.Time{}
			for pause := time.Duration(5+random.IntN(15)) * time.Second; time.Since(begun) < 6*time.Hour; time.Sleep(pause) {
				sent++
				for _, i := range random.Perm(len(refusedRequests)) {
					one, before := refusedRequests[i], len(log.lines)
					if send(one); len(log.lines) == before {
						continue
					}
					text := log.lines[before]
					var requests uint64
					if _, err := fmt.Sscanf(text[strings.LastIndex(text, "requests="):], "requests=%d", &requests); err != nil || !strings.Contains(text, one.reason) {
						t.Fatalf("seed %d: %+v: %q: %v", seed, one, text, err)
					}
					if reported[one.reason] += requests; reported[one.reason] != sent {
						t.Errorf("seed %d, %s: the lines report %d requests, and %d were sent", seed, one.reason, reported[one.reason], sent)
					}
					lines[one.reason] = append(lines[one.reason], time.Now())
				}
			}
			if n := gate.malformed.Load() + gate.rejected.Load(); n != sent*uint64(len(refusedRequests)) {
				t.Errorf("seed %d: %d of %d were counted", seed, n, sent*uint64(len(refusedRequests)))
			}
			for _, one := range refusedRequests {
				at := lines[one.reason]
				if len(at) < 10 || !at[0].Equal(begun) {
					t.Errorf("seed %d, %s: %d lines, want some from the first request on", seed, one.reason, len(at))
					continue
				}
				want := firstRepeat
				for i := 1; i < len(at); i++ {
					if took := at[i].Sub(at[i-1]); took < want || took > want+20*time.Second {
						t.Errorf("seed %d, %s: line %d came %v after the one before, want %v", seed, one.reason, i, took, want)
					}
					want = min(2*want, lastRepeat)
				}
			}
		})
	}
}

// A probe of the gRPC port does not hide exporters that send OTLP/HTTP to that port.
func TestProbesHideNoExporter(t *testing.T) {
	log := &logged{}
	s := start(t, Config{Logger: slog.New(log)}, newRecorder())
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		for _, address := range []string{s.GRPCAddr(), s.HTTPAddr()} {
			before := len(log.all())
			r, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+"/v1/logs", strings.NewReader("?"))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if method == http.MethodPost && len(log.all()) == before {
				t.Errorf("%s to %s is not logged", method, address)
			}
		}
	}
}
