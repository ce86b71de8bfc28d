package client

import (
	"context"
	"fmt"

	"google.golang.org/grpc"

	"chordconductor/node/nodepb"
)

// A Client is a client of one host. It has one connection, which the first call opens, and the next
// call after a loss opens again.
type Client struct {
	Keys
	cc *grpc.ClientConn
}

// New checks the configuration and reads its files. It does not connect: that a host cannot be
// reached, or is not the expected one, is the error of the first call (ErrUnavailable).
func New(cfg Config) (*Client, error) {
	if cfg.Names == (Names{}) {
		cfg.Names = fieldNames
	}
	way, err := cfg.access()
	if err != nil {
		return nil, err
	}
	hint := ""
	if way.Plain() {
		hint = fmt.Sprintf("; if the host uses TLS, give %s, %s or %s", cfg.Names.Pin, cfg.Names.CA, cfg.Names.RingSecret)
	}
	explain := func(ctx context.Context, method string, request, answer any, cc *grpc.ClientConn, call grpc.UnaryInvoker, options ...grpc.CallOption) error {
		return explain(cfg.Address, hint, call(ctx, method, request, answer, cc, options...))
	}
	cc, err := grpc.NewClient("passthrough:///"+cfg.Address, append(way.DialOptions(), grpc.WithNoProxy(), grpc.WithChainUnaryInterceptor(explain))...)
	if err != nil {
		return nil, err
	}
	return &Client{Keys{remote{nodepb.NewKVClient(cc)}}, cc}, nil
}

// Conn returns the connection, for the other services on a host's port: chord.v1.Host, and gRPC
// health, where the empty service name asks whether the host is on the ring. Errors of its calls
// are *Error, too.
func (c *Client) Conn() grpc.ClientConnInterface { return c.cc }

// Close closes the connection. Calls that have not been answered end with context.Canceled.
func (c *Client) Close() error { return c.cc.Close() }

// remote is the key service of another process.
type remote struct{ kv nodepb.KVClient }

func (r remote) Put(ctx context.Context, q *nodepb.PutRequest) (*nodepb.PutResponse, error) {
	return r.kv.Put(ctx, q)
}

func (r remote) Get(ctx context.Context, q *nodepb.GetRequest) (*nodepb.GetResponse, error) {
	return r.kv.Get(ctx, q)
}

func (r remote) Delete(ctx context.Context, q *nodepb.DeleteRequest) (*nodepb.DeleteResponse, error) {
	return r.kv.Delete(ctx, q)
}

func (r remote) Lookup(ctx context.Context, q *nodepb.LookupRequest) (*nodepb.LookupResponse, error) {
	return r.kv.Lookup(ctx, q)
}
