package ingest

import (
	"context"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
)

// GetGRPCServerOptions makes the gate the gRPC server's middleware (extensionmiddleware.GRPCServer).
func (g *gate) GetGRPCServerOptions(context.Context) ([]grpc.ServerOption, error) {
	codec := &lenientCodec{CodecV2: encoding.GetCodecV2("proto")}
	return []grpc.ServerOption{
		grpc.InTapHandle(g.tap),
		grpc.ForceServerCodecV2(codec),
		// The one unary interceptor, unlike chained ones, is the outermost: nothing can answer between it and the codec.
		grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			if err := codec.failure(req); err != nil {
				g.malformed.Add(1)
				return nil, status.Errorf(codes.InvalidArgument, "not an OTLP request: %v", err)
			}
			return handler(ctx, req)
		}),
	}, nil
}

// tap runs when a gRPC request's headers have arrived. It must not block.
func (g *gate) tap(ctx context.Context, info *tap.Info) (context.Context, error) {
	leave, err := g.enter(info.Header.Get("authorization"))
	if err != nil {
		return ctx, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	stop := context.AfterFunc(g.life, cancel)
	context.AfterFunc(ctx, func() { // the stream ends its context when it ends
		stop()
		cancel()
		leave()
	})
	return ctx, nil
}

// A lenientCodec lets undecodable requests through to the interceptor. gRPC itself would answer them INTERNAL, as if the
// fault were ours; OTLP wants INVALID_ARGUMENT.
type lenientCodec struct {
	encoding.CodecV2
	failed sync.Map // request → error, between Unmarshal and failure; as many as requests in work
}

func (c *lenientCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if err := c.CodecV2.Unmarshal(data, v); err != nil {
		c.failed.Store(v, err)
	}
	return nil
}

func (c *lenientCodec) failure(req any) error {
	if err, failed := c.failed.LoadAndDelete(req); failed {
		return err.(error)
	}
	return nil
}
