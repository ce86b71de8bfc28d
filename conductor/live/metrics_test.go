package live

import (
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"chordconductor/conductor/internal/otlptest"
	"chordconductor/conductor/lookups"
	"chordconductor/otel/chordevent"
)

func TestOwnMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := otlptest.NewProbe()
		l := running(t, Config{Meter: p})
		l.cfg.Ring.Assertions.Failed(chordevent.AssertMemberOrder, "for this test")
		_, events := otlptest.Ring(16, 4, time.Now())
		l.Offer(events, time.Now())
		l.Offer(events[:3:3], time.Now()) // sent twice
		l.Reject(chordevent.ReasonMissing)
		l.Ignore(2)
		time.Sleep(time.Second + advanceEvery/2)
		synctest.Wait()
		for _, c := range []struct {
			metric chordevent.Metric
			key    string
			want   int64
		}{
			{chordevent.RingMembers, "chord.member.status=active;chord.ring.name=test;", 16},
			{chordevent.RingMembers, "chord.member.status=failed;chord.ring.name=test;", 0},
			{chordevent.RingError, "chord.ring.name=test;", 0},
			{chordevent.RingStatus, "chord.ring.name=test;chord.ring.status=ideal;", 1},
			{chordevent.RingStatus, "chord.ring.name=test;chord.ring.status=repairing;", 0},
			{chordevent.RingUncertain, "chord.ring.name=test;", 0},
			{chordevent.RingRefused, "chord.ring.name=test;", 0},
			{chordevent.ConductorEvents, "chord.event.outcome=applied;", 16},
			{chordevent.ConductorEvents, "chord.event.outcome=outdated;", 3},
			{chordevent.ConductorEvents, "chord.event.outcome=missing;", 1},
			{chordevent.ConductorIgnored, "", 2},
			{chordevent.ConductorQueue, "chord.queue=events;", 0},
			{chordevent.ConductorDropped, "chord.queue=spans;", 0},
			{chordevent.ConductorAssertions, "chord.assertion=member_order;", 1},
			{chordevent.ConductorAssertions, "chord.assertion=tree_weights;", 0},
		} {
			values := p.Values(t, c.metric)
			if got, found := values[c.key]; !found || got != c.want {
				t.Errorf("%s{%s} = %d (found: %v), want %d; all: %v", c.metric.Name, c.key, got, found, c.want, values)
			}
		}
		if got := p.Shares(t, chordevent.RingCertain); len(got) != 1 || got["chord.ring.name=test;"] != 1 {
			t.Errorf("certain %v, want all", got)
		}
		if got := p.Shares(t, chordevent.QueueUtilization); len(got) != 2 || got["chord.queue=events;"] != 0 || got["chord.queue=spans;"] != 0 {
			t.Errorf("utilization %v, want two empty queues", got)
		}
		// A series that appears only once it is above 0 has no increase that rate() and increase() can detect.
		for key, m := range map[attribute.Key]chordevent.Metric{
			chordevent.MemberStatusKey: chordevent.RingMembers, chordevent.RingStatusKey: chordevent.RingStatus, chordevent.ConditionKey: chordevent.RingViolations, chordevent.QueueKey: chordevent.ConductorQueue,
			chordevent.FaultKindKey: chordevent.RingFaults, chordevent.EventOutcomeKey: chordevent.ConductorEvents,
		} {
			if got, want := p.Values(t, m), m.Values(key); len(got) != len(want) {
				t.Errorf("%s has %v, want each of %v from the start", m.Name, got, want)
			}
		}
		if n := p.Recorded(chordevent.RingStaleness); n != 19 {
			t.Errorf("staleness of %d events recorded, want 19", n)
		}

		odd := otlptest.NewMember(16, 17, time.Now().UnixNano()).Event(time.Now(), chordevent.Started{Bits: 160, ListLen: 4, Replicas: 2})
		l.Offer([]chordevent.Event{odd}, time.Now())
		time.Sleep(advanceEvery)
		synctest.Wait()
		if n := p.Values(t, chordevent.RingRefused)["chord.ring.name=test;"]; n != 1 {
			t.Errorf("%d members refused, want the one of another --replicas", n)
		}
		for status, n := range p.Values(t, chordevent.RingMembers) {
			if n != 0 && n != 16 {
				t.Errorf("%d members in the view, %s", n, status)
			}
		}

		// A trace whose first span never arrives is dropped. It does not count as a full queue, for which there is an
		// alert.
		l.OfferSpans([]lookups.Span{{Trace: trace.TraceID{1}, ID: trace.SpanID{2}, Name: chordevent.SpanLookupHop}}, nil)
		time.Sleep(2 * lookups.MaxAge)
		synctest.Wait()
		if n := l.Stats().SpansDropped; n != 1 {
			t.Errorf("%d spans dropped, want the trace dropped", n)
		}
		if n := p.Values(t, chordevent.ConductorDropped)["chord.queue=spans;"]; n != 0 {
			t.Errorf("%d dropped by a full queue, want none", n)
		}
	})
}
