package chordevent

import (
	"reflect"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"pgregory.net/rapid"
)

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawEvent(t)
		src, rec := only(overTheWire(t, toLogs(want, Encode(want))))
		if !IsEvent(rec) {
			t.Fatalf("%q is not recognized as an event", rec.EventName())
		}
		got, ignored, err := Decode(src, rec)
		if err != nil {
			t.Fatalf("decode: %v", err)
		}
		if ignored != 0 {
			t.Fatalf("%d attributes ignored", ignored)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
	})
}

// Encode writes the attributes of the event's row, in its order, each with the type the table gives it.
func TestEncodeFollowsTheTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ev := drawEvent(t)
		rec := Encode(ev)
		l := byName[rec.EventName()]
		next := 0
		rec.WalkAttributes(func(kv attribute.KeyValue) bool {
			for l.Optional&(1<<l.Fields[next]) != 0 && attrs[l.Fields[next]].Key != kv.Key {
				next++
			}
			if attrs[l.Fields[next]].Key != kv.Key {
				t.Fatalf("%s: attribute %s where the table has %s", ev.Body.Kind(), kv.Key, attrs[l.Fields[next]].Key)
			}
			next++
			return true
		})
		want := log.SeverityInfo
		if isFailure(ev.Body) {
			want = log.SeverityWarn
		}
		if rec.Severity() != want || rec.SeverityText() != want.String() {
			t.Fatalf("%s: severity %s %q, want %s", ev.Body.Kind(), rec.Severity(), rec.SeverityText(), want)
		}
	})
}
