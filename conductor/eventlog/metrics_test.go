package eventlog

import (
	"testing"
	"time"

	"chordconductor/conductor/internal/otlptest"
	"chordconductor/otel/chordevent"
)

// What is recorded, and what is not, shows in the conductor's metrics.
func TestMetrics(t *testing.T) {
	p := otlptest.NewProbe()
	outcome := func(o string) string { return string(chordevent.OutcomeKey) + "=" + o + ";" }
	h, err := Open(Options{Meter: p})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Unix(1790000000, 0)
	_, events := otlptest.Ring(8, 2, begin)
	for i := range events {
		h.Append(&events[i], begin.Add(time.Duration(i)*time.Second))
	}
	h.Flush()
	if got := p.Values(t, chordevent.HistoryEntries); got[outcome("recorded")] != 8 || got[outcome("dropped")] != 0 || got[outcome("failed")] != 0 || len(got) != 3 {
		t.Errorf("entries %v, want 8 recorded", got)
	}
	if got := p.Values(t, chordevent.HistorySize)[""]; got == 0 || got != h.Stats().Bytes {
		t.Errorf("size %d, want %d", got, h.Stats().Bytes)
	}
	if got := p.Values(t, chordevent.HistoryReach)[""]; got != 7 {
		t.Errorf("it reaches %d s back, want 7", got)
	}
	if got := p.Values(t, chordevent.HistoryWaiting)[""]; got != 0 {
		t.Errorf("%d wait", got)
	}
	if got := p.Shares(t, chordevent.QueueUtilization); len(got) != 1 || got["chord.queue=history;"] != 0 {
		t.Errorf("utilization %v, want an empty queue", got)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	h.Append(&events[0], begin.Add(time.Minute))
	if got := p.Values(t, chordevent.HistoryEntries)[outcome("dropped")]; got != 1 {
		t.Errorf("%d dropped after the end, want 1", got)
	}
}
