package conform

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"

	"chordconductor/otel/chordevent"
)

// A fault is one way to break an attribute; it returns false if an attribute cannot be broken in this way.
type fault struct {
	name string
	do   func(attrs pcommon.Map, key string) bool
}

var faults = []fault{
	{"left out", func(attrs pcommon.Map, key string) bool { return attrs.Remove(key) }},
	{"of another type", func(attrs pcommon.Map, key string) bool {
		v, found := attrs.Get(key)
		switch {
		case !found:
			return false
		case v.Type() == pcommon.ValueTypeStr:
			attrs.PutInt(key, 7)
		default:
			attrs.PutStr(key, v.AsString())
		}
		return true
	}},
	{"a float", func(attrs pcommon.Map, key string) bool {
		v, found := attrs.Get(key)
		if !found || v.Type() != pcommon.ValueTypeInt {
			return false
		}
		attrs.PutDouble(key, float64(v.Int())) // as languages without integers write numbers
		return true
	}},
	{"out of bounds", func(attrs pcommon.Map, key string) bool {
		v, found := attrs.Get(key)
		switch {
		case !found || key == string(chordevent.ClockAheadKey):
			return false // absent, or any number
		case v.Type() == pcommon.ValueTypeStr:
			attrs.PutStr(key, strings.Repeat("x", chordevent.MaxText+1))
		case v.Type() == pcommon.ValueTypeInt:
			attrs.PutInt(key, -1)
		case v.Type() == pcommon.ValueTypeSlice && v.Slice().Len() > 0:
			first := v.Slice().At(0)
			if first.Type() == pcommon.ValueTypeInt {
				first.SetInt(-1)
			} else {
				first.SetStr(strings.Repeat("x", chordevent.MaxText+1))
			}
		default:
			return false
		}
		return true
	}},
	{"of elements of another type", func(attrs pcommon.Map, key string) bool {
		v, found := attrs.Get(key)
		if !found || v.Type() != pcommon.ValueTypeSlice || v.Slice().Len() == 0 {
			return false
		}
		v.Slice().At(0).SetBool(true)
		return true
	}},
	{"shorter by one", func(attrs pcommon.Map, key string) bool {
		v, found := attrs.Get(key)
		if !found || v.Type() != pcommon.ValueTypeSlice || v.Slice().Len() == 0 {
			return false
		}
		n := 0
		v.Slice().RemoveIf(func(pcommon.Value) bool { n++; return n == 1 })
		return true
	}},
}

// attributesSeen lists the attributes in the recording, by the name of their event, or span.
func attributesSeen(t *testing.T, spans bool) map[string][]string {
	t.Helper()
	seen := map[string]map[string]bool{}
	add := func(name string, attrs pcommon.Map) bool {
		if seen[name] == nil {
			seen[name] = map[string]bool{}
		}
		for key := range attrs.All() {
			seen[name][key] = true
		}
		return true
	}
	c := change{share: 2, log: func(rec plog.LogRecord) bool { return add(rec.EventName(), rec.Attributes()) }}
	if spans {
		c = change{share: 2, span: func(s ptrace.Span) bool { return add(s.Name(), s.Attributes()) }}
	}
	c.verify(t)
	out := map[string][]string{}
	for name, keys := range seen {
		out[name] = slices.Sorted(maps.Keys(keys))
	}
	return out
}

// If any attribute of any event is wrong, the report must fail and name the attribute.
func TestEveryAttributeOfEvents(t *testing.T) {
	all := attributesSeen(t, false)
	for _, e := range chordevent.Vocabulary() {
		if e.Signal == chordevent.SignalEvents && len(all[e.Name]) < len(e.Attributes) {
			t.Errorf("the good recording has %d of the %d attributes of %s", len(all[e.Name]), len(e.Attributes), e.Name)
		}
	}
	tried := 0
	for name, keys := range all {
		for _, key := range keys {
			for _, f := range faults {
				did := false
				r := change{share: 2, log: func(rec plog.LogRecord) bool {
					if rec.EventName() == name && f.do(rec.Attributes(), key) {
						did = true
					}
					return true
				}}.verify(t)
				if !did {
					continue
				}
				tried++
				levels := r.named(key)
				if f.name == "shorter by one" { // the faulty one of parallel lists cannot be identified
					levels = append(levels, r.named(key[:strings.LastIndexByte(key, '.')+1])...)
				}
				if len(levels) == 0 || levels[0][len(levels[0])-1] == '+' || r.Passed {
					t.Errorf("%s, %s %s: named at %v", name, key, f.name, levels)
				}
			}
		}
	}
	if tried < 200 {
		t.Errorf("%d faults tried", tried)
	}
}

// If any attribute of any span is wrong, the report must fail and name the attribute. An attribute that only some spans
// of a name must have is named in a note when none of them has it.
func TestEveryAttributeOfSpans(t *testing.T) {
	tried := 0
	for name, keys := range attributesSeen(t, true) {
		for _, key := range keys {
			for _, f := range faults {
				_, enumerated := spanValues[name][attribute.Key(key)]
				if f.name == "out of bounds" && !enumerated && !strings.HasPrefix(key, "chord.lookup") {
					continue // any text, any number
				}
				did := false
				r := change{share: 2, span: func(s ptrace.Span) bool {
					if s.Name() == name && f.do(s.Attributes(), key) {
						did = true
					}
					return true
				}}.verify(t)
				if !did {
					continue
				}
				tried++
				levels := r.named(key)
				if len(levels) == 0 || r.Passed && f.name != "left out" {
					t.Errorf("%s, %s %s: named at %v", name, key, f.name, levels)
				}
				if strings.HasPrefix(name, chordevent.SpanLookup) && f.name == "left out" && r.Passed {
					t.Errorf("%s without %s passes", name, key)
				}
			}
		}
	}
	if tried < 150 {
		t.Errorf("%d faults tried", tried)
	}
}
