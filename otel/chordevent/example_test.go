package chordevent_test

import (
	"fmt"
	"log"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// A member's new predecessor as a log record, which the member emits through its logger.
func ExampleEncode() {
	space, err := chord.NewSpace(8)
	if err != nil {
		log.Fatal(err)
	}
	rec := chordevent.Encode(chordevent.Event{
		Time: time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC),
		Host: chordevent.Host{ID: "host-1", Address: "host-1:7001"},
		Node: chordevent.Node{ID: space.FromUint64(200), Digits: space.Digits(), Incarnation: 1, Seq: 7},
		Body: chordevent.PredecessorChanged{Predecessor: chordevent.PeerRef{
			Peer: chord.Peer{ID: space.FromUint64(100), Addr: "host-2:7001", Incarnation: 1}, Seq: 3,
		}},
	})
	fmt.Println(rec.EventName())
	rec.WalkAttributes(func(kv attribute.KeyValue) bool {
		fmt.Println(kv.Key, "=", kv.Value.String())
		return true
	})
	// Output:
	// chord.predecessor.changed
	// chord.node.id = c8
	// chord.node.incarnation = 1
	// chord.event.seq = 7
	// chord.host.id = host-1
	// chord.host.address = host-1:7001
	// chord.predecessor.id = 64
	// chord.predecessor.address = host-2:7001
	// chord.predecessor.incarnation = 1
	// chord.predecessor.seq = 3
}

// A record as an OTLP receiver has it, of which the conductor makes an event again. What the vocabulary does not have
// is ignored; what is wrong is an error that names the attribute.
func ExampleDecode() {
	rec := plog.NewLogRecord()
	rec.SetEventName("chord.node.leaving")
	rec.SetTimestamp(pcommon.NewTimestampFromTime(time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)))
	rec.Attributes().PutStr("chord.node.id", "c8")
	rec.Attributes().PutInt("chord.node.incarnation", 1)
	rec.Attributes().PutInt("chord.event.seq", 8)
	rec.Attributes().PutStr("chord.host.id", "host-1")
	rec.Attributes().PutStr("chord.host.address", "host-1:7001")
	rec.Attributes().PutStr("chord.peer.id", "64") // the receiver of its keys
	rec.Attributes().PutStr("chord.peer.address", "host-2:7001")
	rec.Attributes().PutInt("chord.peer.incarnation", 1)
	rec.Attributes().PutInt("chord.peer.seq", 3)
	rec.Attributes().PutStr("color", "blue")

	src := chordevent.Source{Ring: "demo", Instance: "process-1"}
	ev, ignored, err := chordevent.Decode(src, rec)
	fmt.Printf("%T of %s in ring %s, event %d; %d attribute ignored; %v\n", ev.Body, ev.Host.ID, ev.Ring, ev.Node.Seq, ignored, err)

	rec.Attributes().PutInt("chord.event.seq", -8)
	_, _, err = chordevent.Decode(src, rec)
	fmt.Println(err)
	// Output:
	// chordevent.Leaving of host-1 in ring demo, event 8; 1 attribute ignored; <nil>
	// event "chord.node.leaving", attribute chord.event.seq: range: expected int of 1 or more: number of the event in this incarnation: 1, 2, 3, … without gaps, got int "-8"
}
