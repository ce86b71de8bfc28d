package otel

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/sdk/resource"

	"chordconductor/otel/chordevent"
)

// An event is copied onto the span of its context if that span is recorded.
func TestBridge(t *testing.T) {
	tr, recorder := testTracer(Sampling{Lookups: -1})
	p := newPipeline(resource.Empty(), discard{}, small, func(error) {})
	defer p.Shutdown(context.Background())
	logger := eventLoggers{p: p}.Logger("test")
	ev := numbered(5)

	recording, span := tr.Start(context.Background(), chordevent.SpanJoin)
	unsampled, dropped := tr.Start(context.Background(), chordevent.SpanLookup)
	emit(recording, logger, ev)
	emit(unsampled, logger, ev)
	emit(context.Background(), logger, ev)
	span.End()
	dropped.End()

	if n := len(recorder.Ended()); n != 1 {
		t.Fatalf("%d spans were recorded, want 1", n)
	}
	got := recorder.Ended()[0].Events()
	if len(got) != 1 {
		t.Fatalf("%d span events, want 1", len(got))
	}
	if got[0].Name != string(chordevent.KindPredecessor) || !got[0].Time.Equal(ev.Time) {
		t.Errorf("the span event is %s at %v", got[0].Name, got[0].Time)
	}
	attrs := map[string]string{}
	for _, kv := range got[0].Attributes {
		attrs[string(kv.Key)] = kv.Value.String()
	}
	if attrs["chord.predecessor.address"] != "127.0.0.1:7002" || attrs["chord.event.seq"] != "5" {
		t.Errorf("the span event has the attributes %v", attrs)
	}
}

// A program is notified of failures, but not of each one.
func TestReporter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported errorLog
		r := &reporter{outage: &outage{notify: reported.add}}
		for range 100 {
			r.report(errors.New("no"))
		}
		time.Sleep(reportGap)
		r.report(errors.New("still no"))
		r.report(nil)
		if len(reported.errs) != 2 || !strings.Contains(reported.String(), "99 more failures") {
			t.Errorf("the program was notified of %v", &reported)
		}
		(&reporter{outage: new(outage)}).report(errors.New("no receiver"))
	})
}
