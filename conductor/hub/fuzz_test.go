package hub

import (
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/proto"

	"chordconductor/conductor/internal/otlptest"
	"chordconductor/conductor/live"
	"chordconductor/conductor/lookups"
	"chordconductor/conductor/ring"
	"chordconductor/otel/chordevent"
)

// FuzzLogsToPage: any log records that a sender emits yield views that can be folded and sent to clients. In particular
// all text is UTF-8, which encode relies on.
func FuzzLogsToPage(f *testing.F) {
	members, keyframes := otlptest.Ring(4, 2, time.Unix(1790000000, 0))
	events := append(keyframes,
		members[0].Event(time.Unix(1790000001, 0), chordevent.PeerFailed{Peer: members[1].Peer, Operation: chordevent.SpanStabilize}),
		members[2].Event(time.Unix(1790000001, 0), chordevent.KeysMoved{
			MoveID: "m", Phase: chordevent.MoveStarted, Peer: members[3].Peer, Reason: chordevent.MoveJoin, Keys: 7,
		}),
		members[3].Event(time.Unix(1790000002, 0), chordevent.Left{Successor: members[0].Peer}),
	)
	for i := range events {
		data, err := (&plog.ProtoMarshaler{}).MarshalLogs(otlptest.Logs(events[i:]...))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		logs, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(data)
		if err != nil {
			return
		}
		fold := ring.New(ring.Options{})
		now := time.Unix(1790000003, 0)
		var feed []live.FeedEvent
		for _, ev := range chordevent.DecodeLogs(logs) {
			fold.Apply(&ev, now)
			feed = append(feed, live.Describe(uint64(len(feed)+1), &ev))
		}
		fold.Advance(now)
		v := fold.View()
		if _, err := proto.Marshal(Snapshot(v, live.Stats{}, feed, nil, nil)); err != nil {
			t.Fatal(err)
		}
		for _, m := range v.Members {
			if _, err := proto.Marshal(Detail(m.ID, v, feed)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzSpansToPage does the same with spans.
func FuzzSpansToPage(f *testing.F) {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i, name := range []string{chordevent.SpanGet, chordevent.SpanLookup, chordevent.SpanLookupHop} {
		s := spans.AppendEmpty()
		s.SetName(name)
		s.SetTraceID([16]byte{1})
		s.SetSpanID([8]byte{byte(i + 1)})
		s.SetParentSpanID([8]byte{byte(i)})
		s.Attributes().PutStr(string(chordevent.NodeIDKey), "0a")
		s.Attributes().PutStr(string(chordevent.LookupOwnerKey), "0b")
		s.Attributes().PutStr(string(chordevent.LookupModeKey), chordevent.ModeRecursive)
		s.Attributes().PutStr(string(chordevent.LookupPointerKey), chordevent.PointerFinger)
		s.Attributes().PutInt(string(chordevent.LookupHopKey), int64(i))
		s.Attributes().PutEmptySlice(string(chordevent.LookupPathKey)).AppendEmpty().SetStr("0c")
		s.Status().SetMessage("because")
		data, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(data)
		if err != nil {
			return
		}
		a := lookups.NewAssembler(0)
		now := time.Unix(1790000000, 0)
		spans, _ := lookups.Decode(td)
		for _, s := range spans {
			a.Add(s, now)
		}
		found := append(a.Advance(now), a.Advance(now.Add(lookups.Settle))...)
		for _, p := range lookupList(found) {
			if _, err := proto.Marshal(p); err != nil {
				t.Fatal(err)
			}
		}
		a.Advance(now.Add(lookups.MaxAge))
		if a.Open() != 0 {
			t.Fatalf("%d traces open after the age limit", a.Open())
		}
	})
}
