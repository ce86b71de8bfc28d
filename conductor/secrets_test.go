package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"chordconductor/internal/freeport"
	"chordconductor/internal/polltest"
)

// No error, of the conductor or a library, prints a secret of a flag or variable.
func TestErrorsShowNoSecret(t *testing.T) {
	const secret, password, token = "4f9c2b7d1e8a6035c7d2e9b1f4a80c36", "hunter22hunter22", "0d1f2e3c4b5a69788796a5b4c3d2e1f0"
	t.Setenv("CHORD_OTLP_TOKEN", secret)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free := []string{"--scenario", "none", "--http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0"}
	for _, args := range [][]string{
		{"--token", token, "--http", taken.Addr().String()},
		{"--token", token, "--client-token", token, "--server-pin", "sha256:" + strings.Repeat("0a", 32)},
		{"--forward-metrics", "ftp://user:" + password + "@store.example/x"},
		{"--forward-metrics", "http://user:" + password + "@store.example:port/x"},
		{"--forward-traces", "http://user:" + password + "@store.example/path"},
		{"--forward-logs", "user:" + password + "@store.example:4317/path"},
		{"--jaeger-ui", "user:" + password + "@jaeger.example"},
		{"--grafana", "ftp://user:" + password + "@grafana.example"},
		{"--scenario", "https://user:" + password + "@scenarios.example/x.yaml"},
		{"--data-dir", taken.Addr().String() + "/\x00" + secret},
		{"--view-token", secret},
		{"--token", secret},
		{"--tls-cert", secret, "--tls-key", secret},
	} {
		var out, complaint bytes.Buffer
		if code := execute(t.Context(), append(free[:len(free):len(free)], args...), &out, &complaint); code != exitUsage {
			t.Errorf("%v: exit %d", args, code)
		}
		if text := complaint.String(); text == "" || strings.Contains(text, secret) || strings.Contains(text, password) || strings.Contains(text, token) {
			t.Errorf("%v: %s", args, text)
		}
	}
}

// A store's answer that quotes what the store received, or guesses secrets, puts no secret into the log.
func TestLogShowsNoSecret(t *testing.T) {
	const secret = "4f9c2b7d1e8a6035c7d2e9b1f4a80c36"
	store := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		md, _ := metadata.FromIncomingContext(stream.Context())
		return status.Error(codes.InvalidArgument, fmt.Sprintf("refused %v, wants authorization: Bearer %s", md, secret))
	}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- store.Serve(l) }()
	defer func() {
		store.Stop()
		<-served
	}()
	port := freeport.Address(t)
	r := runConductor(t, "--scenario", "none", "--otlp-token", secret, "--forward-traces", l.Addr().String(), "--otlp-http", port)
	span := `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"x"}]}]}]}`
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+port+"/v1/traces", strings.NewReader(span))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+secret)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	polltest.Until(t, "the store has refused a span", func() bool {
		var stats struct {
			Ingest struct {
				Traces struct{ Dropped int } `json:"forward_traces"`
			}
		}
		r.ask("GET", "/api/stats", "", http.StatusOK, &stats)
		return stats.Ingest.Traces.Dropped > 0
	})
	r.end()
	if text := r.err.String(); !strings.Contains(text, "refused") || strings.Contains(text, secret) {
		t.Errorf("the log: %s", text)
	}
}
