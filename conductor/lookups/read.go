package lookups

import (
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/otel/attribute"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// A reader reads the attributes of one span, and keeps the first error.
type reader struct {
	name   string // of the span
	digits int    // of each identifier; 0 before the first
	err    *chordevent.DecodeError
}

func (r *reader) fail(key attribute.Key, why chordevent.Reason, want string, v *pcommon.Value) {
	if r.err == nil {
		r.err = chordevent.SpanError(r.name, key, why, want, v)
	}
}

// need checks that the span has its required attributes. No others are required: an emitter leaves out what it does not
// know.
func (r *reader) need(name string, has pcommon.Map) {
	required := []attribute.Key{chordevent.NodeIDKey}
	switch name {
	case chordevent.SpanLookup:
		required = append(required, chordevent.LookupKeyKey)
	case chordevent.SpanLookupHop:
		required = append(required, chordevent.LookupHopKey)
	}
	for _, key := range required {
		if _, ok := has.Get(string(key)); !ok {
			r.fail(key, chordevent.ReasonMissing, "in every "+name, nil)
		}
	}
}

// text returns a status message, which the vocabulary does not define, or "" if it is too long or not valid UTF-8.
func text(s string) string {
	if len(s) > maxText || !utf8.ValidString(s) {
		return ""
	}
	return s
}

func (r *reader) value(key attribute.Key, v pcommon.Value) string {
	allowed := allowedValues[r.name][key]
	switch {
	case v.Type() != pcommon.ValueTypeStr:
		r.fail(key, chordevent.ReasonType, "string", &v)
	case allowed != nil && !slices.Contains(allowed, v.Str()):
		r.fail(key, chordevent.ReasonValue, strings.Join(allowed, ", "), &v)
	case len(v.Str()) > maxText || !utf8.ValidString(v.Str()):
		r.fail(key, chordevent.ReasonLength, "UTF-8 of 256 bytes at most", &v)
	default:
		return v.Str()
	}
	return ""
}

func (r *reader) id(key attribute.Key, v pcommon.Value) chord.ID {
	if v.Type() != pcommon.ValueTypeStr {
		r.fail(key, chordevent.ReasonType, "string", &v)
		return chord.ID{}
	}
	out, ok := chord.IDFromHex(v.Str())
	if r.digits == 0 {
		r.digits = len(v.Str())
	}
	if !ok || len(v.Str()) != r.digits {
		r.fail(key, chordevent.ReasonSyntax, "an identifier of ceil(bits/4) hex digits, as many in each attribute of the span", &v)
		return chord.ID{}
	}
	return out
}

func (r *reader) count(key attribute.Key, v pcommon.Value) int {
	switch {
	case v.Type() != pcommon.ValueTypeInt:
		r.fail(key, chordevent.ReasonType, "int", &v)
	case v.Int() < 0 || v.Int() > maxCount:
		r.fail(key, chordevent.ReasonRange, "a number from 0 to 1048576", &v)
	default:
		return int(v.Int())
	}
	return 0
}

func (r *reader) path(key attribute.Key, v pcommon.Value) []chord.ID {
	if v.Type() != pcommon.ValueTypeSlice {
		r.fail(key, chordevent.ReasonType, "array of string", &v)
		return nil
	}
	if v.Slice().Len() > maxPath {
		r.fail(key, chordevent.ReasonLength, "512 identifiers at most", &v)
		return nil
	}
	var out []chord.ID
	for _, e := range v.Slice().All() {
		out = append(out, r.id(key, e))
	}
	return out
}
