package ingest

import (
	"context"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"chordconductor/conductor/internal/otlpscan"
)

// A query describes a request's body, according to its headers.
type query struct {
	signal  otlpscan.Signal
	json    bool   // else protobuf
	packing string // name of the compression in unpackers; empty: none
}

// message is a request or an answer of any signal.
type message interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
}

type unmarshaler interface {
	UnmarshalProto([]byte) error
	UnmarshalJSON([]byte) error
}

func (q query) read(m unmarshaler, body []byte) error {
	var err error
	if q.json {
		err = m.UnmarshalJSON(body)
	} else {
		err = m.UnmarshalProto(body)
	}
	if err != nil {
		return malformed("not an OTLP request: %v", err)
	}
	return nil
}

func (q query) write(m message) ([]byte, error) {
	if q.json {
		return m.MarshalJSON()
	}
	return m.MarshalProto()
}

// take decompresses and decodes a complete body, passes it on, and returns the answer, all within one admitted slot.
func (p *port) take(ctx context.Context, q query, body []byte) (answer []byte, err error) {
	err = p.gate.admit(ctx, q.signal, len(body), func(w *work) (err error) {
		answer, err = p.decode(ctx, q, body, w)
		return err
	})
	return answer, err
}

func (p *port) decode(ctx context.Context, q query, body []byte, work *work) (_ []byte, err error) {
	if q.packing != "" {
		if body, err = unpack(ctx, q.packing, body, p.gate.maxBytes, work); err != nil {
			return nil, err
		}
	}
	need, err := p.look(ctx, q, &body, work)
	if err != nil {
		return nil, err
	}
	switch q.signal {
	case otlpscan.Logs:
		m := plogotlp.NewExportRequest()
		var result verdict
		if err = q.read(m, body); err == nil {
			result, err = p.pipeline.consumeLogs(ctx, m.Logs(), need)
		}
		if err == nil {
			answer := plogotlp.NewExportResponse()
			if text := result.message(); text != "" {
				answer.PartialSuccess().SetRejectedLogRecords(result.rejected)
				answer.PartialSuccess().SetErrorMessage(text)
			}
			return q.write(answer)
		}
	case otlpscan.Traces:
		m := ptraceotlp.NewExportRequest()
		if err = q.read(m, body); err == nil {
			result := p.pipeline.consumeTraces(ctx, m.Traces(), need)
			answer := ptraceotlp.NewExportResponse()
			if text := result.message(); text != "" {
				answer.PartialSuccess().SetRejectedSpans(result.rejected)
				answer.PartialSuccess().SetErrorMessage(text)
			}
			return q.write(answer)
		}
	default:
		m := pmetricotlp.NewExportRequest()
		if err = q.read(m, body); err == nil {
			err = p.pipeline.consumeMetrics(ctx, m.Metrics(), need)
		}
		if err == nil {
			return q.write(pmetricotlp.NewExportResponse())
		}
	}
	return nil, err
}

// look scans a body before it is decoded, and takes the memory that the decoded request needs. For logs it takes half
// as much again, since events are read from them.
func (p *port) look(ctx context.Context, q query, body *[]byte, w *work) (need int64, err error) {
	if q.json {
		*body = otlpscan.TrimBOM(*body)
		if !utf8.Valid(*body) { // the decoder quotes what it cannot read, in a message that must be text
			return 0, malformed("not an OTLP request: the JSON is not UTF-8")
		}
		need, err = otlpscan.JSON(q.signal, *body)
	} else {
		need, err = otlpscan.Proto(q.signal, *body)
	}
	if err != nil {
		return 0, malformed("not an OTLP request: %v", err)
	}
	hold := need
	if q.signal == otlpscan.Logs {
		hold += need / 2
	}
	return need, w.hold(ctx, hold)
}
