package grpcenv

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"

	"chordconductor/node/env"
	"chordconductor/node/env/access"
	"chordconductor/node/env/instrument"
	"chordconductor/node/nodepb"
)

// Options of an Env. Only Listen or Listener is required.
type Options struct {
	// Listen is the address to listen on, "host:port". Port 0 picks a free one.
	Listen string
	// Listener is the port, if the caller has opened it. The Env closes it; so does the function
	// Listen if it fails.
	Listener net.Listener
	// Advertise is the address at which other hosts reach this one. If it is empty, the listen
	// address is advertised, which must then name a host.
	Advertise string
	// Access is how this host proves its identity and what it requires of callers. If it is nil,
	// connections are not encrypted, and every caller may call every method.
	Access *access.Host
	// Refused is called with each refusal of a caller's credentials, from any goroutine. It must
	// not block. If it is nil, refusals are not reported.
	Refused func(*access.Refusal)
	// MaxConnections bounds the client connections; the default is 1024. At the bound the least
	// recently used one is closed, once its calls have ended.
	MaxConnections int
	// Tracer, Meter and Propagator instrument the calls; set all three or none. Without them calls
	// are not instrumented.
	Tracer     trace.TracerProvider
	Meter      metric.MeterProvider
	Propagator propagation.TextMapPropagator
	// NameSpan, if not nil, adds the member concerned to the span of a call between hosts: the
	// member that serves the call if serving is true, otherwise the one that makes it. The gRPC
	// instrumentation knows only the hosts' addresses, and a host has many members.
	NameSpan func(span trace.Span, call *nodepb.Call, serving bool)
}

// Env is the real environment of one host. It implements env.Env.
type Env struct {
	opts     Options
	addr     string
	listener net.Listener
	health   *health.Server
	server   *grpc.Server // set once by Serve, under mu
	guard    *access.Guard
	calls    *instrument.Calls // nil if calls are not instrumented
	pool     pool
	late     lateness

	own *env.Services // of this host, for calls to itself; set once by Serve

	stop chan struct{} // closed when the environment ends

	mu      sync.Mutex
	stopped bool           // guarded by mu: once true no task is started
	tasks   sync.WaitGroup // Add only under mu, with stopped false
}

var _ env.Env = (*Env)(nil)

// Listen opens the port, unless Options has an open one. Calls are served from Serve on.
func Listen(opts Options) (*Env, error) {
	listener := opts.Listener
	if listener == nil {
		var err error
		if listener, err = net.Listen("tcp", opts.Listen); err != nil {
			return nil, fmt.Errorf("cannot listen on %q: %w", opts.Listen, err)
		}
	}
	e := &Env{opts: opts, listener: listener, addr: opts.Advertise, health: health.NewServer(), stop: make(chan struct{})}
	if e.addr == "" {
		bound := listener.Addr().(*net.TCPAddr)
		if bound.IP.IsUnspecified() {
			listener.Close()
			return nil, fmt.Errorf("cannot listen on %q, all interfaces, without an advertised address: give one at which other hosts reach this host", opts.Listen)
		}
		e.addr = bound.String()
	}
	if e.opts.MaxConnections <= 0 {
		e.opts.MaxConnections = 1024
	}
	e.guard = access.NewGuard(opts.Access, opts.Refused)
	if opts.Tracer != nil {
		var err error
		e.calls, err = instrument.New(instrument.Options{
			Tracer: opts.Tracer, Meter: opts.Meter, Propagator: opts.Propagator, NameSpan: opts.NameSpan, Address: e.addr,
		})
		if err != nil {
			listener.Close()
			return nil, err
		}
	}
	e.pool.init(e.opts, e.guard.CheckAnswer)
	e.tasks.Go(func() { e.late.watch(e.stop) })
	return e, nil
}

// Address returns the address at which other hosts reach this one.
func (e *Env) Address() string { return e.addr }

// Listening returns the listen address, with the port that the system has picked in place of port
// 0.
func (e *Env) Listening() string { return e.listener.Addr().String() }

// Now returns the system's time with Go's monotonic reading, which steps of the clock do not
// change.
func (e *Env) Now() time.Time { return time.Now() }

// Wall returns the system clock's time without Go's monotonic reading: a duration between two such
// times includes steps of the clock.
func (e *Env) Wall() time.Time { return time.Now().Round(0) }

// Uint64 returns an unpredictable random number: lookups and requests are matched by such numbers.
func (e *Env) Uint64() uint64 { return rand.Uint64() }

// Sleep blocks for d.
func (e *Env) Sleep(d time.Duration) error {
	if d <= 0 {
		return e.err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-e.stop:
		return env.ErrStopped
	}
}

// Go starts a task. Close waits for it.
func (e *Env) Go(ctx context.Context, task func(ctx context.Context)) error {
	e.mu.Lock()
	if e.stopped {
		e.mu.Unlock()
		return env.ErrStopped
	}
	e.tasks.Add(1)
	e.mu.Unlock()
	if ctx.Done() != nil {
		ctx = context.WithoutCancel(ctx)
	}
	go func() {
		defer e.tasks.Done()
		task(ctx)
	}()
	return nil
}

// err returns ErrStopped once the environment has ended.
func (e *Env) err() error {
	select {
	case <-e.stop:
		return env.ErrStopped
	default:
		return nil
	}
}

// Close ends the environment. It stops serving, waits up to two seconds for calls being served,
// ends sleeps, waits and calls with ErrStopped, and returns when all tasks have returned. Close may
// be called more than once.
func (e *Env) Close() {
	e.mu.Lock()
	first := !e.stopped
	e.stopped = true
	e.mu.Unlock()
	if first {
		close(e.stop)
		e.health.Shutdown()
		e.listener.Close()
		e.pool.close()
		e.stopServing()
	}
	e.tasks.Wait()
}
