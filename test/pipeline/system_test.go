package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chordconductor/test/internal/polltest"
)

// A system is a program under measurement.
type system struct {
	name    string
	process *os.Process
	otlp    string // address that receives OTLP over gRPC
	sink    *sink
	api     string // of a conductor
	logs    bool   // whether it forwards logs
}

const collectorConfig = `
receivers: { otlp: { protocols: { grpc: { endpoint: %s, max_recv_msg_size_mib: 64 } } } }
exporters: { otlp: { endpoint: %s, tls: { insecure: true }, compression: none, sending_queue: { sizer: bytes, queue_size: 33554432, num_consumers: 4 } } }
service:
  telemetry: { metrics: { level: none }, logs: { level: error } }
  pipelines: { logs: { receivers: [otlp], exporters: [otlp] }, traces: { receivers: [otlp], exporters: [otlp] } }
`

// startCollector starts a Collector that receives and forwards, with the queue and the senders that the conductor has,
// and like it no compression towards the same machine.
func startCollector(b *testing.B) *system {
	dir, s := b.TempDir(), &system{name: "collector", otlp: free(b), sink: newSink(b), logs: true}
	program, config := filepath.Join(dir, "collector"), filepath.Join(dir, "config.yaml")
	build(b, ".", program, "./collector")
	if err := os.WriteFile(config, fmt.Appendf(nil, collectorConfig, s.otlp, s.sink.address), 0o600); err != nil {
		b.Fatal(err)
	}
	s.start(b, program, "--config", "file:"+config)
	return s
}

// startConductor starts a conductor that receives, folds, records, and forwards traces; all logs too if asked. It records in
// memory: with --data-dir it would also keep its forwarding queues on disk, which the Collector here does not, and which
// costs more than all the rest.
func startConductor(b *testing.B, logs bool) *system {
	dir, s := b.TempDir(), &system{name: "conductor", otlp: free(b), sink: newSink(b), api: free(b), logs: logs}
	program := filepath.Join(dir, "conductor")
	build(b, "..", program, "./conductor")
	args := []string{"--scenario", "none", "--http", s.api, "--otlp-grpc", s.otlp, "--otlp-http", free(b),
		"--forward-traces", s.sink.address}
	if logs {
		args = append(args, "--forward-logs", s.sink.address)
	}
	s.start(b, program, args...)
	return s
}

// build builds a program of the module in dir, seen from the folder above this one.
func build(b *testing.B, dir, program, target string) {
	b.Helper()
	c := exec.Command("go", "build", "-o", program, target)
	c.Dir = filepath.Join("..", dir)
	if out, err := c.CombinedOutput(); err != nil {
		b.Fatalf("building %s: %v\n%s", target, err, out)
	}
}

func (s *system) start(b *testing.B, program string, args ...string) {
	b.Helper()
	var out bytes.Buffer // read after the process has ended
	c := exec.Command(program, args...)
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	s.process = c.Process
	b.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		if b.Failed() {
			b.Logf("%s printed:\n%s", s.name, out.String())
		}
	})
	polltest.Passes(b, time.Minute, s.name+" listens", func() error {
		conn, err := net.Dial("tcp", s.otlp)
		if err == nil {
			conn.Close()
		}
		return err
	})
}

func free(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// done reports whether the system has processed at least the given numbers of requests of logs and of spans.
func (s *system) done(b *testing.B, logs, traces int64) bool {
	if s.sink.traces.Load() < traces || s.logs && s.sink.logs.Load() < logs {
		return false
	}
	return s.api == "" || s.folded(b) >= uint64(logs)*records
}

// folded returns how many events a conductor has applied. It fails the benchmark if the conductor lost or refused any.
func (s *system) folded(b *testing.B) uint64 {
	b.Helper()
	answer, err := http.Get("http://" + s.api + "/api/stats")
	if err != nil {
		b.Fatal(err)
	}
	defer answer.Body.Close()
	type forwarded struct{ Dropped uint64 }
	var stats struct {
		Applied  uint64            `json:"events_applied"`
		Outdated uint64            `json:"events_outdated"`
		Rejected map[string]uint64 `json:"events_rejected"`
		Ingest   struct {
			Traces forwarded `json:"forward_traces"`
			Logs   forwarded `json:"forward_logs"`
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&stats); err != nil {
		b.Fatal(err)
	}
	if in := stats.Ingest; stats.Outdated+in.Traces.Dropped+in.Logs.Dropped > 0 || len(stats.Rejected) > 0 {
		b.Fatalf("not every record was folded and forwarded: %+v", stats)
	}
	return stats.Applied
}

// used returns the processor time of the system's process. /proc counts it in hundredths of a second.
func (s *system) used(b *testing.B) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	var user, kernel int64
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &kernel); err != nil {
		b.Fatal(err)
	}
	return time.Duration(user+kernel) * time.Second / 100
}
