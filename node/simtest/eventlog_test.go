package simtest

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/log/embedded"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// An eventLog receives the members' events in place of an exporter: all of them as a hash, to compare two runs, and the
// owners over time.
type eventLog struct {
	embedded.LoggerProvider
	now    func() time.Time
	hash   interface{ Sum64() uint64 }
	write  func(string)
	events int
	owned  []tenure

	alive     func(id chord.ID, incarnation int64) bool
	status    map[string]string // of hosts, by address, as of their last event
	suspected []time.Time       // when a live member was declared dead
}

// A tenure is the time for which a member's register had one value.
type tenure struct {
	owner       chord.ID
	incarnation int64
	addr        string
	from        chord.ID
	epoch       int64
	start, end  time.Time // zero end: still so
}

func newEventLog(now func() time.Time) *eventLog {
	h := fnv.New64a()
	return &eventLog{status: make(map[string]string), now: now, hash: h, write: func(s string) { h.Write([]byte(s)) }}
}

func (l *eventLog) Logger(string, ...log.LoggerOption) log.Logger { return logger{log: l} }

type logger struct {
	embedded.Logger
	log *eventLog
}

func (logger) Enabled(context.Context, log.EnabledParameters) bool { return true }

func (g logger) Emit(_ context.Context, r log.Record) {
	l := g.log
	l.events++
	l.write(fmt.Sprint(r.Timestamp().UnixNano(), r.EventName()))
	if *story {
		l.printOwnership(r)
	}
	values := map[attribute.Key]attribute.Value{}
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		l.write(string(kv.Key) + "=" + kv.Value.String())
		values[kv.Key] = kv.Value
		return true
	})
	switch chordevent.Kind(r.EventName()) {
	case chordevent.KindHostState:
		l.status[values[chordevent.HostAddressKey].AsString()] = values[chordevent.HostStatusKey].AsString()
		return
	case chordevent.KindPeerFailed:
		id, err := chord.ParseID(values[chordevent.PeerIDKey].AsString())
		if err != nil {
			panic(err)
		}
		if l.alive(id, values[chordevent.PeerIncarnationKey].AsInt64()) {
			l.suspected = append(l.suspected, l.now())
		}
		return
	case chordevent.KindOwnership:
	default:
		return
	}
	id, err := chord.ParseID(values[chordevent.NodeIDKey].AsString())
	if err != nil {
		panic(err)
	}
	t := tenure{owner: id, incarnation: values[chordevent.NodeIncarnationKey].AsInt64(), addr: values[chordevent.HostAddressKey].AsString(), start: l.now()}
	for i := range l.owned {
		if o := &l.owned[i]; o.owner == id && o.incarnation == t.incarnation && o.end.IsZero() {
			o.end = t.start
		}
	}
	if values[chordevent.OwnershipOwnsKey].AsBool() {
		if t.from, err = chord.ParseID(values[chordevent.OwnershipFromKey].AsString()); err != nil {
			panic(err)
		}
		t.epoch = values[chordevent.OwnershipEpochKey].AsInt64()
		l.owned = append(l.owned, t)
	}
}

// end records that a host's members have ended.
func (l *eventLog) end(addr string) {
	for i := range l.owned {
		if o := &l.owned[i]; o.addr == addr && o.end.IsZero() {
			o.end = l.now()
		}
	}
}

// covered reports whether p's ownership register covered key at some instant from start to end.
func (l *eventLog) covered(p chord.Peer, key chord.ID, start, end time.Time) bool {
	for _, t := range l.owned {
		if t.owner == p.ID && t.incarnation == p.Incarnation && chord.Owns(t.from, key, t.owner) &&
			!t.start.After(end) && (t.end.IsZero() || !t.end.Before(start)) {
			return true
		}
	}
	return false
}

// printOwnership prints an event about ownership.
func (l *eventLog) printOwnership(r log.Record) {
	switch chordevent.Kind(r.EventName()) {
	case chordevent.KindOwnership, chordevent.KindKeysMoved, chordevent.KindPeerFailed, chordevent.KindJoined, chordevent.KindLeaving, chordevent.KindLeft, chordevent.KindPredecessor:
	default:
		return
	}
	fmt.Printf("%s %s", r.Timestamp().Format("04:05.000"), r.EventName())
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		switch kv.Key {
		case chordevent.NodeIncarnationKey, chordevent.EventSeqKey, chordevent.HostAddressKey, chordevent.PeerIncarnationKey, chordevent.PeerSeqKey:
		default:
			fmt.Printf(" %s=%s", kv.Key[len("chord."):], kv.Value.String())
		}
		return true
	})
	fmt.Println()
}

// gaps returns the longest time between start and end for which some point of the circle had no owner, and how long
// some point had two, by the members' registers. The ends of ranges split the circle into arcs, and all points of an
// arc have the same owners.
func (l *eventLog) gaps(start, end time.Time) (ownerless, overlapped time.Duration) {
	var points []chord.ID
	for _, t := range l.owned {
		points = append(points, t.owner, t.from)
	}
	slices.SortFunc(points, chord.ID.Compare)
	points = slices.Compact(points)
	for _, p := range points {
		type edge struct {
			at   time.Time
			step int
		}
		var edges []edge
		for _, t := range l.owned {
			if chord.Owns(t.from, p, t.owner) {
				until := t.end
				if until.IsZero() || until.After(end) {
					until = end
				}
				edges = append(edges, edge{t.start, 1}, edge{until, -1})
			}
		}
		slices.SortStableFunc(edges, func(a, b edge) int { return a.at.Compare(b.at) })
		owners, since := 0, start
		for _, e := range edges {
			if e.at.After(since) {
				switch took := e.at.Sub(since); {
				case owners == 0:
					ownerless = max(ownerless, took)
				case owners > 1:
					overlapped = max(overlapped, took)
				}
				since = e.at
			}
			owners += e.step
		}
		if owners == 0 && end.After(since) {
			ownerless = max(ownerless, end.Sub(since))
		}
	}
	return ownerless, overlapped
}
