package grpcenv

import (
	"context"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/stats"

	"chordconductor/node/env"
	"chordconductor/node/env/exchange"
	"chordconductor/node/nodepb"
)

const (
	// drainTime is how long Close waits for calls being served.
	drainTime = 2 * time.Second
	// maxStreams bounds the unary calls and the streams of one connection that are served at the same time; further ones
	// wait at the caller. Package exchange bounds the calls of streams.
	maxStreams = 1024

	// streamWorkers goroutines serve calls one after the other, so that their stacks grow only
	// once; when all are busy, a call gets a goroutine of its own. That saves about an eighth of
	// the processor time of a get (BenchmarkKeyValue).
	streamWorkers = 32
)

// Serve starts to serve the host's members and, on the same port, the services that register adds.
// intercept handles each call first. Both may be nil. Serve does not block, and must be called only
// once.
func (e *Env) Serve(ring nodepb.RingServer, keys nodepb.KeysServer, intercept grpc.UnaryServerInterceptor, register func(grpc.ServiceRegistrar)) {
	options := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(exchange.MaxFrame), grpc.MaxConcurrentStreams(maxStreams), grpc.NumStreamWorkers(streamWorkers),
		grpc.ReadBufferSize(bufferSize), grpc.WriteBufferSize(bufferSize),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: keepaliveAfter, Timeout: keepaliveTimeout}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: keepaliveAfter / 2}),
		grpc.ConnectionTimeout(5 * time.Second),
	}
	if creds := e.opts.Access.ServerCredentials(); creds != nil {
		options = append(options, grpc.Creds(creds))
	}
	options = append(options, grpc.ChainUnaryInterceptor(e.instrumented))
	options = append(options, e.guard.ServerOptions()...)
	if intercept != nil {
		options = append(options, grpc.ChainUnaryInterceptor(intercept))
	}
	if e.opts.Tracer != nil {
		options = append(options, grpc.StatsHandler(otelgrpc.NewServerHandler(clientCalls(e.opts)...)))
	}
	s := grpc.NewServer(options...)
	nodepb.RegisterRingServer(s, ring)
	nodepb.RegisterKeysServer(s, keys)
	nodepb.RegisterExchangeServer(s, exchange.NewServer(e.answer(env.NewServices(ring, keys, e.streamed(intercept))), e.stop))
	if register != nil {
		register(s)
	}
	grpc_health_v1.RegisterHealthServer(s, e.health)
	reflection.Register(s)
	for name := range s.GetServiceInfo() {
		e.health.SetServingStatus(name, grpc_health_v1.HealthCheckResponse_SERVING)
	}

	e.mu.Lock()
	defer e.mu.Unlock()
	e.own, e.server = env.NewServices(ring, keys, intercept), s
	if e.stopped {
		s.Stop()
		return
	}
	e.tasks.Add(1)
	go func() {
		defer e.tasks.Done()
		s.Serve(e.listener) // returns when the listener is closed, which only Close does
	}()
}

// SetReady sets in the health service, under the empty name, whether the host's members are on the
// ring.
func (e *Env) SetReady(ready bool) {
	status := grpc_health_v1.HealthCheckResponse_NOT_SERVING
	if ready {
		status = grpc_health_v1.HealthCheckResponse_SERVING
	}
	e.health.SetServingStatus("", status)
}

// stopServing refuses new calls, waits up to drainTime for those being served, and then ends them.
func (e *Env) stopServing() {
	e.mu.Lock()
	s := e.server
	e.mu.Unlock()
	if s == nil {
		return
	}
	timer := time.AfterFunc(drainTime, s.Stop)
	defer timer.Stop()
	s.GracefulStop()
}

// answer returns the function that answers the calls of a stream.
func (e *Env) answer(s *env.Services) exchange.Answer {
	return func(ctx context.Context, method string, header []string, decode func(any) error) (any, error) {
		return s.Serve(e.calls.Extract(ctx, header), method, decode)
	}
}

// streamed returns the interceptors of the calls of a stream: the same as of unary calls between
// hosts.
func (e *Env) streamed(intercept grpc.UnaryServerInterceptor) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		return e.instrumented(ctx, request, info, func(ctx context.Context, request any) (any, error) {
			if err := e.guard.CheckRequest(ctx, info.FullMethod, request); err != nil {
				return nil, err
			}
			if intercept == nil {
				return next(ctx, request)
			}
			return intercept(ctx, request, info, next)
		})
	}
}

// instrumented records the span and the metric of a call between hosts.
func (e *Env) instrumented(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if !betweenHosts(info.FullMethod) {
		return next(ctx, request)
	}
	ctx, call := e.calls.Server(ctx, info.FullMethod, request)
	answer, err := next(ctx, request)
	call.End(err)
	return answer, err
}

// betweenHosts reports whether a method belongs to a service that hosts call.
func betweenHosts(method string) bool {
	return strings.HasPrefix(method, ringMethods) || strings.HasPrefix(method, keysMethods)
}

// clientCalls returns otelgrpc's options for the calls of clients. Calls between hosts have the
// spans of package instrument; health checks and reflection have none.
func clientCalls(o Options) []otelgrpc.Option {
	return []otelgrpc.Option{
		otelgrpc.WithTracerProvider(o.Tracer),
		otelgrpc.WithMeterProvider(o.Meter),
		otelgrpc.WithPropagators(o.Propagator),
		otelgrpc.WithFilter(func(info *stats.RPCTagInfo) bool {
			return !strings.HasPrefix(info.FullMethodName, "/grpc.") && !strings.HasPrefix(info.FullMethodName, exchangeMethods) &&
				!betweenHosts(info.FullMethodName)
		}),
	}
}
