package otel

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/log"
	"go.uber.org/goleak"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
	"chordconductor/otel/internal/otlptest"
)

func TestMain(m *testing.M) {
	for _, v := range os.Environ() { // each test sets the variables that it needs
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "OTEL_") {
			os.Unsetenv(name)
		}
	}
	goleak.VerifyTestMain(m,
		// The Collector's HTTP server starts this goroutine once per process, and never ends it.
		goleak.IgnoreAnyFunction("go.opentelemetry.io/collector/config/confighttp.init"))
}

func numbered(seq int64) chordevent.Event {
	space, _ := chord.NewSpace(160)
	return chordevent.Event{
		Time: time.Now(),
		Host: chordevent.Host{ID: "host-1", Address: "127.0.0.1:7001"},
		Node: chordevent.Node{ID: space.Hash([]byte("member")), Digits: 40, Incarnation: 1, Seq: seq},
		Body: chordevent.PredecessorChanged{Predecessor: chordevent.PeerRef{
			Peer: chord.Peer{ID: space.Hash([]byte("peer")), Addr: "127.0.0.1:7002", Incarnation: 2}, Seq: 3,
		}},
	}
}

func emit(ctx context.Context, l log.Logger, ev chordevent.Event) { l.Emit(ctx, chordevent.Encode(ev)) }

func emitRange(t *Telemetry, from, to int64) {
	l := t.Events.Logger("test")
	for seq := from; seq <= to; seq++ {
		emit(context.Background(), l, numbered(seq))
	}
}

// start sets up telemetry that is sent to a receiver, whatever the environment contains, and shuts
// it down when the test ends.
func start(t *testing.T, r *otlptest.Receiver, change func(*Config)) *Telemetry {
	t.Helper()
	cfg := Config{Ring: "test", Endpoint: r.GRPC, IgnoreEnvironment: true, MetricInterval: time.Hour}
	cfg.Events.Interval = 10 * time.Millisecond
	if change != nil {
		change(&cfg)
	}
	tel, err := Setup(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		tel.Shutdown(ctx) // has no effect if the test has already called it
	})
	return tel
}

// received returns the sequence numbers of the events that a receiver has received, in the order of
// arrival.
func received(t testing.TB, r *otlptest.Receiver) (seqs []int64) {
	t.Helper()
	r.EachLog(func(res pcommon.Resource, rec plog.LogRecord) {
		if !chordevent.IsEvent(rec) {
			return
		}
		ev, _, err := chordevent.Decode(chordevent.SourceOf(res), rec)
		if err != nil {
			t.Error(err)
		}
		seqs = append(seqs, ev.Node.Seq)
	})
	return seqs
}

func has(t testing.TB, r *otlptest.Receiver, seq int64) func() bool {
	return func() bool { return slices.Contains(received(t, r), seq) }
}

func wantRange(t testing.TB, got []int64, from, to int64) {
	t.Helper()
	for i, seq := range got {
		if seq != from+int64(i) {
			t.Fatalf("got event %d, want %d", seq, from+int64(i))
		}
	}
	if want := int(to - from + 1); len(got) != want {
		t.Fatalf("%d events, want %d to %d", len(got), from, to)
	}
}

// errorLog is an OnError that stores what it receives.
type errorLog struct {
	mu   sync.Mutex
	errs []error
}

func (e *errorLog) add(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.errs = append(e.errs, err)
}

func (e *errorLog) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return fmt.Sprint(e.errs)
}
