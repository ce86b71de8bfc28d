package chordevent

import (
	"errors"
	"reflect"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"
)

// FuzzDecode passes OTLP bytes to the receiver. For any input: no panic; a refusal names event and reason; and what is
// accepted survives Encode and Decode unchanged.
func FuzzDecode(f *testing.F) {
	for _, body := range []Body{
		sampleState().Started, Joined{}, Joined{peerRef("a:1", 1)}, SuccessorsChanged{sampleList()},
		PredecessorChanged{peerRef("a:1", 1)}, OwnershipChanged{sampleState().Ownership}, FingersChanged{sampleState().Fingers},
		PeerFailed{peerRef("a:1", 1), SpanStabilize}, KeysMoved{MoveID: "m", Phase: MoveDone, Reason: MoveJoin, Peer: peerRef("a:1", 1)},
		NodeLoad{sampleState().Load}, Leaving{peerRef("a:1", 1)}, Left{}, sampleState(),
	} {
		ev := sample(body)
		data, err := (&plog.ProtoMarshaler{}).MarshalLogs(toLogs(ev, Encode(ev)))
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
		for _, rl := range logs.ResourceLogs().All() {
			src := SourceOf(rl.Resource())
			for _, sl := range rl.ScopeLogs().All() {
				for _, rec := range sl.LogRecords().All() {
					decodeTwice(t, src, rec)
				}
			}
		}
	})
}

func decodeTwice(t *testing.T, src Source, rec plog.LogRecord) {
	ev, _, err := Decode(src, rec)
	if err != nil {
		var de *DecodeError
		if !errors.As(err, &de) || de.Reason == "" {
			t.Fatalf("error without a reason: %v", err)
		}
		return
	}
	again, rec2 := only(overTheWire(t, toLogs(ev, Encode(ev))))
	got, _, err := Decode(again, rec2)
	if err != nil {
		t.Fatalf("accepted once, then refused: %v", err)
	}
	if !reflect.DeepEqual(got, ev) {
		t.Fatalf("first  %+v\nsecond %+v", ev, got)
	}
}
