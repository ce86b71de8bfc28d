package simtest

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"chordconductor/node/env"
	"chordconductor/node/nodepb"
)

// breakable is an environment whose connections break: like the real one it repeats a call over a new connection, but
// for a write, which only its caller can repeat.
type breakable struct {
	env.Env
	r    *ring
	addr string
}

// Conn gives access to a host. One of the ring's breaks calls breaks, before the request has arrived or before its
// answer has.
func (b breakable) Conn(addr string, limit time.Duration) grpc.ClientConnInterface {
	conn := b.Env.Conn(addr, limit)
	return env.Call(func(ctx context.Context, method string, request, answer any) error {
		if b.r.breaks == 0 || addr == b.addr || b.Uint64()%b.r.breaks != 0 {
			return conn.Invoke(ctx, method, request, answer)
		}
		b.r.broke++
		if b.Uint64()%4 > 0 {
			if err := conn.Invoke(ctx, method, request, answer); err != nil {
				return err
			}
		}
		if method == nodepb.Keys_Apply_FullMethodName {
			return env.ErrBroken
		}
		return conn.Invoke(ctx, method, request, answer)
	})
}

// TestBrokenConnections: one of ten calls loses its connection, while hosts join and leave. No host is taken for dead,
// and all operations are linearizable. Each is answered, but for a write that another one has superseded before it could
// be repeated.
func TestBrokenConnections(t *testing.T) {
	broke, operations := 0, 0
	for n := *firstStory; n < *firstStory+uint64(*stories); n++ {
		random := rand.New(rand.NewPCG(n, 15))
		s := trial{
			hosts: 3 + random.IntN(4), virtual: 1 + random.IntN(3), replicas: 1 + random.IntN(3), keys: 1 + random.IntN(4),
			pace: time.Duration(5+random.IntN(40)) * time.Millisecond, length: 40 * time.Second, breaks: 10,
		}
		for at := 5 * time.Second; at < s.length; at += 15 * time.Second {
			s.events = append(s.events, happening{at: at, host: random.IntN(1000), what: []string{joinHost, leaveHost}[random.IntN(2)]})
		}
		c, _, err := play(n, s)
		if err == nil {
			err = c.verify(0)
		}
		if err != nil {
			t.Fatalf("seed %d: %v\n%v", n, err, s)
		}
		if when := c.r.log.suspected; len(when) > 0 {
			t.Errorf("seed %d: live hosts were taken for dead at %v\n%v", n, when, s)
		}
		for _, e := range c.entries {
			if e.unanswered && (e.err == nil || e.read || !strings.Contains(e.err.Error(), "superseded")) {
				t.Errorf("seed %d: the operation of %v has no answer: %v\n%v", n, e.at, e.err, s)
			}
		}
		broke, operations = broke+c.r.broke, operations+len(c.entries)
		c.r.w.Close()
	}
	t.Logf("%d broken calls, %d operations", broke, operations)
}
