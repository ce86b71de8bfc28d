package ingest

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/otlpexporter"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"chordconductor/conductor/eventlog"
	"chordconductor/conductor/internal/otlptest"
	"chordconductor/conductor/live"
	"chordconductor/internal/cputime"
	"chordconductor/otel/chordevent"
)

const (
	benchMembers = 1000
	benchBatch   = 512 // records in one request, as package otel sends them
	benchClients = 4
)

// drain returns the address of a store that accepts everything over gRPC and reads nothing of it.
func drain(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{}), grpc.MaxRecvMsgSize(64<<20),
		grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
			var request []byte
			if err := stream.RecvMsg(&request); err != nil {
				return err
			}
			return stream.SendMsg([]byte{})
		}))
	go server.Serve(l)
	b.Cleanup(server.Stop)
	return l.Addr().String()
}

// A load is the telemetry of one node process: its members' events, and the spans of their lookups.
type load struct {
	logs  plog.Logs
	spans ptrace.Traces
	seqs  []pcommon.Value
}

func newLoad(client int) *load {
	members, keyframes := otlptest.Ring(benchMembers, 8, time.Unix(1790000000, 0))
	var events []chordevent.Event
	for i := range benchBatch {
		n := (client*benchBatch + i) % benchMembers
		ev, state := keyframes[n], keyframes[n].Body.(chordevent.State)
		switch i % 10 {
		case 0: // a keyframe
		case 1, 2:
			ev.Body = chordevent.SuccessorsChanged{Successors: state.Successors}
		case 3:
			ev.Body = chordevent.PredecessorChanged{Predecessor: state.Predecessor}
		case 4:
			ev.Body = chordevent.FingersChanged{Runs: state.Fingers}
		default:
			ev.Body = chordevent.NodeLoad{Load: state.Load}
		}
		events = append(events, ev)
	}
	l := &load{logs: otlptest.Logs(events...), spans: ptrace.NewTraces()}
	for _, record := range l.logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		v, _ := record.Attributes().Get(string(chordevent.EventSeqKey))
		l.seqs = append(l.seqs, v)
	}
	spans := l.spans.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range benchBatch { // of three spans one is a lookup's, the others are the RPC's client and server
		s := spans.AppendEmpty()
		s.SetName(chordevent.SpanLookupHop)
		switch {
		case i%15 == 0:
			s.SetName(chordevent.SpanLookup)
		case i%3 > 0:
			s.SetName("chord.v1.Ring/Forward")
		}
		s.SetSpanID(pcommon.SpanID{byte(i), byte(i >> 8), 1})
		a := s.Attributes()
		a.PutStr(string(chordevent.NodeIDKey), fmt.Sprintf("%x", members[i].Peer.ID))
		a.PutStr(string(chordevent.HostIDKey), members[i].Host.ID)
		a.PutStr(string(chordevent.LookupKeyKey), fmt.Sprintf("%x", members[i].Peer.ID))
		a.PutStr(string(chordevent.LookupModeKey), chordevent.ModeRecursive)
		a.PutInt(string(chordevent.LookupHopKey), int64(i/3%5))
		a.PutStr(string(chordevent.LookupPointerKey), chordevent.PointerFinger)
		a.PutInt(string(chordevent.LookupSlotKey), 150)
	}
	return l
}

// next makes the load's n-th batch: the next events, and spans of new traces.
func (l *load) next(n int) {
	for _, v := range l.seqs {
		v.SetInt(int64(n + 2))
	}
	for i, s := range l.spans.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		trace := n*benchBatch + i/15
		s.SetTraceID(pcommon.TraceID{byte(trace), byte(trace >> 8), byte(trace >> 16), byte(trace >> 24), 1})
	}
}

// bareCollector is the Collector's own pipeline, without the conductor: its receiver, connected to its exporter.
func bareCollector(b *testing.B, target string) system {
	b.Helper()
	ctx := context.Background()
	sentLogs, sentSpans := &tally{}, &tally{}
	ef := otlpexporter.NewFactory()
	ec := ef.CreateDefaultConfig().(*otlpexporter.Config)
	ec.ClientConfig.Endpoint, ec.ClientConfig.TLS.Insecure = target, true
	ec.ClientConfig.Compression = ""
	ec.QueueConfig = queue(Config{QueueBytes: 1 << 30}, &destination{signal: "traces"})
	settings := func(t *tally) exporter.Settings {
		return exporter.Settings{ID: component.NewID(ef.Type()), TelemetrySettings: telemetry(zap.NewNop(), t), BuildInfo: component.NewDefaultBuildInfo()}
	}
	logs, err := ef.CreateLogs(ctx, settings(sentLogs), ec)
	if err != nil {
		b.Fatal(err)
	}
	spans, err := ef.CreateTraces(ctx, settings(sentSpans), ec)
	if err != nil {
		b.Fatal(err)
	}
	rf := otlpreceiver.NewFactory()
	rc := rf.CreateDefaultConfig().(*otlpreceiver.Config)
	rc.Protocols.HTTP = configoptional.None[otlpreceiver.HTTPConfig]()
	rc.Protocols.GRPC.GetOrInsertDefault().NetAddr = confignet.AddrConfig{Endpoint: "127.0.0.1:0", Transport: confignet.TransportTypeTCP}
	bound := &boundAddress{Core: zapcore.NewNopCore()}
	rs := receiver.Settings{ID: component.NewID(rf.Type()), TelemetrySettings: telemetry(zap.New(bound), metricnoop.NewMeterProvider()), BuildInfo: component.NewDefaultBuildInfo()}
	r, err := rf.CreateLogs(ctx, rs, rc, logs)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := rf.CreateTraces(ctx, rs, rc, spans); err != nil {
		b.Fatal(err)
	}
	for _, c := range []component.Component{logs, spans, r} {
		if err := c.Start(ctx, &host{}); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			if err := c.Shutdown(ctx); err != nil {
				b.Error(err)
			}
		})
	}
	return system{bound.endpoint, func(events, spans uint64) bool {
		return sentLogs.sent.Load() >= events && sentSpans.sent.Load() >= spans
	}}
}

// A system receives what the clients send. settled reports whether it has processed the given numbers of events and
// spans.
type system struct {
	address string
	settled func(events, spans uint64) bool
}

func conductorSystem(b *testing.B, target string) system {
	past, err := eventlog.Open(eventlog.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	l, err := live.New(live.Config{Recorder: past})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- l.Run(ctx) }()
	s, stop := running(b, Config{GRPC: "127.0.0.1:0", ForwardTraces: Target{Endpoint: target}, QueueBytes: 1 << 30, Grace: time.Hour}, l)
	b.Cleanup(func() {
		if err := stop(); err != nil {
			b.Error(err)
		}
		cancel()
		<-done
		if err := past.Close(); err != nil {
			b.Error(err)
		}
		if st, in := past.Stats(), s.Stats(); st.Dropped+st.Failed+in.Traces.Dropped > 0 {
			b.Errorf("not all was recorded or forwarded: %+v %+v", st, in)
		}
	})
	return system{s.GRPCAddr(), func(events, spans uint64) bool {
		st := l.Stats()
		if st.Applied+st.Outdated < events || s.Stats().Traces.Sent < spans {
			return false
		}
		past.Flush()
		return true
	}}
}

// BenchmarkPipeline compares the conductor's parts (receive, fold, record on disk, forward traces) with the Collector's
// (receive, forward) on the same batches, in requests of 512 records from four clients over one connection each. All
// parts run in this process, clients and stores too, which is good for profiles. The target applies to the benchmark of
// the two programs, each in a process of its own: test/pipeline.
func BenchmarkPipeline(b *testing.B) {
	for _, mix := range []struct {
		name        string
		logs, spans bool
	}{{"mix", true, true}, {"events", true, false}, {"spans", false, true}} {
		for name, start := range map[string]func(*testing.B, string) system{"collector": bareCollector, "conductor": conductorSystem} {
			b.Run(mix.name+"/"+name, func(b *testing.B) {
				sys := start(b, drain(b))
				var next atomic.Int64
				var clients sync.WaitGroup
				used := cputime.Used()
				b.ResetTimer()
				for c := range benchClients {
					conn, err := grpc.NewClient(sys.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
					if err != nil {
						b.Fatal(err)
					}
					defer conn.Close()
					logs, spans, load := plogotlp.NewGRPCClient(conn), ptraceotlp.NewGRPCClient(conn), newLoad(c)
					clients.Go(func() {
						for n := int(next.Add(1)); n <= b.N; n = int(next.Add(1)) {
							load.next(n)
							if mix.logs {
								if _, err := logs.Export(b.Context(), plogotlp.NewExportRequestFromLogs(load.logs)); err != nil {
									b.Error(err)
								}
							}
							if mix.spans {
								if _, err := spans.Export(b.Context(), ptraceotlp.NewExportRequestFromTraces(load.spans)); err != nil {
									b.Error(err)
								}
							}
						}
					})
				}
				clients.Wait()
				var events, spans uint64
				if mix.logs {
					events = uint64(b.N) * benchBatch
				}
				if mix.spans {
					spans = uint64(b.N) * benchBatch
				}
				for tick := time.NewTicker(time.Millisecond); !sys.settled(events, spans); {
					<-tick.C
				}
				b.StopTimer()
				records := float64(events + spans)
				b.ReportMetric(records/b.Elapsed().Seconds(), "records/s")
				b.ReportMetric(float64((cputime.Used()-used).Nanoseconds())/records, "cpu-ns/record")
			})
		}
	}
}

// A boundAddress is a log for the Collector's receiver, which binds its port itself and reports the address only in its
// log.
type boundAddress struct {
	zapcore.Core
	endpoint string // written while the receiver starts, by the goroutine that starts it
}

func (b *boundAddress) Enabled(zapcore.Level) bool        { return true }
func (b *boundAddress) With([]zapcore.Field) zapcore.Core { return b }
func (b *boundAddress) Write(_ zapcore.Entry, fields []zapcore.Field) error {
	for _, f := range fields {
		if f.Key == "endpoint" && b.endpoint == "" {
			b.endpoint = f.String
		}
	}
	return nil
}

func (b *boundAddress) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return ce.AddCore(e, b)
}
