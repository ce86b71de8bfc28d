package recording

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"chordconductor/conductor/internal/otlpscan"
)

// maxMessage bounds the bytes of one message; it is the receiver's own limit for one request.
const maxMessage = 64 << 20

// A Message is one recorded request. Exactly one of the fields is set.
type Message struct {
	Logs    *plog.Logs
	Traces  *ptrace.Traces
	Metrics *pmetric.Metrics
}

// A Reader reads a recording from its beginning.
type Reader struct {
	from   *bufio.Reader
	offset int64 // of the next message
}

// NewReader returns a Reader that reads from r.
func NewReader(r io.Reader) *Reader { return &Reader{from: bufio.NewReaderSize(r, 1<<16)} }

// A DamageError describes where the readable part of a recording ends, and why.
type DamageError struct {
	Offset int64
	What   string
}

func (e *DamageError) Error() string { return fmt.Sprintf("at byte %d: %s", e.Offset, e.What) }

// Next returns the next message, or io.EOF at the end. Any other error is a DamageError or an error of the underlying
// reader.
func (r *Reader) Next() (Message, error) {
	head := make([]byte, 4)
	switch n, err := io.ReadFull(r.from, head); {
	case errors.Is(err, io.EOF):
		return Message{}, io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		return Message{}, r.damage(head[:n], "the file ends within a message's length")
	case err != nil:
		return Message{}, err
	}
	size := int64(binary.BigEndian.Uint32(head))
	if size > maxMessage {
		rest, _ := r.from.Peek(peeked) // the bytes are only needed to recognize the format
		return Message{}, r.damage(append(head, rest...), "a message of %d bytes is over the limit of %d: this is not a recording of OTLP in protobuf framing", size, maxMessage)
	}
	body, err := io.ReadAll(io.LimitReader(r.from, size)) // grows with the bytes read, not with the length announced
	if err != nil {
		return Message{}, err
	}
	if int64(len(body)) < size {
		return Message{}, r.damage(begin(head, body), "the file ends within a message: expected %d bytes, got %d", size, len(body))
	}
	if isZstd(body) { // a small zstd frame could pass for a request of unknown fields
		return Message{}, r.damage(begin(head, body), "a message that is no OTLP")
	}
	m, err := decode(body)
	switch {
	case errors.Is(err, otlpscan.ErrDeep):
		return Message{}, &DamageError{r.offset, "a message whose " + otlpscan.ErrDeep.Error()}
	case err != nil:
		return Message{}, r.damage(begin(head, body), "a message that is not OTLP")
	}
	r.offset += int64(len(head)) + size
	return m, nil
}

// damage returns the error for an unreadable message: it names the message's format if that is a known one, and
// otherwise what is wrong.
func (r *Reader) damage(data []byte, format string, args ...any) error {
	if what := foreign(data); what != "" {
		return &DamageError{r.offset, what}
	}
	return &DamageError{r.offset, fmt.Sprintf(format, args...)}
}

// begin returns the beginning of a message, its length included.
func begin(head, body []byte) []byte { return append(head, body[:min(len(body), peeked)]...) }

// Offset returns the position of the next message, in bytes.
func (r *Reader) Offset() int64 { return r.offset }

// decode tries the three signals. A message of another signal is an error of the scan or of the decoder: records, spans
// and metrics begin with fields of different types. The scan comes first, since a decoder recurses as deep as values
// nest.
func decode(body []byte) (m Message, err error) {
	var deep error
	try := func(signal otlpscan.Signal, decode func() error) bool {
		if deep != nil {
			return false // the message could pass for one of another signal, whose fields with those numbers are strings, or unknown
		}
		if _, err = otlpscan.Proto(signal, body); errors.Is(err, otlpscan.ErrDeep) {
			deep = err
		}
		if err == nil {
			err = decode()
		}
		return err == nil
	}
	switch {
	case try(otlpscan.Logs, func() error {
		logs, err := new(plog.ProtoUnmarshaler).UnmarshalLogs(body)
		m = Message{Logs: &logs}
		return err
	}):
	case try(otlpscan.Traces, func() error {
		traces, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(body)
		m = Message{Traces: &traces}
		return err
	}):
	case try(otlpscan.Metrics, func() error {
		metrics, err := new(pmetric.ProtoUnmarshaler).UnmarshalMetrics(body)
		m = Message{Metrics: &metrics}
		return err
	}):
	case deep != nil:
		return Message{}, deep
	default:
		return Message{}, err
	}
	return m, nil
}
