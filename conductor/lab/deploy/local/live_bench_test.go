package local

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	logs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	traces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/internal/cputime"
)

// BenchmarkLiveMembers measures a ring at rest in this process, second by second: stabilize every 2 s, all telemetry
// exported over OTLP. "cores" is the processor time per second of the ring's own time, which falls behind the wall
// clock when the machine has other work; "GiB" is the memory of the process; both include the sink of the telemetry. An
// iteration takes a second: run it with -benchtime=20x. "growth-s" is the processor time that it took to grow the ring.
func BenchmarkLiveMembers(b *testing.B) {
	for _, c := range []struct {
		CountMembers int
		transport    scenario.Transport
	}{{100, scenario.GRPC}, {1000, scenario.GRPC}, {1000, scenario.Memory}, {10_000, scenario.Memory}} {
		b.Run(fmt.Sprintf("%s/%d", c.transport, c.CountMembers), func(b *testing.B) { liveMembers(b, c.CountMembers, c.transport) })
	}
}

func liveMembers(b *testing.B, size int, transport scenario.Transport) {
	out := startSink(b)
	s, err := scenario.Parse("live", fmt.Appendf(nil, "ring: {members: %d, transport: %s}\ntiming: {stabilize: 2s}", size, transport))
	if err != nil {
		b.Fatal(err)
	}
	deployment, err := Deployer{
		Endpoint: func() Endpoint { return Endpoint{URL: "http://" + out.address} }, Version: "bench", Log: slog.New(slog.DiscardHandler),
	}.New(b.Context(), s)
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := deployment.Do(context.Background(), deployment.Fleet.Close); err != nil {
			b.Error(err)
		}
		deployment.End()
	}()
	inRuntime := func(task func(ctx context.Context) error) {
		var failed error
		if err := deployment.Do(b.Context(), func(ctx context.Context) { failed = task(ctx) }); err != nil || failed != nil {
			b.Fatal(err, failed)
		}
	}
	sleep := func(d time.Duration) {
		inRuntime(func(context.Context) error { return deployment.Runtime.Sleep(d) })
	}
	grown := cputime.Used()
	for started := 0; started < size; {
		n := min(size-started, max(1, started)) // a join burst as large as the ring settles in a few intervals
		inRuntime(func(ctx context.Context) error {
			if _, err := deployment.Fleet.Start(ctx, n, ""); err != nil {
				return err
			}
			started += n
			for joined := 0; joined < started; _, joined = deploy.CountMembers(deployment.Fleet.Hosts()) {
				if err := deployment.Runtime.Sleep(200 * time.Millisecond); err != nil {
					return err
				}
			}
			return nil
		})
	}
	sleep(30 * time.Second) // in which stabilize backs off to its base interval

	before, records := cputime.Used(), out.records.Load()
	for b.Loop() {
		sleep(time.Second)
	}
	b.ReportMetric((cputime.Used()-before).Seconds()/float64(b.N), "cores")
	b.ReportMetric((before - grown).Seconds(), "growth-s")
	b.ReportMetric(float64(out.records.Load()-records)/float64(b.N), "events/s")
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	b.ReportMetric(float64(mem.Sys-mem.HeapReleased)/(1<<30), "GiB")
}

// sink receives telemetry and counts the event records.
type sink struct {
	logs.UnimplementedLogsServiceServer
	address string
	records atomic.Int64
}

func startSink(b *testing.B) *sink {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &sink{address: l.Addr().String()}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(64 << 20))
	logs.RegisterLogsServiceServer(server, s)
	traces.RegisterTraceServiceServer(server, traceSink{})
	metrics.RegisterMetricsServiceServer(server, metricSink{})
	go server.Serve(l)
	b.Cleanup(server.Stop)
	return s
}

func (s *sink) Export(_ context.Context, q *logs.ExportLogsServiceRequest) (*logs.ExportLogsServiceResponse, error) {
	for _, r := range q.ResourceLogs {
		for _, scope := range r.ScopeLogs {
			s.records.Add(int64(len(scope.LogRecords)))
		}
	}
	return &logs.ExportLogsServiceResponse{}, nil
}

type traceSink struct {
	traces.UnimplementedTraceServiceServer
}

func (traceSink) Export(context.Context, *traces.ExportTraceServiceRequest) (*traces.ExportTraceServiceResponse, error) {
	return &traces.ExportTraceServiceResponse{}, nil
}

type metricSink struct {
	metrics.UnimplementedMetricsServiceServer
}

func (metricSink) Export(context.Context, *metrics.ExportMetricsServiceRequest) (*metrics.ExportMetricsServiceResponse, error) {
	return &metrics.ExportMetricsServiceResponse{}, nil
}
