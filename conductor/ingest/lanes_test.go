package ingest

import (
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"chordconductor/conductor/lookups"
	"chordconductor/conductor/memory"
	"chordconductor/internal/polltest"
	"chordconductor/otel/chordevent"
)

// A detained sink blocks large requests until it is opened, so that they hold their slots.
type detained struct {
	*recorder
	open         chan struct{}
	inside, most atomic.Int64
}

func (d *detained) Offer(events []chordevent.Event, arrived time.Time) error {
	if len(events) > 1 {
		d.detain()
	}
	return d.recorder.Offer(events, arrived)
}

func (d *detained) OfferSpans([]lookups.Span, []lookups.Point) { d.detain() }

func (d *detained) detain() {
	n := d.inside.Add(1)
	defer d.inside.Add(-1)
	for was := d.most.Load(); n > was && !d.most.CompareAndSwap(was, n); was = d.most.Load() {
	}
	<-d.open
}

// Large requests of all signals, however they are sent, wait for each other; small requests do not wait for large ones.
func TestSmallRequestsDoNotWaitForLargeOnes(t *testing.T) {
	sink := &detained{recorder: newRecorder(), open: make(chan struct{})}
	s := start(t, Config{Memory: budget(t, 512<<20)}, sink)
	one, ev := oneEvent()
	logs := plog.NewLogs()
	for range 3000 {
		one.Logs().ResourceLogs().At(0).CopyTo(logs.ResourceLogs().AppendEmpty())
	}
	large, err := plogotlp.NewExportRequestFromLogs(logs).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	var senders sync.WaitGroup
	slots := int64(max(runtime.GOMAXPROCS(0)/2, 1))
	foreign := ptrace.NewTraces()
	for range 3000 {
		foreign.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName("foreign")
	}
	traces, err := ptraceotlp.NewExportRequestFromTraces(foreign).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 12 * slots {
		path, encoding, body := "/v1/logs", "", large
		if i%2 == 1 {
			path, body = "/v1/traces", traces
		}
		switch i / 2 % 3 {
		case 1:
			encoding, body = "gzip", gzipped(t, body) // small as it is sent
		case 2:
			encoding, body = "zstd", zstandard(t, body)
		}
		senders.Go(func() { post(t, "http://"+s.HTTPAddr()+path, "application/x-protobuf", encoding, body) })
	}
	polltest.Until(t, "the slots of large requests are taken", func() bool { return sink.inside.Load() == slots })
	small := plogotlp.NewGRPCClient(dial(t, s.GRPCAddr()))
	for range 20 {
		if _, err := small.Export(t.Context(), one); err != nil {
			t.Fatalf("a small request beside large ones: %v", err)
		}
	}
	packed, err := one.MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	for encoding, body := range map[string][]byte{"gzip": gzipped(t, packed), "zstd": zstandard(t, packed)} {
		if code, _, answer := post(t, "http://"+s.HTTPAddr()+"/v1/logs", "application/x-protobuf", encoding, body); code != http.StatusOK {
			t.Errorf("%s: %d, %s", encoding, code, answer)
		}
	}
	close(sink.open)
	senders.Wait()
	if n := sink.most.Load(); n != slots {
		t.Errorf("%d large requests were in progress at once, of %d slots", n, slots)
	}
	if n := s.gate.decode.Used() + s.gate.inFlight.Load(); n != 0 {
		t.Errorf("%d bytes and slots are still held", n)
	}
	if len(sink.events) < 22+3000 || sink.events[0].Node != ev.Node {
		t.Errorf("%d events arrived", len(sink.events))
	}
}

// When memory for bodies is short, large requests leave a quarter of it to small ones.
func TestSmallBodiesHaveAQuarter(t *testing.T) {
	b := budget(t, memory.Least)
	s := start(t, Config{Memory: b}, newRecorder())
	b.Receive.Hold(spare(b.Receive)) // of others
	defer b.Receive.Give(spare(b.Receive))
	large := []byte(strings.Repeat(" ", smallBody) + "{}")
	if code, _, answer := post(t, "http://"+s.HTTPAddr()+"/v1/logs", "application/json", "", large); code != http.StatusTooManyRequests {
		t.Errorf("a large request: %d, %s; expected 429", code, answer)
	}
	for range 20 {
		if code, _, answer := post(t, "http://"+s.HTTPAddr()+"/v1/logs", "application/json", "", []byte("{}")); code != http.StatusOK {
			t.Fatalf("a small request: %d, %s", code, answer)
		}
	}
}

// When memory for bodies is short, requests that are slow for a second are aborted, the oldest first, and no more of
// them than necessary. When memory is not short, they are aborted only after five seconds.
func TestSlowSendersGiveWay(t *testing.T) {
	begin := time.Now()
	for _, short := range []bool{true, false} {
		share := memory.NewShare("receive", 1000)
		o := newOverseer(share)
		var all []*reception
		for i := range 10 { // each begins 10 ms after the one before; every third one is fast
			b := &reception{held: 60, begin: begin.Add(time.Duration(10*i) * time.Millisecond), abort: func() {}}
			if b.since = b.begin; i%3 == 0 {
				b.bytes = slowBytes - 1
			}
			o.watch(b)
			all = append(all, b)
		}
		share.Hold(600)
		if !short {
			share.Give(101)
		}
		for _, at := range []time.Duration{shortTime, shortTime + 200*time.Millisecond} {
			o.look(begin.Add(at))
			var aborted []int
			for i, b := range all {
				if b.aborted {
					aborted = append(aborted, i)
				}
			}
			want := []int(nil)
			if short && at > shortTime {
				want = []int{1, 2} // they make room: 2 times 60 of what is held beyond 500
			}
			if !slices.Equal(aborted, want) {
				t.Errorf("short %v, after %v: %v are aborted, want %v", short, at, aborted, want)
			}
		}
	}
}
