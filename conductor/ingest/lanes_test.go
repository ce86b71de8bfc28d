package ingest

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"chordconductor/conductor/memory"
	"chordconductor/otel/chordevent"
)

// A detained sink keeps large requests until it is opened, so that they hold their places.
type detained struct {
	*recorder
	open         chan struct{}
	inside, most atomic.Int64
}

func (d *detained) Offer(events []chordevent.Event, arrived time.Time) error {
	if len(events) > 1 {
		n := d.inside.Add(1)
		defer d.inside.Add(-1)
		for was := d.most.Load(); n > was && !d.most.CompareAndSwap(was, n); was = d.most.Load() {
		}
		<-d.open
	}
	return d.recorder.Offer(events, arrived)
}

// Large requests, however they are sent, wait for each other, and small ones for none of them.
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
	places := int64(max(runtime.GOMAXPROCS(0)/2, 1))
	for i := range 6 * places {
		encoding, body := "", large
		switch i % 3 {
		case 1:
			encoding, body = "gzip", gzipped(t, large) // small as it is sent
		case 2:
			encoding, body = "zstd", zstandard(t, large)
		}
		senders.Go(func() { post(t, "http://"+s.HTTPAddr()+"/v1/logs", "application/x-protobuf", encoding, body) })
	}
	eventually(t, "the places of large requests are taken", func() bool { return sink.inside.Load() == places })
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
	if n := sink.most.Load(); n != places {
		t.Errorf("%d large requests were in work at once, of %d places", n, places)
	}
	if n := s.gate.decode.Used() + s.gate.inFlight.Load(); n != 0 {
		t.Errorf("%d bytes and places are still held", n)
	}
	if len(sink.events) < 22+3000 || sink.events[0].Node != ev.Node {
		t.Errorf("%d events arrived", len(sink.events))
	}
}

// When memory for bodies is short, the slowest senders are cut at once, so that small requests go through; large ones
// leave a quarter of it to them.
func TestSlowSendersGiveWay(t *testing.T) {
	b := budget(t, memory.Least)
	s := start(t, Config{Memory: b}, newRecorder())
	n := int(spare(b.Receive)/(openCost+firstRead)) + 20
	for range n {
		opened(t, s.HTTPAddr(), "/v1/traces", []byte("abc"), 1<<20)
	}
	eventually(t, "they are under way", func() bool { return b.Receive.Used() > spare(b.Receive) })
	large := strings.Repeat(" ", smallBody) + "{}"
	code, _, answer := post(t, "http://"+s.HTTPAddr()+"/v1/logs", "application/json", "", []byte(large))
	if code != http.StatusTooManyRequests {
		t.Errorf("a large request: %d, %s; expected 429", code, answer)
	}
	if code, _, answer := post(t, "http://"+s.HTTPAddr()+"/v1/logs", "application/json", "", []byte("{}")); code != http.StatusOK {
		t.Errorf("a small request: %d, %s", code, answer)
	}
	o := s.ports[1].slow
	o.look(time.Now().Add(shortTime / 2))
	if got := o.watched(); got < n {
		t.Errorf("%d of %d go on within %v", got, n, shortTime)
	}
	eventually(t, "enough are cut", func() bool {
		o.look(time.Now().Add(shortTime + time.Second/10))
		return b.Receive.Used() <= b.Receive.Limit()/2
	})
	if got := o.watched(); got < n/3 {
		t.Errorf("%d of %d go on: more were cut than was needed", got, n)
	}
	if code, _, answer := post(t, "http://"+s.HTTPAddr()+"/v1/logs", "application/json", "", fmt.Append(nil, large)); code != http.StatusOK {
		t.Errorf("a large request afterwards: %d, %s", code, answer)
	}
}
