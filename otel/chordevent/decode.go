package chordevent

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
)

const namePrefix = "chord."

// A Source is what the records of one resource have in common.
type Source struct {
	Ring     string // chord.ring.name
	Instance string // service.instance.id
}

// SourceOf reads a resource. Attributes that are missing or no strings stay empty.
func SourceOf(res pcommon.Resource) Source {
	var s Source
	for key, v := range res.Attributes().All() {
		switch key {
		case string(RingNameKey):
			s.Ring = shortText(v)
		case string(ServiceInstanceIDKey):
			s.Instance = shortText(v)
		}
	}
	return s
}

func shortText(v pcommon.Value) string {
	if text := v.Str(); len(text) <= MaxText {
		return valid(text)
	}
	return ""
}

// IsEvent reports whether a record claims to be of this vocabulary, from its name alone. Other records are forwarded
// unchanged and not decoded. A name in other letters, or in one of the fields that held names of events before records
// got a field for them, claims it too: Decode returns what to change.
func IsEvent(rec plog.LogRecord) bool {
	name, _ := nameOf(rec)
	return name != ""
}

// nameOf returns the name by which a record claims to be of this vocabulary, and the field that has
// it if that is not the field for names.
func nameOf(rec plog.LogRecord) (name, place string) {
	if name = rec.EventName(); name != "" {
		return claimed(name), ""
	}
	if v, ok := rec.Attributes().Get("event.name"); ok {
		if name = claimed(v.Str()); name != "" {
			return name, "event.name"
		}
	}
	if name = rec.Body().Str(); len(name) < maxName && byName[strings.ToLower(name)] != nil { // other texts may begin like one
		return name, "body"
	}
	return "", ""
}

// maxName exceeds the bytes of the longest event name.
const maxName = 64

func claimed(name string) string {
	if len(name) >= len(namePrefix) && strings.EqualFold(name[:len(namePrefix)], namePrefix) {
		return name
	}
	return ""
}

// misnamed returns the error of a record whose name the table does not have.
func misnamed(rec plog.LogRecord) *DecodeError {
	name, place := nameOf(rec)
	e := &DecodeError{Event: shorten(name), Reason: ReasonUnknown}
	switch l := byName[strings.ToLower(shorten(name))]; {
	case place != "":
		e.Attribute, e.Expected, e.Got = place, "the name in the record's field event_name", "it in this one"
	case l != nil:
		e.Attribute, e.Expected, e.Got = "event_name", string(l.Kind), e.Event
	}
	return e
}

// Decode reads an event. Attributes that the event's row in the table does not name are skipped, and ignored is their
// number. An event name that the table does not have is the reason ReasonUnknown; whatever else is wrong is malformed.
// All errors are a *DecodeError.
//
// The event keeps the record's strings but nothing else of it, so the record may be changed or reused afterwards.
func Decode(src Source, rec plog.LogRecord) (ev Event, ignored int, err error) {
	l := byName[rec.EventName()]
	if l == nil {
		return Event{}, 0, misnamed(rec)
	}
	d := decoder{layout: l}
	ignored = d.collect(rec.Attributes())

	ev = Event{
		Ring:     src.Ring,
		Instance: src.Instance,
		Trace:    trace.TraceID(rec.TraceID()),
		Span:     trace.SpanID(rec.SpanID()),
		Time:     d.time(rec),
	}
	if d.err == nil {
		if l.Kind != KindHostState {
			ev.Node = Node{ID: d.id(fNodeID), Incarnation: d.count(fNodeIncarnation), Seq: d.between(fEventSeq, 1, math.MaxInt64)}
			ev.Node.Digits = d.digits
		}
		ev.Host = Host{ID: d.text(fHostID), Address: d.text(fHostAddress)}
		ev.Body = d.body(ev.Node.ID)
	}
	if d.err != nil {
		return Event{}, ignored, d.err
	}
	return ev, ignored, nil
}

// shorten makes a foreign name printable and short.
func shorten(name string) string {
	const most = 64
	if len(name) > most {
		name = name[:most]
	}
	return strings.ToValidUTF8(name, "")
}

// A decoder collects the values of one record, then returns them checked. After the first failure it returns zeroes.
type decoder struct {
	layout *layout
	seen   uint64
	vals   [numFields]pcommon.Value
	digits int // hex digits of every identifier in the record; 0 before the first
	err    *DecodeError
}

func (d *decoder) fail(f field, why Reason) {
	if d.err == nil {
		d.err = &DecodeError{Event: string(d.layout.Kind), Attribute: string(attrs[f].Key), Reason: why, Expected: expected(f, why)}
		if d.seen&(1<<f) != 0 {
			d.err.Got = got(d.vals[f])
		}
	}
}

// failRange records the error that f's number is not between least and most.
func (d *decoder) failRange(f field, least, most int64) {
	if d.err != nil {
		return
	}
	d.fail(f, ReasonRange)
	bounds := fmt.Sprintf("int of %d or more", least)
	if most < math.MaxInt64 {
		bounds = fmt.Sprintf("int from %d to %d", least, most)
	}
	d.err.Expected = bounds + ": " + attrs[f].Text
}

// failType is fail for a value of another type, which is not one of those collected.
func (d *decoder) failType(f field, v pcommon.Value) {
	if d.err == nil {
		d.fail(f, ReasonType)
		d.err.Got = got(v)
	}
}

// expected returns what the table has for an attribute, as far as the reason concerns it.
func expected(f field, why Reason) string {
	kind := kindName(attrs[f].Type)
	if attrs[f].Type == pcommon.ValueTypeSlice {
		kind = "array of " + kindName(attrs[f].Elem)
	}
	switch why {
	case ReasonMissing, ReasonType:
		return kind
	case ReasonDuplicate:
		return "one " + kind
	case ReasonLength:
		return kind + " within the bounds, and arrays of one length side by side"
	}
	return kind + ": " + attrs[f].Text
}

func kindName(t pcommon.ValueType) string {
	if t == pcommon.ValueTypeStr {
		return "string"
	}
	return strings.ToLower(t.String())
}

// got formats an attribute's value for the error sent to the emitter: its type, and the beginning of its text.
func got(v pcommon.Value) string {
	const most = 40
	switch v.Type() {
	case pcommon.ValueTypeEmpty:
		return "an empty value"
	case pcommon.ValueTypeSlice:
		return fmt.Sprintf("array of %d", v.Slice().Len())
	case pcommon.ValueTypeMap, pcommon.ValueTypeBytes:
		return kindName(v.Type())
	}
	text := v.AsString()
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return fmt.Sprintf("%s %q", kindName(v.Type()), text)
}

func (d *decoder) collect(m pcommon.Map) (ignored int) {
	l := d.layout
	next := 0
	for key, v := range m.All() {
		if next == len(l.Fields) || string(attrs[l.Fields[next]].Key) != key {
			at, known := l.position(key)
			if !known {
				ignored++
				continue
			}
			next = at
		}
		f := l.Fields[next]
		next++
		if d.seen&(1<<f) != 0 {
			d.fail(f, ReasonDuplicate)
			return ignored
		}
		if v.Type() != attrs[f].Type {
			d.failType(f, v)
			return ignored
		}
		d.seen |= 1 << f
		d.vals[f] = v
	}
	if missing := l.required &^ d.seen; missing != 0 {
		for _, f := range l.Fields {
			if missing&(1<<f) != 0 {
				d.fail(f, ReasonMissing)
				return ignored
			}
		}
	}
	return ignored
}

// time returns the event's timestamp; if the sender has set none, the time at which the record was
// first observed.
func (d *decoder) time(rec plog.LogRecord) time.Time {
	ts := rec.Timestamp()
	if ts == 0 {
		ts = rec.ObservedTimestamp()
	}
	if ts == 0 || ts > math.MaxInt64 {
		if d.err == nil {
			d.err = &DecodeError{
				Event: string(d.layout.Kind), Attribute: "timestamp", Reason: ReasonRange, Expected: "nanoseconds since 1970, above 0", Got: strconv.FormatUint(uint64(ts), 10),
			}
		}
		return time.Time{}
	}
	return ts.AsTime()
}

func (d *decoder) text(f field) string {
	if d.seen&(1<<f) == 0 {
		return ""
	}
	return d.checkText(f, d.vals[f])
}

func (d *decoder) checkText(f field, v pcommon.Value) string {
	s := v.Str()
	if len(s) > MaxText {
		d.fail(f, ReasonLength)
		return ""
	}
	if !utf8.ValidString(s) {
		d.fail(f, ReasonSyntax)
		return ""
	}
	return s
}

// count reads a number that cannot be negative; absent means 0.
func (d *decoder) count(f field) int64 { return d.between(f, 0, math.MaxInt64) }

func (d *decoder) between(f field, least, most int64) int64 {
	if d.seen&(1<<f) == 0 {
		return 0
	}
	n := d.vals[f].Int()
	if n < least || n > most {
		d.failRange(f, least, most)
		return 0
	}
	return n
}

func (d *decoder) flag(f field) bool { return d.err == nil && d.vals[f].Bool() }

func (d *decoder) id(f field) chord.ID {
	if d.err != nil {
		return chord.ID{}
	}
	return d.checkID(f, d.vals[f].Str())
}

func (d *decoder) checkID(f field, s string) chord.ID {
	id, ok := chord.IDFromHex(s)
	if d.digits == 0 {
		d.digits = len(s)
	}
	if !ok || len(s) != d.digits {
		d.fail(f, ReasonSyntax)
		return chord.ID{}
	}
	return id
}

// peer reads the four attributes that begin with first; an empty identifier is "none".
func (d *decoder) peer(first field) PeerRef {
	if d.err != nil || d.vals[first].Str() == "" {
		return PeerRef{}
	}
	for f := first + 1; f < first+4; f++ {
		if d.seen&(1<<f) == 0 {
			d.fail(f, ReasonMissing)
			return PeerRef{}
		}
	}
	return PeerRef{
		Peer: chord.Peer{ID: d.id(first), Addr: d.text(first + 1), Incarnation: d.count(first + 2)},
		Seq:  d.count(first + 3),
	}
}

// lists checks that the arrays from first on have one length, which it returns, and elements of their type.
func (d *decoder) lists(first field, arrays field, most int) int {
	if d.err != nil {
		return 0
	}
	n := d.vals[first].Slice().Len()
	if n > most {
		d.fail(first, ReasonLength)
		return 0
	}
	for f := first; f < first+arrays; f++ {
		values := d.vals[f].Slice()
		if values.Len() != n {
			d.fail(f, ReasonLength)
			return 0
		}
		for i := range n {
			if values.At(i).Type() != attrs[f].Elem {
				d.fail(f, ReasonType)
				return 0
			}
		}
	}
	return n
}

// peerAt reads entry i of the four arrays that begin with first, which lists has checked.
func (d *decoder) peerAt(first field, i int) (p PeerRef) {
	if s := d.vals[first].Slice().At(i).Str(); s != "" {
		p.ID = d.checkID(first, s)
	}
	p.Addr = d.checkText(first+1, d.vals[first+1].Slice().At(i))
	p.Incarnation = d.vals[first+2].Slice().At(i).Int()
	p.Seq = d.vals[first+3].Slice().At(i).Int()
	if p.Incarnation < 0 {
		d.fail(first+2, ReasonRange)
	}
	if p.Seq < 0 {
		d.fail(first+3, ReasonRange)
	}
	return p
}
