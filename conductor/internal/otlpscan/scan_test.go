package otlpscan

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// A request is an export request of any signal, in the form that the decoders use.
type request interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
	UnmarshalProto([]byte) error
	UnmarshalJSON([]byte) error
}

func empty(s Signal) request {
	switch s {
	case Logs:
		return plogotlp.NewExportRequest()
	case Traces:
		return ptraceotlp.NewExportRequest()
	}
	return pmetricotlp.NewExportRequest()
}

// A place is a location in a request where attribute values can be.
type place struct {
	name   string
	signal Signal
	make   func(fill func(pcommon.Map)) request
}

func places() []place {
	logs := func(name string, put func(plog.ResourceLogs, func(pcommon.Map))) place {
		return place{name, Logs, func(fill func(pcommon.Map)) request {
			ld := plog.NewLogs()
			put(ld.ResourceLogs().AppendEmpty(), fill)
			return plogotlp.NewExportRequestFromLogs(ld)
		}}
	}
	spans := func(name string, put func(ptrace.Span, func(pcommon.Map))) place {
		return place{name, Traces, func(fill func(pcommon.Map)) request {
			td := ptrace.NewTraces()
			put(td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty(), fill)
			return ptraceotlp.NewExportRequestFromTraces(td)
		}}
	}
	points := func(name string, put func(pmetric.Metric, func(pcommon.Map))) place {
		return place{name, Metrics, func(fill func(pcommon.Map)) request {
			md := pmetric.NewMetrics()
			put(md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty(), fill)
			return pmetricotlp.NewExportRequestFromMetrics(md)
		}}
	}
	return []place{
		logs("resource", func(rl plog.ResourceLogs, fill func(pcommon.Map)) { fill(rl.Resource().Attributes()) }),
		logs("scope", func(rl plog.ResourceLogs, fill func(pcommon.Map)) {
			fill(rl.ScopeLogs().AppendEmpty().Scope().Attributes())
		}),
		logs("log record", func(rl plog.ResourceLogs, fill func(pcommon.Map)) {
			fill(rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Attributes())
		}),
		spans("span", func(s ptrace.Span, fill func(pcommon.Map)) { fill(s.Attributes()) }),
		spans("span event", func(s ptrace.Span, fill func(pcommon.Map)) { fill(s.Events().AppendEmpty().Attributes()) }),
		spans("link", func(s ptrace.Span, fill func(pcommon.Map)) { fill(s.Links().AppendEmpty().Attributes()) }),
		points("metadata", func(m pmetric.Metric, fill func(pcommon.Map)) { fill(m.Metadata()) }),
		points("gauge", func(m pmetric.Metric, fill func(pcommon.Map)) {
			fill(m.SetEmptyGauge().DataPoints().AppendEmpty().Attributes())
		}),
		points("exemplar", func(m pmetric.Metric, fill func(pcommon.Map)) {
			fill(m.SetEmptySum().DataPoints().AppendEmpty().Exemplars().AppendEmpty().FilteredAttributes())
		}),
		points("histogram", func(m pmetric.Metric, fill func(pcommon.Map)) {
			p := m.SetEmptyHistogram().DataPoints().AppendEmpty()
			p.BucketCounts().FromRaw([]uint64{1, 2, 3})
			p.ExplicitBounds().FromRaw([]float64{.5, 1e300})
			fill(p.Attributes())
		}),
		points("exponential histogram", func(m pmetric.Metric, fill func(pcommon.Map)) {
			p := m.SetEmptyExponentialHistogram().DataPoints().AppendEmpty()
			p.Positive().BucketCounts().FromRaw([]uint64{1, 1 << 60})
			fill(p.Attributes())
		}),
		points("summary", func(m pmetric.Metric, fill func(pcommon.Map)) {
			fill(m.SetEmptySummary().DataPoints().AppendEmpty().Attributes())
		}),
	}
}

// nest makes v a value that is nested to the given number of levels. Each level is a list or a list of pairs, with
// other values beside the one that continues the nesting.
func nest(v pcommon.Value, levels int, random *rand.Rand) {
	for ; levels > 1; levels-- {
		if random.IntN(2) == 0 {
			list := v.SetEmptySlice()
			list.AppendEmpty().SetStr(`{"arrayValue":{"values":[{`)
			v = list.AppendEmpty()
		} else {
			pairs := v.SetEmptyMap()
			pairs.PutBool("beside", true)
			v = pairs.PutEmpty("on")
		}
	}
	v.SetEmptyBytes().FromRaw([]byte("*\n*\n*\n"))
}

// The same request gets the same result in protobuf and in JSON, wherever the nested values are, and of whatever kinds
// they are.
func TestDepth(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, p := range places() {
		for _, levels := range []int{1, 2, 63, 64, 65, 66, 500, 1 + random.IntN(200)} {
			q := p.make(func(m pcommon.Map) {
				m.PutStr("before", "x")
				nest(m.PutEmpty("deep"), levels, random)
			})
			var want error
			if levels > MaxDepth {
				want = ErrDeep
			}
			pb, err := q.MarshalProto()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Proto(p.signal, pb); !errors.Is(err, want) {
				t.Errorf("%s, %d levels, protobuf: %v, want %v", p.name, levels, err, want)
			}
			js, err := q.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := JSON(p.signal, js); !errors.Is(err, want) {
				t.Errorf("%s, %d levels, JSON: %v, want %v", p.name, levels, err, want)
			}
		}
	}
}

// Bodies that would end a process that decodes them: 1.5 million levels, of every kind that can be written with
// brackets only.
func TestBombs(t *testing.T) {
	const levels = 1_500_000
	body := []byte{}
	for range levels { // built from the inside out, with lengths of four bytes
		body = append(body, 0x2a, 0xff, 0xff, 0xff, 0x03, 0x0a, 0xff, 0xff, 0xff, 0x03)
	}
	pb := deepProto(levels)
	for _, s := range []Signal{Logs, Traces, Metrics} {
		if _, err := Proto(s, pb); !errors.Is(err, ErrDeep) {
			t.Errorf("signal %d: %v", s, err)
		}
		if _, err := Proto(s, body); err == nil {
			t.Errorf("signal %d: wrong lengths passed", s)
		}
	}
	groups := bytes.Repeat([]byte{0x7b}, levels) // field 15, a group
	if _, err := Proto(Logs, groups); !errors.Is(err, ErrMalformed) {
		t.Errorf("groups: %v", err)
	}
	for _, open := range []string{
		`{"arrayValue":{"values":[`, `{"array_value":{"values":[`, `{"\u0061rrayValue":{"values":[`, `{"kvlistValue":{"values":[{"value":`,
	} {
		js := `{"resourceLogs":[{"resource":{"attributes":[{"value":` + strings.Repeat(open, levels)
		if _, err := JSON(Logs, []byte(js)); !errors.Is(err, ErrDeep) {
			t.Errorf("%s…: %v", open, err)
		}
	}
	for _, open := range []string{`[`, `{"x":`} {
		js := `{"unknown":` + strings.Repeat(open, levels)
		if _, err := JSON(Metrics, []byte(js)); !errors.Is(err, ErrDeep) {
			t.Errorf("%s…: %v", open, err)
		}
	}
}

// deepProto returns a list in a list in a list, and so on, as a resource attribute of any signal.
func deepProto(levels int) []byte {
	var inner []byte
	var sizes []int
	n := 0
	for range levels {
		a := 1 + uvarintLen(n) + n
		sizes = append(sizes, n, a)
		n = 1 + uvarintLen(a) + a
	}
	field := func(b []byte, number, size int) []byte { return appendUvarint(append(b, byte(number<<3|2)), size) }
	value := n
	kv := 1 + uvarintLen(value) + value
	attr := 1 + uvarintLen(kv) + kv
	res := 1 + uvarintLen(attr) + attr
	inner = field(inner, 1, res)
	inner = field(inner, 1, attr)
	inner = field(inner, 1, kv)
	inner = field(inner, 2, value)
	for i := levels - 1; i >= 0; i-- {
		inner = field(inner, 5, sizes[2*i+1])
		inner = field(inner, 1, sizes[2*i])
	}
	return inner
}

func appendUvarint(b []byte, n int) []byte {
	for ; n > 127; n >>= 7 {
		b = append(b, byte(n)|128)
	}
	return append(b, byte(n))
}

func uvarintLen(n int) int { return len(appendUvarint(nil, n)) }

// The scan accepts what only looks deep, and rejects what a decoder would read differently.
func TestVerdicts(t *testing.T) {
	in := func(value string) string {
		return `{"resourceLogs":[{"resource":{"attributes":[{"key":"k","value":` + value + `}]}}]}`
	}
	deep := strings.Repeat(`{"arrayValue":{"values":[`, 500)
	for _, test := range []struct {
		name, body string
		want       error
	}{
		{"nothing", `{}`, nil},
		{"white space", " {\n} \t", nil},
		{"a string that looks deep", in(`{"stringValue":"` + strings.ReplaceAll(deep, `"`, `\"`) + `"}`), nil},
		{"a key that looks deep", `{"` + strings.ReplaceAll(deep, `"`, `\"`) + `":1}`, nil},
		{"many beside each other", in(`{"arrayValue":{"values":[` + strings.Repeat(`{"arrayValue":{"values":[]}},`, 500) + `{}]}}`), nil},
		{"an unknown field", `{"x":[{"y":[null,true,-1.5e+3,"z"]}],"resourceLogs":[]}`, nil},
		{"nulls", `{"resourceLogs":[null,{"resource":null,"scopeLogs":null}]}`, nil},
		{"numbers as strings", in(`{"intValue":"-5"}`), nil},
		{"the end missing", `{"resourceLogs":[`, ErrMalformed},
		{"something after the end", `{} {}`, ErrMalformed},
		{"no object", `[]`, ErrMalformed},
		{"an empty name", `{"":1}`, ErrMalformed},
		{"a name without a colon", `{"x" 1}`, ErrMalformed},
		{"two commas", `{"resourceLogs":[{},,{}]}`, ErrMalformed},
		{"a comma at the end", `{"resourceLogs":[{},]}`, ErrMalformed},
		{"a broken escape", `{"x":"\q"}`, ErrMalformed},
		{"a control character", "{\"x\":\"\x01\"}", ErrMalformed},
		{"a broken number", `{"x":01}`, ErrMalformed},
		{"a whole number with a fraction", in(`{"intValue":1.5}`), ErrMalformed},
		{"a whole number too large", in(`{"intValue":9223372036854775808}`), ErrMalformed},
		{"the least whole number", in(`{"intValue":-9223372036854775808}`), nil},
		{"an object for a list", `{"resourceLogs":{}}`, ErrMalformed},
		{"a list for an object", `{"resourceLogs":[{"resource":[]}]}`, ErrMalformed},
		{"an object for a number", in(`{"intValue":{}}`), ErrMalformed},
		{"a string for a boolean", in(`{"boolValue":"true"}`), ErrMalformed},
		{"an escape in bytes", in(`{"bytesValue":"\""}`), ErrMalformed},
	} {
		if _, err := JSON(Logs, []byte(test.body)); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
	if _, err := JSON(Logs, TrimBOM([]byte("\ufeff{}"))); err != nil {
		t.Errorf("after a byte order mark: %v", err)
	}
	looksDeep := plogotlp.NewExportRequest()
	looksDeep.Logs().ResourceLogs().AppendEmpty().Resource().Attributes().PutStr("k", string(deepProto(1000)))
	if pb, err := looksDeep.MarshalProto(); err != nil {
		t.Fatal(err)
	} else if _, err := Proto(Logs, pb); err != nil {
		t.Errorf("protobuf within a string: %v", err)
	}
}

// A scan of any size allocates nothing.
func TestNoAllocation(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, p := range places() {
		q := p.make(func(m pcommon.Map) {
			for i := range 100 {
				nest(m.PutEmpty(fmt.Sprint(i)), 1+i%MaxDepth, random)
			}
		})
		pb, err := q.MarshalProto()
		if err != nil {
			t.Fatal(err)
		}
		js, err := q.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(10, func() {
			if _, err := Proto(p.signal, pb); err != nil {
				t.Fatal(err)
			}
			if _, err := JSON(p.signal, js); err != nil {
				t.Fatal(err)
			}
		}); n > 0 {
			t.Errorf("%s: %v allocations", p.name, n)
		}
	}
}

// The estimate is not below the decoders' memory, for bodies made to need as much memory as possible for their size.
func TestMemory(t *testing.T) {
	repeat := func(number int, b []byte, n int) (out []byte) {
		for range n {
			out = append(appendUvarint(append(out, byte(number<<3|2)), len(b)), b...)
		}
		return out
	}
	wrap := func(b []byte, numbers ...int) []byte {
		for _, n := range numbers {
			b = repeat(n, b, 1)
		}
		return b
	}
	const n = 200_000
	for _, test := range []struct {
		name   string
		signal Signal
		body   []byte
	}{
		{"resources", Logs, repeat(1, nil, n)},
		{"scopes", Logs, wrap(repeat(2, nil, n), 1)},
		{"records", Logs, wrap(repeat(2, nil, n), 2, 1)},
		{"attributes", Logs, wrap(repeat(6, nil, n), 2, 2, 1)},
		{"values", Logs, wrap(repeat(1, nil, n), 5, 5, 2, 2, 1)},
		{"integers", Logs, wrap(repeat(1, []byte{0x18, 1}, n), 5, 5, 2, 2, 1)},
		{"strings", Logs, wrap(repeat(1, []byte{0x0a, 1, 'x'}, n), 5, 5, 2, 2, 1)},
		{"lists", Logs, wrap(repeat(1, []byte{0x2a, 0}, n), 5, 5, 2, 2, 1)},
		{"pairs", Logs, wrap(repeat(1, nil, n), 6, 5, 2, 2, 1)},
		{"entity references", Logs, wrap(repeat(3, nil, n), 1, 1)},
		{"names of entities", Logs, wrap(repeat(3, nil, n), 3, 1, 1)},
		{"spans", Traces, wrap(repeat(2, nil, n), 2, 1)},
		{"span events", Traces, wrap(repeat(11, nil, n), 2, 2, 1)},
		{"links", Traces, wrap(repeat(13, nil, n), 2, 2, 1)},
		{"metrics", Metrics, wrap(repeat(2, nil, n), 2, 1)},
		{"gauges", Metrics, wrap(repeat(2, wrap(nil, 5), n), 2, 1)},
		{"points", Metrics, wrap(repeat(1, nil, n), 5, 2, 2, 1)},
		{"exemplars", Metrics, wrap(repeat(5, nil, n), 1, 5, 2, 2, 1)},
		{"histogram points", Metrics, wrap(repeat(1, nil, n), 9, 2, 2, 1)},
		{"exponential points", Metrics, wrap(repeat(1, nil, n), 10, 2, 2, 1)},
		{"summary points", Metrics, wrap(repeat(1, nil, n), 11, 2, 2, 1)},
		{"quantiles", Metrics, wrap(repeat(6, nil, n), 1, 11, 2, 2, 1)},
		{"buckets, packed", Metrics, wrap(make([]byte, n), 2, 8, 1, 10, 2, 2, 1)},
		{"buckets, one by one", Metrics, wrap(bytes.Repeat([]byte{0x10, 1}, n), 8, 1, 10, 2, 2, 1)},
		{"bounds", Metrics, wrap(make([]byte, 8*n), 7, 1, 9, 2, 2, 1)},
	} {
		q := empty(test.signal)
		took := allocated(func() {
			if err := q.UnmarshalProto(test.body); err != nil {
				t.Fatal(test.name, err)
			}
		})
		estimate, err := Proto(test.signal, test.body)
		if err != nil || estimate < took {
			t.Errorf("%s: estimated %d bytes, decoding takes %d, %v", test.name, estimate, took, err)
		}
		if estimate > 6*took+1<<20 {
			t.Errorf("%s: estimated %d bytes, decoding takes only %d", test.name, estimate, took)
		}
		js, err := q.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		again := empty(test.signal)
		took = allocated(func() {
			if err := again.UnmarshalJSON(js); err != nil {
				t.Fatal(test.name, err)
			}
		})
		if estimate, err := JSON(test.signal, js); err != nil || estimate < took {
			t.Errorf("%s as JSON: estimated %d bytes, decoding takes %d, %v", test.name, estimate, took, err)
		}
		runtime.KeepAlive(q)
		runtime.KeepAlive(again)
	}
}

// allocated returns how much the heap has grown after f by what f leaves in memory.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc)
}

func BenchmarkScan(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	q := places()[2].make(func(m pcommon.Map) {
		for i := range 1000 {
			nest(m.PutEmpty(fmt.Sprint("attribute.number.", i)), 1+i%4, random)
		}
	})
	pb, _ := q.MarshalProto()
	js, _ := q.MarshalJSON()
	b.Run("proto", func(b *testing.B) {
		b.SetBytes(int64(len(pb)))
		for b.Loop() {
			if _, err := Proto(Logs, pb); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("json", func(b *testing.B) {
		b.SetBytes(int64(len(js)))
		for b.Loop() {
			if _, err := JSON(Logs, js); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// fillTo puts a value nested to the given number of levels among attributes.
func fillTo(levels int) func(pcommon.Map) {
	return func(m pcommon.Map) { nest(m.PutEmpty("deep"), levels, rand.New(rand.NewPCG(3, uint64(levels)))) }
}
