package replay

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"chordconductor/conductor/lookups"
	"chordconductor/otel/chordevent"
)

// signals records everything that it is offered, in order.
type signals struct{ got []string }

func (s *signals) Offer(events []chordevent.Event, _ time.Time) error {
	for _, ev := range events {
		s.got = append(s.got, fmt.Sprint("event ", ev.Node.Seq))
	}
	return nil
}

func (s *signals) OfferSpans(spans []lookups.Span, points []lookups.Point) {
	for _, span := range spans {
		s.got = append(s.got, fmt.Sprint("span ", span.ID))
	}
	for range points {
		s.got = append(s.got, "point")
	}
}

// framed prefixes a message with its length.
func framed(t *rapid.T, body []byte, err error) []byte {
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

// measured returns a message with data points of lookups' durations, among others that the view ignores.
func measured(t *rapid.T, points int) []byte {
	md := pmetric.NewMetrics()
	metrics := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	metrics.AppendEmpty().SetName("process.uptime")
	m := metrics.AppendEmpty()
	m.SetName(chordevent.LookupDuration.Name)
	m.SetUnit("s")
	h := m.SetEmptyHistogram()
	h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	for i := range points {
		p := h.DataPoints().AppendEmpty()
		p.SetTimestamp(timestamp(1))
		p.SetCount(uint64(i + 1))
		p.Attributes().PutStr(string(chordevent.OutcomeKey), fmt.Sprint(i))
	}
	if n := len(lookups.DecodeMetrics(md)); n != points {
		t.Fatalf("%d points, want %d", n, points)
	}
	body, err := new(pmetric.ProtoMarshaler).MarshalMetrics(md)
	return framed(t, body, err)
}

// traced returns a message with one span of a lookup.
func traced(t *rapid.T, n int) []byte {
	td := ptrace.NewTraces()
	s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetName("chord.v1.Ring/Forward")
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(pcommon.SpanID{byte(n + 1)})
	s.SetEndTimestamp(timestamp(0.001))
	if spans, broken := lookups.Decode(td); len(spans) != 1 || len(broken) > 0 {
		t.Fatalf("%d spans, %v", len(spans), broken)
	}
	body, err := new(ptrace.ProtoMarshaler).MarshalTraces(td)
	return framed(t, body, err)
}

// TestEverySignalIsPlayed: in whatever order a recording has events, spans and metrics, each message is played once, in
// that order. The first message may be of any signal, also of metrics, which have no time at which the replay could
// begin.
func TestEverySignalIsPlayed(t *testing.T) {
	logs := record(t, []float64{0}, []float64{0.001}, []float64{0.002}, []float64{0.003}, []float64{0.004}, []float64{0.005})
	var messages [][]byte
	for len(logs) > 0 {
		n := 4 + int(binary.BigEndian.Uint32(logs))
		messages, logs = append(messages, logs[:n]), logs[n:]
	}
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SliceOfN(rapid.SampledFrom([]string{"metrics", "traces", "events"}), 1, 6).Draw(t, "messages")
		var data []byte
		var want []string
		for i, kind := range append(kinds, "events") {
			switch kind {
			case "events":
				if len(messages) == 0 {
					continue
				}
				data = append(data, messages[i%len(messages)]...)
				want = append(want, fmt.Sprint("event ", i%len(messages)+1))
			case "traces":
				data = append(data, traced(t, i)...)
				want = append(want, fmt.Sprint("span ", pcommon.SpanID{byte(i + 1)}))
			case "metrics":
				n := rapid.IntRange(1, 3).Draw(t, "points")
				data = append(data, measured(t, n)...)
				want = append(want, slices.Repeat([]string{"point"}, n)...)
			}
		}
		p, err := New("signals", bytes.NewReader(data), MaxSpeed, false)
		if err != nil {
			t.Fatal(err)
		}
		v := &signals{}
		if err := p.Play(context.Background(), v); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(v.got, want) {
			t.Fatalf("of %v: played %v, want %v", kinds, v.got, want)
		}
	})
}
