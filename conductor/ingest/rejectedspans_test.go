package ingest

import (
	"math/rand/v2"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"chordconductor/otel/chordevent"
)

// TestRejectedSpansAreCounted sends valid spans of lookups with any number of invalid and foreign ones among them, over
// both protocols: the answer and the stats count the invalid spans and name the errors.
func TestRejectedSpansAreCounted(t *testing.T) {
	breaks := map[string]func(pcommon.Map){
		"missing " + string(chordevent.NodeIDKey):    func(m pcommon.Map) { m.Remove(string(chordevent.NodeIDKey)) },
		"missing " + string(chordevent.LookupKeyKey): func(m pcommon.Map) { m.Remove(string(chordevent.LookupKeyKey)) },
		"short " + string(chordevent.LookupKeyKey):   func(m pcommon.Map) { m.PutStr(string(chordevent.LookupKeyKey), "0") },
		"type " + string(chordevent.NodeIDKey):       func(m pcommon.Map) { m.PutInt(string(chordevent.NodeIDKey), 10) },
	}
	names := []string{"", "missing " + string(chordevent.NodeIDKey), "missing " + string(chordevent.LookupKeyKey), "short " + string(chordevent.LookupKeyKey), "type " + string(chordevent.NodeIDKey)}
	random := rand.New(rand.NewPCG(13, 0))
	for round := range 30 {
		s := start(t, Config{}, newRecorder())
		td := ptrace.NewTraces()
		td.ResourceSpans().AppendEmpty().Resource().Attributes().PutStr("service.instance.id", "sender")
		spans := td.ResourceSpans().At(0).ScopeSpans().AppendEmpty().Spans()
		broken, named := int64(0), map[string]bool{}
		for i := range random.IntN(20) {
			span := spans.AppendEmpty()
			span.SetTraceID(pcommon.TraceID{byte(i + 1)})
			span.SetSpanID(pcommon.SpanID{byte(i + 1)})
			if random.IntN(4) == 0 {
				span.SetName("GET /")
				continue
			}
			span.SetName(chordevent.SpanLookup)
			span.SetStartTimestamp(1)
			span.SetEndTimestamp(2)
			span.Attributes().PutStr(string(chordevent.NodeIDKey), "0a")
			span.Attributes().PutStr(string(chordevent.LookupKeyKey), "0b")
			if name := names[random.IntN(len(names))]; name != "" {
				breaks[name](span.Attributes())
				broken++
				_, attribute, _ := strings.Cut(name, " ")
				named[attribute] = true
			}
		}
		var part ptraceotlp.ExportPartialSuccess
		if round%2 == 0 {
			answer, err := ptraceotlp.NewGRPCClient(dial(t, s.GRPCAddr())).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(td))
			if err != nil {
				t.Fatal(err)
			}
			part = answer.PartialSuccess()
		} else {
			body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			code, _, got := post(t, "http://"+s.HTTPAddr()+"/v1/traces", "application/json", "", body)
			answer := ptraceotlp.NewExportResponse()
			if err := answer.UnmarshalJSON(got); err != nil || code != 200 {
				t.Fatalf("%d %q %v", code, got, err)
			}
			part = answer.PartialSuccess()
		}
		if part.RejectedSpans() != broken || (part.ErrorMessage() == "") != (broken == 0) {
			t.Errorf("round %d: %d rejected, %q; want %d", round, part.RejectedSpans(), part.ErrorMessage(), broken)
		}
		for attribute := range named {
			if !strings.Contains(part.ErrorMessage(), attribute) {
				t.Errorf("round %d: %q does not name %s", round, part.ErrorMessage(), attribute)
			}
		}
		sum := uint64(0)
		for _, r := range s.Stats().Rejections {
			sum += r.Records
			if r.Event != chordevent.SpanLookup || r.Instance != "sender" || r.Reason == "" {
				t.Errorf("%+v", r)
			}
		}
		if sum != uint64(broken) {
			t.Errorf("round %d: %d in the stats, want %d", round, sum, broken)
		}
	}
}
