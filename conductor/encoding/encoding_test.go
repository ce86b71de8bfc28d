package encoding

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

func drawID(t *rapid.T) chord.ID {
	var id chord.ID
	id[19] = rapid.Byte().Draw(t, "low byte")
	id[0] = rapid.SampledFrom([]byte{0, 0x80, 0xff}).Draw(t, "high byte")
	return id
}

func drawInt(t *rapid.T) int64 { return rapid.Int64Min(0).Draw(t, "number") }

func drawTime(t *rapid.T) time.Time {
	return time.Unix(0, rapid.Int64().Draw(t, "nanoseconds")).UTC()
}

func drawRef(t *rapid.T) chordevent.PeerRef {
	if rapid.Bool().Draw(t, "none") {
		return chordevent.PeerRef{}
	}
	return chordevent.PeerRef{
		Peer: chord.Peer{ID: drawID(t), Addr: rapid.SampledFrom([]string{"", "a:1", "b:2"}).Draw(t, "address"), Incarnation: drawInt(t)},
		Seq:  drawInt(t),
	}
}

func drawRefs(t *rapid.T) []chordevent.PeerRef {
	var list []chordevent.PeerRef
	for range rapid.IntRange(0, 9).Draw(t, "length") {
		list = append(list, drawRef(t))
	}
	return list
}

func drawRuns(t *rapid.T) []chordevent.FingerRun {
	var runs []chordevent.FingerRun
	for first := rapid.IntRange(0, 90).Draw(t, "first"); first < 160; first += rapid.IntRange(1, 90).Draw(t, "next") {
		runs = append(runs, chordevent.FingerRun{First: first, Last: rapid.IntRange(first, 159).Draw(t, "last"), Peer: drawRef(t)})
	}
	return runs
}

func drawStarted(t *rapid.T) chordevent.Started {
	return chordevent.Started{
		Address: rapid.String().Draw(t, "address"), Bits: rapid.IntRange(3, 160).Draw(t, "bits"),
		ListLen: rapid.IntRange(1, 128).Draw(t, "r"), Replicas: rapid.IntRange(1, 64).Draw(t, "R"), VirtualIndex: rapid.IntRange(0, 99).Draw(t, "index"),
	}
}

func drawOwnership(t *rapid.T) chordevent.Ownership {
	return chordevent.Ownership{Owns: rapid.Bool().Draw(t, "owns"), From: drawID(t), Epoch: drawInt(t)}
}

func drawLoad(t *rapid.T) chordevent.Load {
	return chordevent.Load{OwnedKeys: drawInt(t), ReplicaKeys: drawInt(t), Bytes: drawInt(t), Gets: drawInt(t), Puts: drawInt(t), Deletes: drawInt(t),
		UnderReplicated: drawInt(t), KnownHosts: drawInt(t), FullReplicas: drawInt(t)}
}

func drawBody(t *rapid.T) chordevent.Body {
	switch rapid.IntRange(1, 12).Draw(t, "kind") {
	case started:
		return drawStarted(t)
	case joined:
		return chordevent.Joined{Through: drawRef(t)}
	case successors:
		return chordevent.SuccessorsChanged{Successors: drawRefs(t)}
	case predecessor:
		return chordevent.PredecessorChanged{Predecessor: drawRef(t)}
	case ownership:
		return chordevent.OwnershipChanged{Ownership: drawOwnership(t)}
	case fingers:
		return chordevent.FingersChanged{Runs: drawRuns(t)}
	case peerFailed:
		return chordevent.PeerFailed{Peer: drawRef(t), Operation: "chord.stabilize"}
	case keysMoved:
		return chordevent.KeysMoved{
			MoveID: rapid.String().Draw(t, "move"), Phase: rapid.SampledFrom(phases).Draw(t, "phase"), Outgoing: rapid.Bool().Draw(t, "out"),
			Peer: drawRef(t), From: drawID(t), To: drawID(t), Keys: drawInt(t), Bytes: drawInt(t), Reason: rapid.SampledFrom(reasons).Draw(t, "reason"),
		}
	case load:
		return chordevent.NodeLoad{Load: drawLoad(t)}
	case leaving:
		return chordevent.Leaving{Successor: drawRef(t)}
	case left:
		return chordevent.Left{Successor: drawRef(t)}
	}
	return chordevent.State{
		Started: drawStarted(t), Status: rapid.SampledFrom(statuses).Draw(t, "status"), Period: time.Duration(drawInt(t)), Successors: drawRefs(t),
		Predecessor: drawRef(t), Ownership: drawOwnership(t), Fingers: drawRuns(t), Load: drawLoad(t), Lost: drawInt(t),
	}
}

func drawEvent(t *rapid.T) chordevent.Event {
	ev := chordevent.Event{
		Time: drawTime(t), Ring: rapid.SampledFrom([]string{"", "demo"}).Draw(t, "ring"), Instance: "instance",
		Host: chordevent.Host{ID: rapid.SampledFrom([]string{"host-1", "host-2"}).Draw(t, "host"), Address: "a:1"},
		Node: chordevent.Node{ID: drawID(t), Digits: 40, Incarnation: drawInt(t), Seq: drawInt(t)},
		Body: drawBody(t),
	}
	if rapid.Bool().Draw(t, "traced") {
		ev.Trace = trace.TraceID{rapid.Byte().Draw(t, "trace"), 1}
		ev.Span = trace.SpanID{2, 1}
	}
	return ev
}

// TestEventsRoundTrip writes several events to one block, in which later ones refer to earlier ones.
func TestEventsRoundTrip(t *testing.T) {
	w := NewWriter()
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(rapid.Custom(drawEvent), 1, 8).Draw(t, "events")
		w.Reset(nil)
		for i := range events {
			if err := Storable(&events[i]); err != nil {
				t.Fatal(err)
			}
			w.Event(&events[i])
		}
		r := NewReader(w.Bytes())
		for i := range events {
			if got := r.Event(); !reflect.DeepEqual(got, events[i]) {
				t.Fatalf("event %d: %v\ngot  %+v\nwant %+v", i, r.Err(), got, events[i])
			}
		}
		if r.More() || r.Err() != nil {
			t.Fatalf("more: %v, error: %v", r.More(), r.Err())
		}
		cut := rapid.IntRange(0, len(w.Bytes())-1).Draw(t, "cut")
		r = NewReader(w.Bytes()[:cut])
		for range events {
			r.Event()
		}
		if !errors.Is(r.Err(), ErrCorrupt) {
			t.Fatalf("a block truncated at byte %d of %d was read without an error", cut, len(w.Bytes()))
		}
	})
}

func TestWhatCannotBeStored(t *testing.T) {
	for _, body := range []chordevent.Body{
		nil,
		chordevent.SuccessorsChanged{Successors: make([]chordevent.PeerRef, chordevent.MaxSuccessors+1)},
		chordevent.FingersChanged{Runs: make([]chordevent.FingerRun, chordevent.MaxFingerRuns+1)},
	} {
		if err := Storable(&chordevent.Event{Body: body}); err == nil {
			t.Errorf("%T", body)
		}
	}
}

// FuzzReader reads events of any bytes: no panic, no endless loop, and what is read can be written again.
func FuzzReader(f *testing.F) {
	w := NewWriter()
	ev := chordevent.Event{Ring: "demo", Body: chordevent.NodeLoad{Load: chordevent.Load{Gets: 3}}}
	for range 2 {
		w.Event(&ev)
	}
	f.Add(w.Bytes())
	f.Add([]byte{state})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := NewReader(data)
		for r.More() {
			ev := r.Event()
			if r.Err() != nil {
				return
			}
			if err := Storable(&ev); err != nil {
				t.Fatal(err)
			}
			NewWriter().Event(&ev)
		}
	})
}

func BenchmarkEvent(b *testing.B) {
	ev := chordevent.Event{
		Time: time.Unix(1, 0), Ring: "demo", Instance: "instance", Host: chordevent.Host{ID: "host-1", Address: "a:1"},
		Node: chordevent.Node{Digits: 40, Incarnation: 1e18, Seq: 1000}, Body: chordevent.NodeLoad{Load: chordevent.Load{Gets: 70000, Puts: 20000, OwnedKeys: 5000, Bytes: 1 << 20}},
	}
	const batch = 1000
	w := NewWriter()
	write := func() {
		w.Reset(w.Bytes())
		for range batch {
			ev.Node.Seq++
			ev.Time = ev.Time.Add(time.Millisecond)
			w.Event(&ev)
		}
	}
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; i < b.N; i += batch {
			write()
		}
		b.ReportMetric(float64(w.Len())/batch, "B/event")
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; i < b.N; i += batch {
			r := NewReader(w.Bytes())
			for r.More() {
				r.Event()
			}
		}
	})
}
