package replay

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"chordconductor/conductor/internal/otlptest"
	"chordconductor/conductor/live"
	"chordconductor/conductor/lookups"
	"chordconductor/otel/chordevent"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var begin = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// record returns a recording: one message of logs per list, with an event at each of the given seconds after the
// beginning.
func record(t *testing.T, messages ...[]float64) []byte {
	t.Helper()
	var out []byte
	m := otlptest.NewMember(0, 1, 1)
	for _, times := range messages {
		events := make([]chordevent.Event, len(times))
		for i, at := range times {
			events[i] = m.Event(timestamp(at).AsTime(), chordevent.PredecessorChanged{})
		}
		logs := otlptest.Logs(events...)
		body, err := new(plog.ProtoMarshaler).MarshalLogs(logs)
		if err != nil {
			t.Fatal(err)
		}
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(body))), body...)
	}
	return out
}

// view records what it is offered, and the time of each offer by both clocks.
type view struct {
	full   int // the number of offers to refuse
	events []int64
	times  []time.Duration // arrived, since the recording's beginning
	walls  []time.Duration // since the start
	start  time.Time
}

func (v *view) Offer(events []chordevent.Event, arrived time.Time) error {
	if v.full > 0 {
		v.full--
		return live.ErrFull
	}
	for _, ev := range events {
		v.events = append(v.events, ev.Node.Seq)
		v.times = append(v.times, arrived.Sub(begin))
		v.walls = append(v.walls, time.Since(v.start).Round(time.Millisecond))
	}
	return nil
}

func (v *view) OfferSpans([]lookups.Span, []lookups.Point) {}

// playing starts a player; the returned function waits for its end.
func playing(t *testing.T, data []byte, speed float64, paused bool, full ...int) (*Player, *view, func() error) {
	t.Helper()
	p, err := New("recording", bytes.NewReader(data), speed, paused)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	v, done := &view{start: time.Now()}, make(chan error, 1)
	for _, n := range full {
		v.full = n
	}
	go func() { done <- p.Play(ctx, v) }()
	t.Cleanup(func() { cancel(); synctest.Wait() })
	synctest.Wait()
	return p, v, func() error { return <-done }
}

func is[T comparable](t *testing.T, what string, got []T, want ...T) {
	t.Helper()
	same := len(got) == len(want)
	for i := range min(len(got), len(want)) {
		same = same && got[i] == want[i]
	}
	if !same {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, v, wait := playing(t, record(t, []float64{0}, []float64{3, 4}, []float64{3.5}, []float64{10}), 2, false, 3) // a view that is behind is waited for
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		is(t, "events", v.events, 1, 2, 3, 4, 5)
		is(t, "by the wall clock", v.walls, 30*time.Millisecond, 2*time.Second, 2*time.Second, 2*time.Second, 5*time.Second)
		st := p.State()
		if !st.Ended || st.Events != 5 || !st.Time.Equal(begin.Add(10*time.Second)) || st.From != begin {
			t.Errorf("at the end: %+v", st)
		}
		time.Sleep(time.Hour)
		if p.Clock() != st.Time {
			t.Errorf("the clock goes past the end: %v", p.Clock())
		}
		if err := p.Step(t.Context(), 1); !errors.Is(err, ErrEnded) {
			t.Errorf("a step after the end: %v", err)
		}
	})
}

// A recording with messages of faulty clocks, wrong by seconds or by decades, first, last or between, and with hours of
// silence, plays to its end in no more time than the messages and the gaps that the player waits for take.
func TestNoClockDelaysTheReplay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var at, total float64
		var messages [][]float64
		wild := false // the message before has a faulty clock
		for range rapid.IntRange(1, 30).Draw(rt, "messages") {
			if !wild && rapid.IntRange(0, 3).Draw(rt, "kind") == 0 {
				off := rapid.SampledFrom([]float64{-1.7e9, -3600, 3600, 86400, 1e9, 5e9}).Draw(rt, "clock")
				messages, wild = append(messages, []float64{at + off}), true
				continue
			}
			gap := rapid.SampledFrom([]float64{0, 0.5, 20, 59, 61, 7200}).Draw(rt, "gap")
			if at += gap; gap <= LongGap.Seconds() {
				total += gap
			}
			messages, wild = append(messages, []float64{at}), false
		}
		synctest.Test(t, func(t *testing.T) {
			_, v, wait := playing(t, record(t, messages...), 1, false)
			if err := wait(); err != nil {
				rt.Fatal(err)
			}
			// The gaps on both sides of a message with a faulty clock may count as one, for which the player waits once
			// more.
			if took, most := time.Since(v.start).Seconds(), total+LongGap.Seconds()*float64(len(messages)); took > most || len(v.events) != len(messages) {
				rt.Fatalf("%v: %d events in %v s, want %d in %v at most", messages, len(v.events), took, len(messages), most)
			}
		})
	})
}

func TestPauseAndSpeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, v, wait := playing(t, record(t, []float64{0}, []float64{10}, []float64{20}), 1, false)
		time.Sleep(4 * time.Second)
		yes, no, fast := true, false, 100.0
		if err := p.Set(&yes, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if st := p.State(); !st.Paused || st.Time != begin.Add(4*time.Second) || st.Events != 1 {
			t.Errorf("paused: %+v", st)
		}
		if err := p.Set(&no, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6*time.Second + time.Millisecond)
		synctest.Wait()
		is(t, "events", v.events, 1, 2)
		if err := p.Set(nil, &fast); err != nil {
			t.Fatal(err)
		}
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(v.start) - time.Hour; took < 10100*time.Millisecond || took > 10110*time.Millisecond {
			t.Errorf("took %v", took)
		}
		for _, speed := range []float64{0, 0.09, 101, -1} {
			if err := p.Set(nil, &speed); err == nil {
				t.Errorf("speed %g is accepted", speed)
			}
		}
	})
}

// Steps play one event after the other, within a message too, and advance the clock. Then the replay continues from
// there.
func TestStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, v, wait := playing(t, record(t, []float64{0}, []float64{1, 3, 2}, []float64{9}), 1, true)
		time.Sleep(time.Minute)
		is(t, "events while paused", v.events)
		step := func(n int) {
			t.Helper()
			if err := p.Step(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		step(1)
		step(1)
		is(t, "two steps", v.events, 1, 2)
		step(2)
		is(t, "times", v.times, 0, time.Second, 3*time.Second, 3*time.Second)
		for _, n := range []int{0, -1, MaxStep + 1} {
			if err := p.Step(t.Context(), n); err == nil {
				t.Errorf("%d steps are accepted", n)
			}
		}
		no := false
		if err := p.Set(&no, nil); err != nil {
			t.Fatal(err)
		}
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		is(t, "by the wall clock", v.walls[4:], 66*time.Second)
	})
}

// A step beyond the end plays what is left, and does not wait forever; nor does a step whose caller has gone.
func TestStepAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, v, wait := playing(t, record(t, []float64{0, 1}), 1, true)
		if err := p.Step(t.Context(), 100); err != nil {
			t.Error(err)
		}
		if err := wait(); err != nil {
			t.Error(err)
		}
		is(t, "events", v.events, 1, 2)
	})
}

func TestSpansGoWithTheirMessage(t *testing.T) {
	traces := ptrace.NewTraces()
	span := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetName("chord.lookup")
	span.SetEndTimestamp(timestamp(1))
	body, err := new(ptrace.ProtoMarshaler).MarshalTraces(traces)
	if err != nil {
		t.Fatal(err)
	}
	data := append(record(t, []float64{0}), binary.BigEndian.AppendUint32(nil, uint32(len(body)))...)
	data = append(append(data, body...), record(t, []float64{2})...)
	synctest.Test(t, func(t *testing.T) {
		p, v, _ := playing(t, data, 1, true)
		if err := p.Step(t.Context(), 2); err != nil { // past the message without events
			t.Fatal(err)
		}
		if len(v.events) != 2 {
			t.Errorf("%d events", len(v.events))
		}
	})
}

func TestNothingToPlay(t *testing.T) {
	for name, data := range map[string][]byte{"empty": nil, "truncated": record(t, []float64{0})[:9], "foreign": []byte("PNG, 8 bits")} {
		if _, err := New(name, bytes.NewReader(data), 1, false); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := New("x", bytes.NewReader(record(t, []float64{0})), 1000, false); err == nil {
		t.Error("a speed of 1000 is accepted")
	}
}

func timestamp(after float64) pcommon.Timestamp {
	return pcommon.NewTimestampFromTime(begin.Add(time.Duration(after * float64(time.Second))))
}
