package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"chordconductor/internal/freeport"
	"chordconductor/internal/polltest"
)

// Headers come from flags, files and the environment, and a flag takes precedence over the environment. If a store
// quotes them in an answer, over either protocol, they are shown in neither log nor output.
func TestHeadersOfTargets(t *testing.T) {
	const inFile, inVariable, inFlag = "c7d2e9b1f4a80c36", "4f9c2b7d, 1e8a", "5a1be7c0d9f2"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(inFile+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CHORD_FORWARD_TRACES_HEADERS", "authorization=Bearer%20overruled-by-the-flag,x-scope-orgid=tenant-7")
	t.Setenv("CHORD_FORWARD_LOGS_HEADERS", "X-Api-Key=4f9c2b7d%2C%201e8a")
	t.Setenv("CHORD_FORWARD_METRICS_HEADERS", "") // as Compose sets it if it has no value
	asked := make(chan string, 100)
	store := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case asked <- fmt.Sprint(r.URL.Path, r.Header["Authorization"], r.Header["X-Scope-Orgid"], r.Header["X-Api-Key"], r.Header["X-Key"]):
		default:
		}
		quoted := fmt.Sprint("refused ", r.URL.Path, " with ", r.Header["Authorization"], r.Header["X-Api-Key"], r.Header["X-Key"])
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Grpc-Status", "3")
			w.Header().Set("Grpc-Message", quoted)
			return
		}
		http.Error(w, quoted, http.StatusBadRequest)
	}))
	store.Config.Protocols = new(http.Protocols)
	store.Config.Protocols.SetHTTP1(true)
	store.Config.Protocols.SetUnencryptedHTTP2(true)
	store.Start()
	defer store.Close()
	at, port := store.Listener.Addr().String(), freeport.Address(t)
	r := runConductor(t, "--scenario", "none", "--otlp-http", port,
		"--forward-traces", "http://"+at, "--forward-traces-header", "Authorization=Bearer @"+file,
		"--forward-logs", at, "--forward-metrics", "grpc://"+at, "--forward-metrics-header", "X-Key="+inFlag)
	for signal, body := range map[string]string{
		"traces":  `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"x"}]}]}]}`,
		"logs":    `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}`,
		"metrics": `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"x","gauge":{"dataPoints":[{"asInt":"1"}]}}]}]}]}`,
	} {
		answer, err := http.Post("http://"+port+"/v1/"+signal, "application/json", strings.NewReader(body))
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatal(signal, answer, err)
		}
		answer.Body.Close()
	}
	var got []string
	for len(got) < 3 {
		if call := <-asked; !slices.Contains(got, call) {
			got = append(got, call)
		}
	}
	for _, want := range []string{
		"/v1/traces[Bearer " + inFile + "] [tenant-7] [] []",
		"/opentelemetry.proto.collector.logs.v1.LogsService/Export[] [] [" + inVariable + "] []",
		"/opentelemetry.proto.collector.metrics.v1.MetricsService/Export[] [] [] [" + inFlag + "]",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no call %s in %q", want, got)
		}
	}
	polltest.Until(t, "the stores have refused all", func() bool {
		type forwarded struct{ Dropped int }
		var stats struct {
			Ingest struct {
				Traces  forwarded `json:"forward_traces"`
				Metrics forwarded `json:"forward_metrics"`
				Logs    forwarded `json:"forward_logs"`
			}
		}
		r.ask("GET", "/api/stats", "", http.StatusOK, &stats)
		in := stats.Ingest
		return in.Traces.Dropped > 0 && in.Metrics.Dropped > 0 && in.Logs.Dropped > 0
	})
	shown := ""
	for _, path := range []string{"/api/stats", "/api/ring", "/api/audit", "/"} {
		answer, err := http.Get(r.url + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		shown += string(text)
	}
	r.end()
	shown += r.err.String()
	for _, part := range []string{"refused /v1/traces", "LogsService/Export with", "MetricsService/Export with"} {
		if !strings.Contains(shown, part) {
			t.Errorf("the log does not contain %q: %s", part, r.err)
		}
	}
	for _, secret := range []string{inFile, inVariable, inFlag} {
		if i := strings.Index(shown, secret); i >= 0 {
			t.Errorf("shown: …%s", shown[max(i-200, 0):i])
		}
	}
}

// An invalid variable is named, and its value is not shown. Without a target it does not matter.
func TestHeadersOfTheEnvironment(t *testing.T) {
	const secret = "4f9c2b7d1e8a6035"
	quiet := []string{"--scenario", "none", "--http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--data-dir", "\x00"}
	for value, want := range map[string]string{
		secret: "CHORD_FORWARD_LOGS_HEADERS: expected NAME=VALUE", "=" + secret: "NAME=VALUE", "a=%" + secret + "%": "percent-encoded", "a=" + secret + "%0D%0Ab:c": "--forward-logs-header a=…",
		"content-type=" + secret: "reserved for the protocol",
	} {
		t.Setenv("CHORD_FORWARD_LOGS_HEADERS", value)
		var out, complaint bytes.Buffer
		if code := execute(t.Context(), append(quiet[:len(quiet):len(quiet)], "--forward-logs", "store:1"), &out, &complaint); code != exitUsage {
			t.Errorf("%q: exit %d", value, code)
		}
		if text := complaint.String(); !strings.Contains(text, want) || strings.Contains(text, secret) || strings.Count(text, "\n") != 1 {
			t.Errorf("%q: %s; want one line with %q", value, text, want)
		}
		complaint.Reset()
		if execute(t.Context(), quiet, &out, &complaint); strings.Contains(complaint.String(), "HEADERS") {
			t.Errorf("without a target: %s", &complaint)
		}
	}
}
