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

// Malformed requests of any kind and number are all counted, and logged the first time at once and then at intervals
// that grow from a minute to an hour; each line has the number since the one before.
func TestMalformedRequestsAreLoggedAtGrowingIntervals(t *testing.T) {
	bodies := []struct{ path, kind, packing, body string }{
		{"/v1/logs", jsonType, "", "{"},
		{"/v1/traces", protobufType, "", "\xff"},
		{"/v1/metrics", jsonType, "gzip", "{}"},
		{"/v1/logs", jsonType, "", `{"resourceLogs":` + strings.Repeat("[", 1000)},
		{"/opentelemetry.proto.collector.logs.v1.LogsService/Export", "application/grpc", "", "\x00\x00\x00\x00\x01\xff"},
	}
	for seed := range uint64(5) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(12, seed))
			log := &logged{}
			cfg, err := Config{}.withDefaults()
			if err != nil {
				t.Fatal(err)
			}
			gate, troubles := newGate(cfg), newTroubles(slog.New(log))
			line := &pipeline{sink: nowhere{}, gate: gate, broken: newRejections(slog.New(slog.DiscardHandler))}
			begun := time.Now()
			var sent, reported uint64
			var lines []time.Time
			for pause := time.Duration(1+random.IntN(20)) * time.Second; time.Since(begun) < 12*time.Hour; time.Sleep(pause) {
				one := bodies[random.IntN(len(bodies))]
				r := httptest.NewRequest(http.MethodPost, "http://localhost"+one.path, strings.NewReader(one.body))
				r.Header.Set("Content-Type", one.kind)
				r.Header.Set("Content-Encoding", one.packing)
				r.ProtoMajor = 2
				overGRPC := isGRPC(r)
				p := &port{gate: gate, pipeline: line, troubles: troubles, grpc: overGRPC, other: "elsewhere", slow: newOverseer(nil)}
				w := httptest.NewRecorder()
				if p.ServeHTTP(w, r); !overGRPC && w.Code != http.StatusBadRequest || overGRPC && w.Header().Get("Grpc-Status") != "3" {
					t.Fatalf("seed %d: %+v: %d, %v", seed, one, w.Code, w.Header())
				}
				sent++
				if n := len(log.lines); n > len(lines) {
					lines = append(lines, time.Now())
					var requests uint64
					if _, err := fmt.Sscanf(log.lines[n-1][strings.LastIndex(log.lines[n-1], "requests="):], "requests=%d", &requests); err != nil {
						t.Fatalf("seed %d: %q: %v", seed, log.lines[n-1], err)
					}
					if reported += requests; reported != sent {
						t.Errorf("seed %d: the lines report %d requests, and %d were sent", seed, reported, sent)
					}
				}
			}
			if gate.malformed.Load() != sent {
				t.Errorf("seed %d: %d of %d were counted", seed, gate.malformed.Load(), sent)
			}
			if len(lines) < 12 || !lines[0].Equal(begun) {
				t.Fatalf("seed %d: %d lines, the first after %v", seed, len(lines), lines[0].Sub(begun))
			}
			want := firstRepeat
			for i := 1; i < len(lines); i++ {
				if took := lines[i].Sub(lines[i-1]); took < want || took > want+21*time.Second {
					t.Errorf("seed %d: line %d came %v after the one before, want %v", seed, i, took, want)
				}
				want = min(2*want, lastRepeat)
			}
		})
	}
}
