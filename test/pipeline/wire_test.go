package pipeline

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// The two methods of OTLP that the measurement uses.
const (
	exportLogs   = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
	exportTraces = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
)

// rawCodec sends and receives bytes unchanged.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// A sink accepts and counts every request, without decoding it.
type sink struct {
	address      string
	logs, traces atomic.Int64
}

func newSink(tb testing.TB) *sink {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &sink{address: l.Addr().String()}
	server := grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{}), grpc.MaxRecvMsgSize(64<<20),
		grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
			var request []byte
			if err := stream.RecvMsg(&request); err != nil {
				return err
			}
			if method, _ := grpc.MethodFromServerStream(stream); method == exportLogs {
				s.logs.Add(1)
			} else {
				s.traces.Add(1)
			}
			return stream.SendMsg([]byte{})
		}))
	go server.Serve(l)
	tb.Cleanup(server.Stop)
	return s
}

func dial(tb testing.TB, address string) *grpc.ClientConn {
	tb.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{}), grpc.WaitForReady(true)))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	return conn
}

// send repeats a request until the system accepts it, as nodes do: an overloaded system refuses requests.
func send(ctx context.Context, conn *grpc.ClientConn, method string, request []byte, again *atomic.Int64) error {
	for {
		var reply []byte
		err := conn.Invoke(ctx, method, request, &reply)
		switch status.Code(err) {
		case codes.Unavailable, codes.ResourceExhausted:
			again.Add(1)
			wait := time.NewTimer(10 * time.Millisecond)
			select {
			case <-wait.C:
			case <-ctx.Done():
				return err
			}
		default:
			return err
		}
	}
}
