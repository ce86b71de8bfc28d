package ingest

import (
	"context"
	"iter"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"chordconductor/otel/chordevent"
)

// Stats has the numbers of what was received and forwarded since the start.
type Stats struct {
	Events      uint64 `json:"events"`       // of Chord's vocabulary, passed to the ring view
	ForeignLogs uint64 `json:"foreign_logs"` // log records that are not Chord events
	Spans       uint64 `json:"spans"`
	DataPoints  uint64 `json:"data_points"`
	InFlight    int64  `json:"requests_in_work"`
	Refused     uint64 `json:"requests_refused"`   // under overload; their senders try again
	Malformed   uint64 `json:"requests_malformed"` // not OTLP, or too large
	Rejected    uint64 `json:"requests_rejected"`  // without the token, for another Host, or at the TLS handshake
	Cut         uint64 `json:"requests_cut"`       // their bodies arrived too slowly
	// Rejections lists the records that have event names of the vocabulary, or similar names, and are not events:
	// newest first, at most 100 kinds; RejectionsMore counts the records of further kinds.
	Rejections     []Rejection `json:"rejections"`
	RejectionsMore uint64      `json:"rejections_more"`

	Traces  Forwarded `json:"forward_traces"`
	Metrics Forwarded `json:"forward_metrics"`
	Logs    Forwarded `json:"forward_logs"`
}

// Forwarded counts the spans, data points or log records to be forwarded, by what became of them.
type Forwarded struct {
	Enabled    bool   `json:"enabled"`
	Sent       uint64 `json:"sent"`
	Dropped    uint64 `json:"dropped"`  // the queue was full, or the target rejected them permanently
	Rejected   uint64 `json:"rejected"` // the dropped records that the target rejected from requests which it accepted
	QueueBytes int64  `json:"queue_bytes"`
	QueueLimit int64  `json:"queue_limit_bytes"`
	Memory     int64  `json:"-"` // of the queue; 0 if it is on disk
}

// Stats returns the present counters.
func (s *Server) Stats() Stats {
	out := Stats{
		Events: s.pipeline.events.Load(), ForeignLogs: s.pipeline.foreignLogs.Load(),
		Spans: s.pipeline.spans.Load(), DataPoints: s.pipeline.points.Load(),
		InFlight: s.gate.inFlight.Load(), Refused: s.gate.refused.Load(), Malformed: s.gate.malformed.Load(),
		Rejected: s.gate.rejected.Load(), Cut: s.gate.aborted.Load(),
	}
	out.Rejections, out.RejectionsMore = s.pipeline.broken.list()
	if s.pipeline.traces != nil {
		out.Traces = s.pipeline.traces.forwarded()
	}
	if s.pipeline.metrics != nil {
		out.Metrics = s.pipeline.metrics.forwarded()
	}
	if s.pipeline.logsOn != nil {
		out.Logs = s.pipeline.logsOn.forwarded()
	}
	return out
}

func (f *forwarder) forwarded() Forwarded {
	rejected, sent := f.rejected.Load(), f.sent.Load()
	out := Forwarded{
		Enabled: true, Sent: sent, Dropped: f.dropped.Load() + rejected, Rejected: rejected,
		QueueBytes: f.queued(), QueueLimit: f.gauge(queueCapacityName),
	}
	if f.ledger != nil {
		out.Memory = f.ledger.held(out.QueueBytes)
	}
	return out
}

// instrument makes the metrics. All of them are read from the counters when the meter collects.
func (s *Server) instrument(meter metric.Meter) error {
	_, err := chordevent.Received.Int64ObservableCounter(meter, func(_ context.Context, o metric.Int64Observer) error {
		st := s.Stats()
		observe := func(signal, outcome string, n uint64) {
			o.Observe(int64(n), metric.WithAttributes(chordevent.SignalKey.String(signal), chordevent.OutcomeKey.String(outcome)))
		}
		observe("logs", "event", st.Events)
		observe("logs", "foreign", st.ForeignLogs)
		observe("traces", "ok", st.Spans)
		observe("metrics", "ok", st.DataPoints)
		return nil
	})
	if err != nil {
		return err
	}
	_, err = chordevent.Forwarded.Int64ObservableCounter(meter, func(_ context.Context, o metric.Int64Observer) error {
		for target, f := range s.targets() {
			signal := []attribute.KeyValue{chordevent.SignalKey.String(target), chordevent.ForwardTargetKey.String(target)}
			o.Observe(int64(f.Sent), metric.WithAttributes(append(signal, chordevent.OutcomeKey.String("sent"))...))
			o.Observe(int64(f.Dropped), metric.WithAttributes(append(signal, chordevent.OutcomeKey.String("dropped"))...))
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = chordevent.ForwardQueue.Int64ObservableGauge(meter, func(_ context.Context, o metric.Int64Observer) error {
		for target, f := range s.targets() {
			o.Observe(f.QueueBytes, metric.WithAttributes(chordevent.ForwardTargetKey.String(target)))
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = chordevent.QueueUtilization.Float64ObservableGauge(meter, func(_ context.Context, o metric.Float64Observer) error {
		for target, f := range s.targets() {
			if f.QueueLimit > 0 { // the exporter reports the limit as soon as it has started
				o.Observe(float64(f.QueueBytes)/float64(f.QueueLimit), metric.WithAttributes(chordevent.QueueKey.String("forward_"+target)))
			}
		}
		return nil
	})
	return err
}

// targets iterates over the forwarded signals and their counts.
func (s *Server) targets() iter.Seq2[string, Forwarded] {
	st := s.Stats()
	return func(yield func(string, Forwarded) bool) {
		for _, t := range []struct {
			signal string
			Forwarded
		}{{"traces", st.Traces}, {"metrics", st.Metrics}, {"logs", st.Logs}} {
			if t.Enabled && !yield(t.signal, t.Forwarded) {
				return
			}
		}
	}
}
