package host

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"chordconductor/internal/cutproxy"
	"chordconductor/internal/polltest"
	"chordconductor/node/nodepb"
	"chordconductor/otel"
	"chordconductor/otel/chordevent"
)

// Once a second all connections to one of four hosts break, for a minute, under load: no host is
// taken for dead, no operation fails, and no call between hosts fails except writes, which their
// caller repeats.
func TestBrokenConnectionsUnderLoad(t *testing.T) {
	failed := make(chan string, 100)
	calls := make(chan string, 100)
	spans := func(traces ptrace.Traces) {
		for _, resource := range traces.ResourceSpans().All() {
			for _, scope := range resource.ScopeSpans().All() {
				for _, span := range scope.Spans().All() {
					write := "/"+span.Name() == nodepb.Keys_Apply_FullMethodName
					if span.Kind() == ptrace.SpanKindClient && span.Status().Code() == ptrace.StatusCodeError && !write {
						select {
						case calls <- span.Name() + ": " + span.Status().Message():
						default:
						}
					}
				}
			}
		}
	}
	tel, err := otel.Memory(otel.MemoryConfig{Random: rand.Uint64, Now: time.Now, Spans: spans, Sink: func(logs plog.Logs) {
		for _, resource := range logs.ResourceLogs().All() {
			for _, scope := range resource.ScopeLogs().All() {
				for _, record := range scope.LogRecords().All() {
					if record.EventName() == string(chordevent.KindPeerFailed) {
						select {
						case failed <- fmt.Sprint(record.Attributes().AsRaw()):
						default:
						}
					}
				}
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	var hosts []*Host
	var proxies []*cutproxy.Proxy
	for n := range 4 {
		c := Local()
		c.Replicas, c.VirtualNodes, c.CallLimit, c.Telemetry = 2, 2, 5*time.Second, tel
		proxies = append(proxies, cutproxy.Listen(t))
		c.Advertise = proxies[n].Address()
		if n > 0 {
			c.Join = []string{hosts[0].Address()}
		}
		log := &lines{}
		c.Log = log.add
		h := open(t, c)
		proxies[n].To(h.env.Listening())
		joined(t, h)
		hosts = append(hosts, h)
	}
	polltest.Until(t, "each member knows the others", func() bool {
		for _, h := range hosts {
			for _, m := range h.Status().Members {
				if len(m.Successors) < 7 {
					return false
				}
			}
		}
		return true
	})

	var operations, cut atomic.Int64
	var clients sync.WaitGroup
	end := make(chan struct{})
	for worker := range 8 {
		clients.Go(func() {
			h, tick := hosts[worker%len(hosts)], time.NewTicker(40*time.Millisecond)
			defer tick.Stop()
			for i := 0; ; i++ {
				select {
				case <-end:
					return
				case <-tick.C:
				}
				key, value := fmt.Appendf(nil, "%d of %d", i%50, worker), fmt.Append(nil, i)
				if i%20 == 0 {
					value = append(value, make([]byte, 200<<10)...)
				}
				if _, err := h.Put(t.Context(), key, value, 0); err != nil {
					t.Errorf("put: %v", err)
				}
				if got, err := h.Get(t.Context(), key); err != nil || !bytes.Equal(got, value) {
					t.Errorf("get: %d bytes, %v; want %d", len(got), err, len(value))
				}
				operations.Add(2)
			}
		})
	}
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for range 60 {
		<-every.C
		cut.Add(int64(proxies[rand.IntN(len(proxies))].Cut()))
	}
	close(end)
	clients.Wait()
	t.Logf("%d operations, %d connections broke", operations.Load(), cut.Load())
	if cut.Load() < 60 {
		t.Errorf("%d connections broke, want at least one each second", cut.Load())
	}
	select {
	case text := <-failed:
		t.Errorf("%d hosts were taken for dead: %s", 1+len(failed), text)
	case text := <-calls:
		t.Errorf("%d calls failed: %s", 1+len(calls), text)
	default:
	}
}
