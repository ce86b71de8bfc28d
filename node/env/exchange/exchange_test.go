package exchange_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"chordconductor/internal/cutproxy"
	"chordconductor/internal/polltest"
	"chordconductor/node/env/exchange"
	"chordconductor/node/nodepb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ping  = nodepb.Ring_Ping_FullMethodName
	fetch = nodepb.Keys_Fetch_FullMethodName
	apply = nodepb.Keys_Apply_FullMethodName
)

// A peer is a server of streams behind a proxy, and a caller of it.
type peer struct {
	proxy *cutproxy.Proxy
	*exchange.Caller
	opened atomic.Int32 // number of streams opened
	stop   func()       // ends the server as a host does that ends
}

// serve starts a peer that answers calls with answer, and a caller of it.
func serve(t *testing.T, answer exchange.Answer) *peer {
	t.Helper()
	p := &peer{proxy: cutproxy.Listen(t)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	s := grpc.NewServer(grpc.MaxRecvMsgSize(exchange.MaxFrame))
	if answer != nil {
		nodepb.RegisterExchangeServer(s, exchange.NewServer(answer, stop))
	}
	var served sync.WaitGroup
	served.Go(func() { s.Serve(l) })
	p.stop = sync.OnceFunc(func() {
		close(stop)
		s.GracefulStop()
		served.Wait()
	})
	t.Cleanup(p.stop)
	p.proxy.To(l.Addr().String())
	cc, err := grpc.NewClient("passthrough:///"+p.proxy.Address(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(exchange.MaxFrame)))
	if err != nil {
		t.Fatal(err)
	}
	client := nodepb.NewExchangeClient(cc)
	p.Caller = exchange.NewCaller(func(ctx context.Context) (exchange.Stream, error) {
		p.opened.Add(1)
		return client.Calls(ctx)
	}, nil)
	t.Cleanup(func() {
		p.Caller.Close()
		cc.Close()
	})
	return p
}

// echo answers a fetch with the requested keys as records, which may be large, and a ping with an
// empty answer.
func echo(_ context.Context, method string, _ []string, decode func(any) error) (any, error) {
	if method != fetch {
		q := &nodepb.PingRequest{}
		return &nodepb.PingResponse{}, decode(q)
	}
	q := &nodepb.FetchRequest{}
	if err := decode(q); err != nil {
		return nil, err
	}
	return &nodepb.FetchResponse{Records: []*nodepb.Record{{Value: q.Keys[0]}}}, nil
}

func (p *peer) fetch(ctx context.Context, key []byte) error {
	a := &nodepb.FetchResponse{}
	if err := p.Call(ctx, time.Minute, fetch, &nodepb.FetchRequest{Keys: [][]byte{key}}, a, nil); err != nil {
		return err
	}
	if len(a.Records) != 1 || !bytes.Equal(a.Records[0].Value, key) {
		return errors.New("an answer of another call")
	}
	return nil
}

func (p *peer) ping(ctx context.Context, limit time.Duration) error {
	return p.Call(ctx, limit, ping, &nodepb.PingRequest{}, &nodepb.PingResponse{}, nil)
}

// Each call receives its own answer, whatever its size, while other calls are cancelled and
// connections break. Two streams carry all calls.
func TestEachCallHasItsAnswer(t *testing.T) {
	for _, breaking := range []bool{false, true} {
		p := serve(t, echo)
		var calls, again sync.WaitGroup
		var failed atomic.Int32
		for range 16 {
			calls.Go(func() {
				for range 60 {
					size := rand.IntN(200)
					if rand.IntN(8) == 0 {
						size = 60<<10 + rand.IntN(300<<10)
					}
					key := make([]byte, size)
					for i := range min(size, 8) {
						key[i] = byte(rand.Uint32())
					}
					ctx, cancel := context.WithCancel(t.Context())
					if rand.IntN(8) == 0 {
						time.AfterFunc(time.Duration(rand.IntN(2000))*time.Microsecond, cancel)
					}
					if err := p.fetch(ctx, key); err != nil && ctx.Err() == nil {
						if !breaking || status.Code(err) != codes.Unavailable { // a connection may break while it is made
							t.Error(err)
						}
						failed.Add(1)
					}
					cancel()
				}
			})
		}
		done := make(chan struct{})
		if breaking {
			again.Go(func() {
				for n := 0; ; {
					select {
					case <-done:
						if n == 0 {
							t.Error("no connection was cut")
						}
						return
					case <-time.After(20 * time.Millisecond):
						n += p.proxy.Cut()
					}
				}
			})
		}
		calls.Wait()
		close(done)
		again.Wait()
		if opened := p.opened.Load(); !breaking && opened != 2 {
			t.Errorf("%d streams were opened, want 2", opened)
		}
		t.Logf("breaking %v: %d streams, %d calls failed", breaking, p.opened.Load(), failed.Load())
	}
}

// A slow call delays no other call, and ends at its limit. A call that its caller cancels also ends
// at the other end.
func TestSlowCalls(t *testing.T) {
	var ended atomic.Int32
	p := serve(t, func(ctx context.Context, method string, header []string, decode func(any) error) (any, error) {
		if len(header) == 0 {
			return echo(ctx, method, header, decode)
		}
		<-ctx.Done()
		ended.Add(1)
		return nil, ctx.Err()
	})
	slow := func(ctx context.Context, limit time.Duration) error {
		return p.Call(ctx, limit, ping, &nodepb.PingRequest{}, &nodepb.PingResponse{}, []string{"slow", "yes"})
	}
	ctx, cancel := context.WithCancel(t.Context())
	var calls sync.WaitGroup
	for range 500 {
		calls.Go(func() {
			if err := slow(ctx, time.Hour); !errors.Is(err, context.Canceled) {
				t.Errorf("a call that was cancelled returned %v", err)
			}
		})
	}
	for range 100 {
		if err := p.fetch(t.Context(), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := slow(t.Context(), 20*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) && status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("a call past its limit returned %v", err)
	}
	cancel()
	calls.Wait()
	if err := p.fetch(t.Context(), []byte("x")); err != nil {
		t.Fatal(err)
	}
	polltest.Until(t, "all have ended at the other end", func() bool { return ended.Load() == 501 })
}

// The number of calls being served is bounded: if 3,000 calls are made to a host that answers none,
// it serves at most 1,024 at the same time; each call ends at its own limit.
func TestBound(t *testing.T) {
	var serving, most atomic.Int32
	release := make(chan struct{})
	p := serve(t, func(context.Context, string, []string, func(any) error) (any, error) {
		if n := serving.Add(1); n > most.Load() {
			most.Store(n)
		}
		<-release
		serving.Add(-1)
		return &nodepb.PingResponse{}, nil
	})
	var calls sync.WaitGroup
	for range 3000 {
		calls.Go(func() {
			if err := p.ping(t.Context(), time.Second); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the call returned %v, want DeadlineExceeded", err)
			}
		})
	}
	calls.Wait()
	close(release)
	if n := most.Load(); n > 1024 {
		t.Errorf("%d calls were served at the same time, want at most 1024", n)
	}
	if err := p.ping(t.Context(), time.Minute); err != nil {
		t.Error(err)
	}
}

// A stream that breaks does not make a call fail: the call is repeated over a new stream, as often
// as streams break within its limit. A write is not repeated, since only its caller can mark it as
// a repetition.
func TestBreaks(t *testing.T) {
	var tries, breaks atomic.Int32
	var p *peer
	p = serve(t, func(ctx context.Context, method string, _ []string, _ func(any) error) (any, error) {
		if tries.Add(1) <= breaks.Load() {
			p.proxy.Cut()
			<-ctx.Done()
		}
		if method == apply {
			return &nodepb.ApplyResponse{}, nil
		}
		return &nodepb.PingResponse{}, nil
	})
	for _, n := range []int32{0, 1} {
		tries.Store(0)
		breaks.Store(n)
		if err := p.ping(t.Context(), time.Minute); err != nil || tries.Load() != n+1 {
			t.Errorf("the call returned %v after %d tries, want an answer after %d", err, tries.Load(), n+1)
		}
	}
	tries.Store(0)
	breaks.Store(1)
	if err := p.Call(t.Context(), time.Minute, apply, &nodepb.ApplyRequest{}, &nodepb.ApplyResponse{}, nil); !errors.Is(err, exchange.ErrBroken) || tries.Load() != 1 {
		t.Errorf("the write returned %v after %d tries, want %v after 1", err, tries.Load(), exchange.ErrBroken)
	}
}

// Calls do not fail although connections break all the time, each after its stream was accepted, as
// long as the calls' limits last.
func TestManyBreaks(t *testing.T) {
	var slow atomic.Bool
	p := serve(t, func(ctx context.Context, _ string, _ []string, _ func(any) error) (any, error) {
		for range 3 { // the call succeeds only if one connection lasts for 60 ms
			if !slow.Load() {
				break
			}
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
		}
		return &nodepb.PingResponse{}, nil
	})
	if err := p.ping(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	slow.Store(true)
	done := make(chan struct{})
	var cutting sync.WaitGroup
	cutting.Go(func() {
		for range 8 {
			select {
			case <-done:
				return
			case <-time.After(40 * time.Millisecond):
				p.proxy.Cut()
			}
		}
	})
	if err := p.ping(t.Context(), time.Minute); err != nil && status.Code(err) != codes.Unavailable { // a connection may break while it is made
		t.Error(err)
	}
	close(done)
	cutting.Wait()
}

// A call whose caller's context ends returns the context's error, not that of the call's own limit:
// the peer has not been silent for that limit.
func TestCallersDeadline(t *testing.T) {
	p := serve(t, func(ctx context.Context, _ string, _ []string, _ func(any) error) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	for range 50 {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		err := p.ping(ctx, time.Minute)
		if err == nil || ctx.Err() == nil && status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("the call returned %v, want the error of its context", err)
		}
		cancel()
	}
}

// Long headers fit into what gRPC passes, however many calls are sent together. A header that is
// too long makes only its own call fail.
func TestHeaders(t *testing.T) {
	p := serve(t, echo)
	var calls sync.WaitGroup
	for i := range 2000 {
		calls.Go(func() {
			size, want := 8<<10, codes.OK
			if i%100 == 0 {
				size, want = 17<<10, codes.ResourceExhausted
			}
			err := p.Call(t.Context(), time.Minute, ping, &nodepb.PingRequest{}, &nodepb.PingResponse{}, []string{"baggage", string(make([]byte, size))})
			if status.Code(err) != want {
				t.Errorf("a call with a header of %d bytes returned %v", size, err)
			}
		})
	}
	calls.Wait()
	if opened := p.opened.Load(); opened != 1 {
		t.Errorf("%d streams were opened, want 1", opened)
	}
}

// A host that ends answers the calls that it is serving, while further calls keep arriving. It
// begins none of these: they fail as if the host did not exist.
func TestDrain(t *testing.T) {
	begun, release := make(chan struct{}, 200), make(chan struct{})
	p := serve(t, func(ctx context.Context, method string, header []string, decode func(any) error) (any, error) {
		if len(header) == 0 {
			return nil, status.Error(codes.Aborted, "one of the calls that keep arriving")
		}
		begun <- struct{}{}
		<-release
		return echo(ctx, method, header, decode)
	})
	var calls sync.WaitGroup
	for i := range 100 {
		calls.Go(func() {
			key, a := make([]byte, i%8/7*(70<<10)), &nodepb.FetchResponse{}
			if err := p.Call(t.Context(), time.Minute, fetch, &nodepb.FetchRequest{Keys: [][]byte{key}}, a, []string{"hold", "yes"}); err != nil || len(a.Records[0].Value) != len(key) {
				t.Errorf("a call that the host was serving, of %d bytes, returned %v", len(key), err)
			}
		})
	}
	for range 100 {
		<-begun
	}
	stopped := make(chan struct{})
	for range 4 {
		calls.Go(func() {
			for {
				switch err := p.ping(t.Context(), time.Minute); status.Code(err) {
				case codes.Aborted:
				case codes.Unavailable:
					return // the host is gone
				default:
					t.Errorf("a call that arrived while the host ends returned %v", err)
					return
				}
			}
		})
	}
	time.AfterFunc(20*time.Millisecond, func() {
		go func() {
			p.stop()
			close(stopped)
		}()
		time.AfterFunc(100*time.Millisecond, func() { close(release) })
	})
	calls.Wait()
	<-stopped
}

// The error of a host without streams (of an earlier version) differs from the error of an address
// without a host.
func TestNoStreams(t *testing.T) {
	if err := serve(t, nil).ping(t.Context(), time.Minute); !errors.Is(err, exchange.ErrNoStreams) {
		t.Errorf("a call to a host without streams returned %v", err)
	}
	p := serve(t, echo)
	p.proxy.To("127.0.0.1:1")
	if err := p.ping(t.Context(), time.Minute); status.Code(err) != codes.Unavailable {
		t.Errorf("a call to an address without a host returned %v", err)
	}
	p.Close()
	if err := p.ping(t.Context(), time.Minute); status.Code(err) != codes.Canceled {
		t.Errorf("a call after Close returned %v", err)
	}
}

// Messages that are too large are refused, and so is a stream whose messages break the protocol.
func TestRefusals(t *testing.T) {
	p := serve(t, func(ctx context.Context, method string, header []string, decode func(any) error) (any, error) {
		if len(header) > 0 {
			return &nodepb.FetchResponse{Records: []*nodepb.Record{{Value: make([]byte, exchange.MaxMessage)}}}, nil
		}
		return echo(ctx, method, header, decode)
	})
	if err := p.fetch(t.Context(), make([]byte, exchange.MaxMessage)); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a request that is too large returned %v", err)
	}
	if err := p.fetch(t.Context(), make([]byte, exchange.MaxMessage-100)); err != nil {
		t.Errorf("a request of the largest size returned %v", err)
	}
	err := p.Call(t.Context(), time.Minute, fetch, &nodepb.FetchRequest{}, &nodepb.FetchResponse{}, []string{"large", "yes"})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a call whose answer is too large returned %v", err)
	}
	if err := p.Call(t.Context(), time.Minute, "/chord.v1.KV/Get", &nodepb.GetRequest{}, &nodepb.GetResponse{}, nil); status.Code(err) != codes.Unimplemented {
		t.Errorf("a call of a method that hosts do not call returned %v", err)
	}
	cc, err := grpc.NewClient("passthrough:///"+p.proxy.Address(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { cc.Close() }()
	small := &nodepb.Opening{Version: exchange.Version, Session: 1}
	for name, test := range map[string]struct {
		first *nodepb.CallsRequest
		want  codes.Code
	}{
		"another version":    {&nodepb.CallsRequest{Opening: &nodepb.Opening{Version: exchange.Version + 1}}, codes.FailedPrecondition},
		"no opening":         {&nodepb.CallsRequest{}, codes.FailedPrecondition},
		"large on the first": {&nodepb.CallsRequest{Opening: small, Requests: []*nodepb.Request{{Number: 1, Method: 1, Message: make([]byte, 65<<10)}}}, codes.InvalidArgument},
	} {
		stream, err := nodepb.NewExchangeClient(cc).Calls(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		stream.Send(test.first)
		if _, err := stream.Recv(); status.Code(err) != test.want {
			t.Errorf("a stream with %s returned %v, want %v", name, err, test.want)
		}
	}
	sessions := 0
	for n := range uint64(20) {
		stream, err := nodepb.NewExchangeClient(cc).Calls(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		stream.Send(&nodepb.CallsRequest{Opening: &nodepb.Opening{Version: exchange.Version, Session: 100 + n}, Requests: []*nodepb.Request{{Number: 1, Method: 1}}})
		if _, err := stream.Recv(); err == nil {
			sessions++
		} else if status.Code(err) != codes.ResourceExhausted {
			t.Errorf("a further session returned %v", err)
		}
	}
	if sessions != 8 {
		t.Errorf("a connection has %d sessions, want 8", sessions)
	}
	cc.Close()
	if cc, err = grpc.NewClient("passthrough:///"+p.proxy.Address(), grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		t.Fatal(err)
	}
	unknown, err := nodepb.NewExchangeClient(cc).Calls(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	unknown.Send(&nodepb.CallsRequest{Opening: small, Requests: []*nodepb.Request{
		{Number: 1, Method: 99}, {Number: 2, Method: nodepb.Method_METHOD_PING, Message: []byte{0xff}},
	}})
	codesOf := map[uint64]codes.Code{}
	for len(codesOf) < 2 {
		m, err := unknown.Recv()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range m.Answers {
			codesOf[a.Number] = codes.Code(a.Code)
		}
	}
	if codesOf[1] != codes.Unimplemented || codesOf[2] != codes.InvalidArgument {
		t.Errorf("an unknown method (1) and a damaged request (2) were answered with %v", codesOf)
	}
}
