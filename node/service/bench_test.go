package service_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"chordconductor/internal/cputime"
	"chordconductor/internal/polltest"
	"chordconductor/node/env/grpcenv"
	"chordconductor/node/member"
	"chordconductor/node/nodepb"
	"chordconductor/node/service"
)

const (
	benchHosts   = 3
	benchKeys    = 1000
	benchCallers = 64 // concurrent clients
	benchValue   = 128
)

// BenchmarkKeyValue measures gets and puts of 128 bytes by 64 clients on a ring of three hosts with three replicas,
// over gRPC on loopback, beside a bare unary echo of the same bytes between as many servers in the same process. An
// operation takes several RPCs: the client's, those of the lookup, those to the owner and to the replicas. "of-echo" is
// the rate of RPCs per second against the echo's; "cpu-of-echo" is the same by processor time, which other load on the
// machine distorts less.
func BenchmarkKeyValue(b *testing.B) {
	ring := startBenchRing(b)
	value := make([]byte, benchValue)
	for i := range benchKeys {
		if _, err := ring.client(i).Put(b.Context(), &nodepb.PutRequest{Key: benchKey(i), Value: value}); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("get", func(b *testing.B) {
		ring.against(b, func(ctx context.Context, c nodepb.KVClient, i int) error {
			_, err := c.Get(ctx, &nodepb.GetRequest{Key: benchKey(i % benchKeys)})
			return err
		})
	})
	b.Run("put", func(b *testing.B) {
		ring.against(b, func(ctx context.Context, c nodepb.KVClient, i int) error {
			_, err := c.Put(ctx, &nodepb.PutRequest{Key: benchKey(i % benchKeys), Value: value})
			return err
		})
	})
}

func benchKey(i int) []byte { return fmt.Appendf(nil, "key-%d", i) }

type benchRing struct {
	clients, echoes []nodepb.KVClient
	rpcs            *atomic.Int64 // that hosts served
}

func (r *benchRing) client(i int) nodepb.KVClient { return r.clients[i%len(r.clients)] }

// against measures b.N operations, then as many echoes as they took RPCs.
func (r *benchRing) against(b *testing.B, operation func(ctx context.Context, c nodepb.KVClient, i int) error) {
	b.ReportAllocs()
	r.rpcs.Store(0)
	before := cputime.Used()
	took := inParallel(b, b.N, func(i int) error { return operation(b.Context(), r.client(i), i) })
	cpu := cputime.Used() - before
	rpcs := int(r.rpcs.Load())
	b.StopTimer()
	value := make([]byte, benchValue)
	before = cputime.Used()
	echo := inParallel(b, rpcs, func(i int) error {
		_, err := r.echoes[i%len(r.echoes)].Get(b.Context(), &nodepb.GetRequest{Key: value})
		return err
	})
	b.ReportMetric(float64(rpcs)/float64(b.N), "rpc/op")
	b.ReportMetric(float64(rpcs)/took.Seconds(), "rpc/s")
	b.ReportMetric(echo.Seconds()/took.Seconds(), "of-echo")
	b.ReportMetric((cputime.Used()-before).Seconds()/cpu.Seconds(), "cpu-of-echo")
}

func inParallel(b *testing.B, n int, one func(i int) error) time.Duration {
	var next atomic.Int64
	var all sync.WaitGroup
	start := time.Now()
	for range benchCallers {
		all.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := one(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	return time.Since(start)
}

func startBenchRing(b *testing.B) *benchRing {
	r := &benchRing{rpcs: new(atomic.Int64)}
	var hosts []*member.Host
	for i := range benchHosts {
		e, err := grpcenv.Listen(grpcenv.Options{Listen: "127.0.0.1:0"})
		if err != nil {
			b.Fatal(err)
		}
		cfg := member.Config{Successors: 2, Replicas: 3}
		if i > 0 {
			cfg.Join = []string{hosts[0].Address()}
		}
		h, err := member.NewHost(cfg, e.Address(), e, member.Telemetry{})
		if err != nil {
			b.Fatal(err)
		}
		count := counter{h, r.rpcs}
		e.Serve(counted{h, count}, countedKeys{h, count}, nil, func(s grpc.ServiceRegistrar) {
			nodepb.RegisterKVServer(s, countedKV{service.NewKV(h, "bench"), count})
		})
		b.Cleanup(func() {
			h.Crash()
			e.Close()
		})
		if _, err := h.Start(1); err != nil {
			b.Fatal(err)
		}
		hosts = append(hosts, h)
		r.clients = append(r.clients, nodepb.NewKVClient(dial(b, e.Address())))
		r.echoes = append(r.echoes, nodepb.NewKVClient(dial(b, startEcho(b))))
	}
	polltest.Until(b, "the ring is settled", func() bool {
		return !slices.ContainsFunc(hosts, func(h *member.Host) bool {
			s := h.Members()[0].State()
			return !s.Pred.Real() || len(s.Live()) != benchHosts-1 || !h.Members()[0].Keys().Ownership().Owns
		})
	})
	return r
}

func dial(b *testing.B, addr string) *grpc.ClientConn {
	cc, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cc.Close() })
	return cc
}

// startEcho serves the bare unary call that the ring is measured against.
func startEcho(b *testing.B) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := grpc.NewServer()
	nodepb.RegisterKVServer(s, echo{})
	go s.Serve(l)
	b.Cleanup(s.Stop)
	return l.Addr().String()
}

type echo struct{ nodepb.UnimplementedKVServer }

func (echo) Get(_ context.Context, q *nodepb.GetRequest) (*nodepb.GetResponse, error) {
	return &nodepb.GetResponse{Value: q.Key}, nil
}

// A counter counts the calls over the network that operations make to a host; a host's calls to itself are not among
// them.
type counter struct {
	host *member.Host
	n    *atomic.Int64
}

func (c counter) count(call *nodepb.Call) {
	if call.GetFrom().GetAddress() != c.host.Address() {
		c.n.Add(1)
	}
}

type counted struct {
	nodepb.RingServer
	counter
}

func (c counted) Forward(ctx context.Context, q *nodepb.ForwardRequest) (*nodepb.ForwardResponse, error) {
	c.count(q.Call)
	return c.host.Forward(ctx, q)
}

func (c counted) Answer(ctx context.Context, q *nodepb.AnswerRequest) (*nodepb.AnswerResponse, error) {
	c.count(q.Call)
	return c.host.Answer(ctx, q)
}

type countedKeys struct {
	nodepb.KeysServer
	counter
}

func (c countedKeys) Apply(ctx context.Context, q *nodepb.ApplyRequest) (*nodepb.ApplyResponse, error) {
	c.count(q.Call)
	return c.host.Apply(ctx, q)
}

func (c countedKeys) Replicate(ctx context.Context, q *nodepb.ReplicateRequest) (*nodepb.ReplicateResponse, error) {
	c.count(q.Call)
	return c.host.Replicate(ctx, q)
}

type countedKV struct {
	*service.KV
	counter
}

func (c countedKV) Put(ctx context.Context, q *nodepb.PutRequest) (*nodepb.PutResponse, error) {
	c.count(nil)
	return c.KV.Put(ctx, q)
}

func (c countedKV) Get(ctx context.Context, q *nodepb.GetRequest) (*nodepb.GetResponse, error) {
	c.count(nil)
	return c.KV.Get(ctx, q)
}
