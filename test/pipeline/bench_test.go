package pipeline

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	senders = 4
	turn    = 64 // rounds of requests, one from each sender, before the other system has its turn
)

// BenchmarkPipeline gives the conductor and a bare Collector v0.162, both running as programs, the same requests of 512
// records from four senders, in turns, so that what else the machine does falls on both. An operation is one request of
// each kind from each sender.
//
// The Collector receives everything and forwards everything, and that is all it does. The conductor folds and records
// every event, finds the lookups in the spans, and forwards
//   - mix, spans: the spans, as it does for Jaeger; events stay with it;
//   - events: nothing;
//   - all: the spans and the events, so everything that the Collector does and its own work on top.
//
// The target is a throughput ratio of 0.9 on the mix. The conductor and the Collector share the processors with the
// senders and the sink, which take the same time from each of them; cpu-ratio compares the processor time of only the
// two processes.
func BenchmarkPipeline(b *testing.B) {
	for _, mix := range []struct {
		name                   string
		events, spans, forward bool
	}{{"mix", true, true, false}, {"all", true, true, true}, {"events", true, false, false}, {"spans", false, true, false}} {
		b.Run(mix.name, func(b *testing.B) {
			race := race{events: mix.events, spans: mix.spans}
			race.enter(b, startCollector(b))
			race.enter(b, startConductor(b, mix.forward))
			for i := range senders {
				race.senders = append(race.senders, newSender(i, senders))
			}
			race.run(b, 2) // connections, caches, and all members' first keyframes
			for _, r := range race.runners {
				r.took, r.used, r.records = 0, 0, 0
			}
			b.ResetTimer()
			for done := 0; done < b.N; done += turn {
				race.run(b, min(turn, b.N-done))
			}
			b.StopTimer()
			collector, conductor := race.runners[0], race.runners[1]
			b.ReportMetric(0, "ns/op") // of both together: meaningless
			b.ReportMetric(collector.throughput(), "collector-records/s")
			b.ReportMetric(conductor.throughput(), "conductor-records/s")
			b.ReportMetric(conductor.throughput()/collector.throughput(), "throughput-ratio")
			b.ReportMetric(collector.cost(), "collector-cpu-ns/record")
			b.ReportMetric(conductor.cost(), "conductor-cpu-ns/record")
			b.ReportMetric(collector.cost()/conductor.cost(), "cpu-ratio")
			b.ReportMetric(float64(conductor.again.Load()), "pushed-back")
		})
	}
}

// A race gives two systems the same work.
type race struct {
	events, spans bool
	senders       []*sender
	runners       []*runner
	turns         int
}

// A runner is one of the two systems, with its measured times.
type runner struct {
	*system
	export       [senders]func(testing.TB, string, []byte)
	logs, traces int64 // requests sent
	took, used   time.Duration
	records      int
	again        atomic.Int64 // requests pushed back, and sent once more
}

func (r *runner) throughput() float64 { return float64(r.records) / r.took.Seconds() }
func (r *runner) cost() float64       { return float64(r.used.Nanoseconds()) / float64(r.records) }

func (race *race) enter(b *testing.B, s *system) {
	r := &runner{system: s}
	for i := range r.export {
		conn := dial(b, s.otlp)
		r.export[i] = func(tb testing.TB, method string, request []byte) {
			if err := send(tb.Context(), conn, method, request, &r.again); err != nil {
				tb.Errorf("%s: %v", s.name, err)
			}
		}
	}
	race.runners = append(race.runners, r)
}

// run makes the requests of all rounds and sends them to both systems, which take turns at being first.
func (race *race) run(b *testing.B, rounds int) {
	var logs, traces [senders][][]byte
	for range rounds {
		for i, s := range race.senders {
			if race.events {
				logs[i] = append(logs[i], s.events(b))
			}
			if race.spans {
				traces[i] = append(traces[i], s.spans(b))
			}
		}
	}
	for k := range race.runners {
		r := race.runners[(k+race.turns)%len(race.runners)]
		before, begin := r.system.used(b), time.Now()
		var sending sync.WaitGroup
		for i := range senders {
			sending.Go(func() {
				for n := range rounds {
					if race.events {
						r.export[i](b, exportLogs, logs[i][n])
					}
					if race.spans {
						r.export[i](b, exportTraces, traces[i][n])
					}
				}
			})
		}
		sending.Wait()
		if race.events {
			r.logs += int64(rounds * senders)
		}
		if race.spans {
			r.traces += int64(rounds * senders)
		}
		for deadline := time.Now().Add(time.Minute); !r.done(b, r.logs, r.traces); {
			if time.Now().After(deadline) {
				b.Fatalf("%s: not all of %d requests of events and %d of spans came through", r.name, r.logs, r.traces)
			}
			<-time.After(10 * time.Millisecond) // polling costs the conductor processor time
		}
		r.took += time.Since(begin)
		r.used += r.system.used(b) - before
		if race.events {
			r.records += rounds * senders * records
		}
		if race.spans {
			r.records += rounds * senders * records
		}
	}
	race.turns++
}
