package otel

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	"pgregory.net/rapid"

	"chordconductor/otel/chordevent"
)

// script is an exporter without a network. It notes when each request arrives, and its function
// answer decides the outcome.
type script struct {
	mu     sync.Mutex
	begin  time.Time
	calls  []call
	answer func(n int, seqs []int64) verdict // if nil, requests are accepted
	hang   bool                              // requests end only when their context ends
}

type call struct {
	at   time.Duration
	seqs []int64
}

func (s *script) Export(ctx context.Context, records []sdklog.Record) error {
	var seqs []int64
	for i := range records {
		records[i].WalkAttributes(func(kv attribute.KeyValue) bool {
			if kv.Key == chordevent.EventSeqKey {
				seqs = append(seqs, kv.Value.AsInt64())
			}
			return true
		})
	}
	s.mu.Lock()
	s.calls = append(s.calls, call{time.Since(s.begin), seqs})
	n, answer, hang := len(s.calls), s.answer, s.hang
	s.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if answer == nil {
		return nil
	}
	if v := answer(n, seqs); v != accepted {
		ctx.Value(attemptKey{}).(*attempt).verdict = v
		return errors.New("no")
	}
	return nil
}

func (s *script) Shutdown(context.Context) error   { return nil }
func (s *script) ForceFlush(context.Context) error { return nil }

func (s *script) made() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// inBubble runs a pipeline in virtual time.
func inBubble(t *testing.T, cfg EventPipeline, s *script, test func(p *pipeline, emit func(from, to int64))) {
	synctest.Test(t, func(t *testing.T) {
		s.begin = time.Now()
		p := newPipeline(resource.Empty(), s, cfg, func(error) {})
		logger := eventLoggers{p: p}.Logger("test")
		test(p, func(from, to int64) {
			for seq := from; seq <= to; seq++ {
				emit(t.Context(), logger, numbered(seq))
			}
		})
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		p.Shutdown(ctx)
		synctest.Wait()
	})
}

var small = EventPipeline{Queue: 100, Batch: 10, Interval: 100 * time.Millisecond, Attempt: 10 * time.Second}

// The first record of a batch waits for the interval, unless the batch is full earlier.
func TestBatching(t *testing.T) {
	s := &script{}
	inBubble(t, small, s, func(p *pipeline, emit func(from, to int64)) {
		time.Sleep(time.Second) // without records, the pipeline makes no request
		emit(1, 3)
		time.Sleep(50 * time.Millisecond)
		emit(4, 5)
		time.Sleep(time.Second)
		emit(6, 30)
		synctest.Wait()
	})
	calls := s.made()
	if len(calls) == 0 || calls[0].at != 1100*time.Millisecond || len(calls[0].seqs) != 5 {
		t.Fatalf("the requests are %v, want a first one of 5 records at 1.1 s", calls)
	}
	// The number of requests for the remaining records depends on how many records have arrived
	// when the exporter takes the first ones.
	var seqs []int64
	for _, c := range calls {
		seqs = append(seqs, c.seqs...)
		if len(c.seqs) > small.Batch {
			t.Errorf("a request has %d records, more than a batch", len(c.seqs))
		}
	}
	for _, c := range calls[1:] {
		if c.at != 2050*time.Millisecond {
			t.Errorf("a full batch waited until %v", c.at)
		}
	}
	if !slices.IsSorted(seqs) || len(seqs) != 30 {
		t.Errorf("the records were sent in the order %v", seqs)
	}
}

// Pauses between attempts grow from a tenth of a second to five seconds, varied by up to a fifth,
// and the number of attempts has no limit.
func TestRetriesWithoutEnd(t *testing.T) {
	s := &script{answer: func(n int, _ []int64) verdict {
		if n < 500 {
			return again
		}
		return accepted
	}}
	inBubble(t, small, s, func(p *pipeline, emit func(from, to int64)) {
		emit(1, 1)
		time.Sleep(time.Hour)
		if p.lost.Load() != 0 || p.waiting() != 0 {
			t.Errorf("%d records are lost and %d wait, want none", p.lost.Load(), p.waiting())
		}
	})
	calls := s.made()
	if len(calls) != 500 {
		t.Fatalf("%d attempts were made in an hour, want 500", len(calls))
	}
	want := firstPause
	for i := 1; i < len(calls); i++ {
		if gap := calls[i].at - calls[i-1].at; gap < want*8/10 || gap > want*12/10 {
			t.Fatalf("pause %d is %v, want about %v", i, gap, want)
		}
		want = min(2*want, longPause)
	}
}

// A receiver that accepts a request and never answers blocks the pipeline only until the time limit
// of one attempt.
func TestAttemptHasALimit(t *testing.T) {
	s := &script{hang: true}
	inBubble(t, small, s, func(p *pipeline, emit func(from, to int64)) {
		emit(1, 1)
		time.Sleep(5 * time.Second)
		s.mu.Lock()
		s.hang = false
		s.mu.Unlock()
		time.Sleep(6 * time.Second)
		if p.waiting() != 0 || p.lost.Load() != 0 {
			t.Errorf("after the receiver recovered, %d records wait and %d are lost, want none", p.waiting(), p.lost.Load())
		}
	})
}

// Members are notified exactly once when export works again and the queue has room, however many attempts failed.
func TestRecovery(t *testing.T) {
	var works atomic.Bool
	s := &script{answer: func(int, []int64) verdict {
		if !works.Load() {
			return again
		}
		return accepted
	}}
	inBubble(t, small, s, func(p *pipeline, emit func(from, to int64)) {
		var notified atomic.Int32
		remove := p.recovery.add(func() { notified.Add(1) })
		emit(1, 10)
		synctest.Wait() // this batch is being exported
		emit(11, 250)
		time.Sleep(20 * time.Second)
		if notified.Load() != 0 {
			t.Errorf("members were notified %d times while no export succeeded", notified.Load())
		}
		works.Store(true)
		time.Sleep(10 * time.Second)
		if notified.Load() != 1 || p.lost.Load() != 140 {
			t.Errorf("members were notified %d times, and %d records were lost; want one notification and 140", notified.Load(), p.lost.Load())
		}
		emit(251, 260)
		time.Sleep(10 * time.Second)
		remove()
		if notified.Load() != 1 {
			t.Error("members were notified again without a new failure")
		}
	})
}

func TestFlush(t *testing.T) {
	s := &script{}
	inBubble(t, small, s, func(p *pipeline, emit func(from, to int64)) {
		emit(1, 3)
		if err := p.ForceFlush(context.Background()); err != nil || len(s.made()) != 1 || time.Since(s.begin) != 0 {
			t.Errorf("ForceFlush returned %v after %v and %d requests, want success after one request", err, time.Since(s.begin), len(s.made()))
		}
		s.mu.Lock()
		s.hang = true
		s.mu.Unlock()
		emit(4, 4)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := p.ForceFlush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ForceFlush to a receiver that does not answer returned %v", err)
		}
		s.mu.Lock()
		s.hang = false
		s.mu.Unlock()
	})
}

// Whatever the receiver refuses, each record is either exported once or counted as lost, and the
// order is kept.
func TestNothingUnaccountedFor(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		bad := rapid.SliceOfN(rapid.Int64Range(1, 80), 0, 5).Draw(rt, "bad")
		most := rapid.IntRange(1, 20).Draw(rt, "most")
		flaky := rapid.IntRange(2, 9).Draw(rt, "flaky")
		var got []int64
		s := &script{}
		s.answer = func(n int, seqs []int64) verdict {
			switch {
			case n%flaky == 0:
				return again
			case len(seqs) > most:
				return smaller
			case slices.ContainsFunc(seqs, func(seq int64) bool { return slices.Contains(bad, seq) }):
				return refused
			}
			got = append(got, seqs...)
			return accepted
		}
		var lost int64
		inBubble(t, small, s, func(p *pipeline, emit func(from, to int64)) {
			emit(1, 80)
			time.Sleep(time.Hour)
			lost = p.lost.Load()
		})
		slices.Sort(bad)
		bad = slices.Compact(bad)
		if lost != int64(len(bad)) || len(got)+len(bad) != 80 {
			rt.Fatalf("%d records were exported and %d lost, with %d that the receiver refuses", len(got), lost, len(bad))
		}
		if !slices.IsSorted(got) {
			rt.Fatal("records were exported out of order")
		}
	})
}

// The queue keeps the newest records up to its limit, in order, while it grows and overwrites.
func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 3000).Draw(t, "limit")
		q := recordQueue{limit: limit}
		var model []int64
		next := int64(0)
		for range rapid.IntRange(1, 10).Draw(t, "steps") {
			for range rapid.IntRange(0, 2*limit).Draw(t, "push") {
				var e emitted
				e.record.SetTimestamp(time.Unix(0, next))
				overwrote := q.push(e)
				model = append(model, next)
				next++
				if overwrote != (len(model) > limit) {
					t.Fatalf("push reported that it overwrote a record: %v, with %d records in a queue of at most %d", overwrote, len(model)-1, limit)
				}
				model = model[max(0, len(model)-limit):]
			}
			n := rapid.IntRange(0, limit).Draw(t, "take")
			for i, e := range q.take(nil, n) {
				if got := e.record.Timestamp().UnixNano(); got != model[i] {
					t.Fatalf("take returned record %d, want %d", got, model[i])
				}
			}
			model = model[min(n, len(model)):]
			if q.len() != len(model) {
				t.Fatalf("the queue has the length %d, want %d", q.len(), len(model))
			}
		}
	})
}
