package env

import (
	"context"
	"errors"
	"reflect"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/node/nodepb"
)

// Ring returns a client of the ring service of the host at an address.
func Ring(e Env, addr string, limit time.Duration) nodepb.RingClient {
	return nodepb.NewRingClient(e.Conn(addr, limit))
}

// Keys returns a client of the key service of the host at an address.
func Keys(e Env, addr string, limit time.Duration) nodepb.KeysClient {
	return nodepb.NewKeysClient(e.Conn(addr, limit))
}

// Call makes one call of a method, by its full name, with a request and a message to fill with the
// answer. It serves gRPC's generated clients as a connection without streams and call options.
type Call func(ctx context.Context, method string, request, answer any) error

// Invoke makes the call.
func (c Call) Invoke(ctx context.Context, method string, request, answer any, _ ...grpc.CallOption) error {
	return c(ctx, method, request, answer)
}

// NewStream returns an error: the services Ring and Keys have no streaming methods.
func (c Call) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errors.ErrUnsupported
}

// Services are a host's ring and key services, for calls that do not pass through gRPC.
type Services struct {
	methods   map[string]served
	intercept grpc.UnaryServerInterceptor
}

type served struct {
	service any
	handle  grpc.MethodHandler
}

// NewServices returns the services. If intercept is not nil, it handles each call before them.
func NewServices(ring nodepb.RingServer, keys nodepb.KeysServer, intercept grpc.UnaryServerInterceptor) *Services {
	s := &Services{map[string]served{}, intercept}
	nodepb.RegisterRingServer(s, ring)
	nodepb.RegisterKeysServer(s, keys)
	return s
}

// RegisterService adds a service: see grpc.ServiceRegistrar.
func (s *Services) RegisterService(desc *grpc.ServiceDesc, service any) {
	for _, m := range desc.Methods {
		s.methods["/"+desc.ServiceName+"/"+m.MethodName] = served{service, m.Handler}
	}
}

// Answer answers a call. What request and answer point to is not copied.
func (s *Services) Answer(ctx context.Context, method string, request any) (any, error) {
	return s.Serve(ctx, method, func(received any) error { Share(received, request); return nil })
}

// Serve answers a call. decode reads the request into a message.
func (s *Services) Serve(ctx context.Context, method string, decode func(request any) error) (any, error) {
	m, ok := s.methods[method]
	if !ok {
		return nil, status.Errorf(codes.Unimplemented, "unknown method %s", method)
	}
	return m.handle(m.service, ctx, decode, s.intercept)
}

// Share makes message a shallow copy of same: both then point to the same data.
func Share(message, same any) {
	reflect.ValueOf(message).Elem().Set(reflect.ValueOf(same).Elem())
}
