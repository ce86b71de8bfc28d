package exchange

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"

	"chordconductor/node/nodepb"
)

// A call's limit counts from its arrival: a call that has waited for a free slot for longer than
// its limit is answered with DeadlineExceeded, and is not begun.
func TestLateCallsAreNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, stop := 0, make(chan struct{})
		s := NewServer(func(context.Context, string, []string, func(any) error) (any, error) {
			begun++
			return &nodepb.PingResponse{}, nil
		}, stop)
		c := newServed()
		in := c.add(false)
		arrived := time.Now()
		time.Sleep(time.Second)
		for n, limit := range []time.Duration{900 * time.Millisecond, 1100 * time.Millisecond, 0} {
			q := &nodepb.Request{Number: uint64(n), Method: nodepb.Method_METHOD_PING, LimitUs: uint64(limit.Microseconds())}
			if !s.begin(t.Context(), in, q, arrived) {
				t.Fatal("the session has ended")
			}
			a := <-in.answers
			if late := limit == 900*time.Millisecond; late != (codes.Code(a.Code) == codes.DeadlineExceeded) {
				t.Errorf("a call with the limit %v, begun after 1 s, was answered with %v", limit, codes.Code(a.Code))
			}
		}
		if begun != 2 {
			t.Errorf("%d calls were begun, want 2", begun)
		}
		close(stop)
		c.cancel()
	})
}
