package exchange

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"chordconductor/node/nodepb"
)

// A fakeStream answers each request after some time.
type fakeStream struct {
	grpc.ClientStream
	ctx     context.Context
	delay   time.Duration
	answers chan *nodepb.CallsResponse
}

func (f *fakeStream) Context() context.Context { return f.ctx }

func (f *fakeStream) Header() (metadata.MD, error) { return metadata.Pairs(acceptedKey, "1"), nil }

func (f *fakeStream) Send(m *nodepb.CallsRequest) error {
	for _, q := range m.GetRequests() {
		time.AfterFunc(f.delay, func() {
			f.answers <- &nodepb.CallsResponse{Answers: []*nodepb.Answer{{Number: q.GetNumber()}}}
		})
	}
	return f.ctx.Err()
}

func (f *fakeStream) Recv() (*nodepb.CallsResponse, error) {
	select {
	case m := <-f.answers:
		return m, nil
	case <-f.ctx.Done():
		return nil, f.ctx.Err()
	}
}

// The streams of a session without calls are closed, both at the same time, and the next call opens
// new streams. Small calls also keep the stream for large messages open.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened, open atomic.Int32
		c := NewCaller(func(ctx context.Context) (Stream, error) {
			opened.Add(1)
			open.Add(1)
			context.AfterFunc(ctx, func() { open.Add(-1) })
			return &fakeStream{ctx: ctx, delay: 10 * time.Millisecond, answers: make(chan *nodepb.CallsResponse, 1)}, nil
		}, nil)
		defer c.Close()
		call := func(method string, request, answer proto.Message, limit time.Duration) error {
			defer synctest.Wait()
			return c.Call(t.Context(), limit, method, request, answer, nil)
		}
		small := func() {
			t.Helper()
			if err := call(nodepb.Ring_Ping_FullMethodName, &nodepb.PingRequest{}, &nodepb.PingResponse{}, time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		is := func(when string, total, now int32) {
			t.Helper()
			synctest.Wait()
			if opened.Load() != total || open.Load() != now {
				t.Errorf("%s: %d streams were opened and %d are open, want %d and %d", when, opened.Load(), open.Load(), total, now)
			}
		}
		small()
		is("a call", 1, 1)
		large := &nodepb.FetchRequest{Keys: [][]byte{make([]byte, largeMessage)}}
		if err := call(nodepb.Keys_Fetch_FullMethodName, large, &nodepb.FetchResponse{}, time.Minute); err != nil {
			t.Fatal(err)
		}
		is("a large one", 2, 2)
		for range 10 {
			time.Sleep(idleTime / 2)
			small()
		}
		is("small ones for a while", 2, 2)
		time.Sleep(idleTime - time.Second)
		is("almost idle", 2, 2)
		time.Sleep(2 * time.Second)
		is("idle", 2, 0)
		small()
		is("the next call", 3, 1)
	})
}

// A call that takes longer than the time after which idle streams are closed keeps its stream open.
func TestNotIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened atomic.Int32
		c := NewCaller(func(ctx context.Context) (Stream, error) {
			opened.Add(1)
			return &fakeStream{ctx: ctx, delay: 3 * idleTime, answers: make(chan *nodepb.CallsResponse, 1)}, nil
		}, nil)
		err := c.Call(t.Context(), time.Hour, nodepb.Ring_Ping_FullMethodName, &nodepb.PingRequest{}, &nodepb.PingResponse{}, nil)
		if err != nil || opened.Load() != 1 {
			t.Errorf("the call returned %v, over %d streams; want an answer over 1", err, opened.Load())
		}
		c.Close()
	})
}
