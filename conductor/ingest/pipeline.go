package ingest

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/conductor/live"
	"chordconductor/conductor/lookups"
	"chordconductor/otel/chordevent"
)

// A pipeline splits decoded requests into events, lookup spans and the rest. It runs in the goroutines of the requests.
type pipeline struct {
	sink     Sink
	gate     *gate
	traces   *forwarder // nil: off
	metrics  *forwarder // nil: off
	logsOn   *forwarder // nil: off
	broken   *rejections
	measured func(pmetric.Metrics)
	logs     func(plog.Logs)
	seen     func(ptrace.Traces)

	events, foreignLogs, spans, points atomic.Uint64
}

// consumeLogs passes events to the ring view. It is the only place where a sender is asked to try again: its events
// must not be lost. The verdict names the records that were not accepted as events. memory is that of the decoded
// request, in bytes.
func (p *pipeline) consumeLogs(ctx context.Context, ld plog.Logs, memory int64) (answer verdict, err error) {
	type refused struct {
		from chordevent.Source
		err  *chordevent.DecodeError
	}
	arrived := time.Now()
	var (
		events   []chordevent.Event
		rejected []refused
		foreign  int
		ignored  int
	)
	for source, record := range chordevent.Records(ld) {
		if !chordevent.IsEvent(record) {
			foreign++
			continue
		}
		if events == nil {
			events = make([]chordevent.Event, 0, ld.LogRecordCount()-foreign)
		}
		ev, unknown, err := chordevent.Decode(source, record)
		ignored += unknown
		var bad *chordevent.DecodeError
		switch {
		case err == nil:
			events = append(events, ev)
		case errors.As(err, &bad):
			rejected = append(rejected, refused{source, bad})
		}
	}
	switch err := p.sink.Offer(events, arrived); {
	case errors.Is(err, live.ErrFull):
		return answer, p.gate.refuse("the ring view is behind")
	case err != nil:
		return answer, status.Error(codes.Unavailable, err.Error())
	}
	// Records are counted, published and forwarded only now: a batch that was refused above is sent again.
	if p.logs != nil {
		p.logs(ld)
	}
	p.logsOn.forwardLogs(ctx, ld, memory)
	p.events.Add(uint64(len(events)))
	p.foreignLogs.Add(uint64(foreign))
	for _, r := range rejected {
		p.sink.Reject(r.err.Reason)
		p.broken.note(arrived, r.from, r.err)
		answer.add(r.err)
	}
	if ignored > 0 {
		p.sink.Ignore(ignored)
	}
	return answer, nil
}

// consumeTraces passes spans of lookups to the view, then forwards all spans. A forwarder whose queue is full drops and
// counts them: neither the view nor a sender waits for it. The verdict names the spans that have a name of the
// vocabulary and violate it; they are forwarded nevertheless.
func (p *pipeline) consumeTraces(ctx context.Context, td ptrace.Traces, memory int64) (answer verdict) {
	p.spans.Add(uint64(td.SpanCount()))
	spans, broken := lookups.Decode(td)
	p.sink.OfferSpans(spans, nil)
	now := time.Now()
	for _, b := range broken {
		p.broken.note(now, b.From, b.Err)
		answer.add(b.Err)
	}
	if p.seen != nil {
		p.seen(td)
	}
	p.traces.forwardTraces(ctx, td, memory)
	return answer
}

func (p *pipeline) consumeMetrics(ctx context.Context, md pmetric.Metrics, memory int64) error {
	p.points.Add(uint64(md.DataPointCount()))
	p.sink.OfferSpans(nil, lookups.DecodeMetrics(md))
	if p.measured != nil {
		p.measured(md)
	}
	p.metrics.forwardMetrics(ctx, md, memory)
	return nil
}
