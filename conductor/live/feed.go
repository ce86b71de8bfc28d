package live

import (
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/conductor/memory"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// feedSize is how many recent events can be read back. Older ones are overwritten; the history keeps them, if there is
// one.
const feedSize = 4096

// A FeedEvent is one event in readable form.
type FeedEvent struct {
	Seq      uint64    // 1, 2, 3, … in the order applied
	Time     time.Time // by the member's clock
	Arrived  time.Time // by the conductor's clock: from then on the view shows the event; zero: not known
	Kind     chordevent.Kind
	ID       chord.ID // the member that emitted the event
	Digits   int      // hex digits of IDs
	Peer     chord.ID // the other member concerned
	HasPeer  bool
	Text     string // one line that continues the member's ID
	Trace    trace.TraceID
	Warning  bool
	Keys     int64 // of a key move
	Outgoing bool  // of a key move: from ID to Peer
}

// Describe converts an event to readable form; seq becomes its sequence number.
func Describe(seq uint64, ev *chordevent.Event) FeedEvent {
	f := FeedEvent{
		Seq: seq, Time: ev.Time, Kind: ev.Body.Kind(), ID: ev.Node.ID, Digits: ev.Node.Digits, Trace: ev.Trace,
		Text: describer{ev.Node.Digits}.text(ev.Body),
	}
	peer, warning := concerned(ev.Body)
	f.Peer, f.HasPeer, f.Warning = peer.ID, peer.Real(), warning
	if move, ok := ev.Body.(chordevent.KeysMoved); ok {
		f.Keys, f.Outgoing = move.Keys, move.Outgoing
	}
	return f
}

// concerned returns the other member that an event concerns, if any, and whether the event is a warning.
func concerned(body chordevent.Body) (peer chordevent.PeerRef, warning bool) {
	switch b := body.(type) {
	case chordevent.Joined:
		return b.Through, false
	case chordevent.SuccessorsChanged:
		for _, p := range b.Successors {
			if p.Real() {
				return p, false
			}
		}
	case chordevent.PredecessorChanged:
		return b.Predecessor, false
	case chordevent.PeerFailed:
		return b.Peer, true
	case chordevent.KeysMoved:
		return b.Peer, b.Phase == chordevent.MoveFailed
	case chordevent.Leaving:
		return b.Successor, false
	case chordevent.Left:
		return b.Successor, false
	}
	return chordevent.PeerRef{}, false
}

// Newsworthy reports whether events of a kind belong in the feed. Loads, and keyframes of members and hosts, repeat
// known state: a thousand members would fill the feed with them in seconds.
func Newsworthy(kind chordevent.Kind) bool {
	return kind != chordevent.KindLoad && kind != chordevent.KindState && kind != chordevent.KindHostState
}

// A feed is the ring buffer of recent events. Events are converted to text when they are read: most never are.
type feed struct {
	mu      sync.Mutex
	entries [feedSize]arrival // guarded by mu; the event of sequence number n is at n % feedSize
	last    uint64            // guarded by mu; newest sequence number
	first   uint64            // guarded by mu; oldest that is still there
	bytes   int64             // guarded by mu; of the entries
	memory  *memory.Share     // of the entries; nil: only their number is bounded
}

// An arrival is an event and its time of arrival.
type arrival struct {
	ev chordevent.Event
	at time.Time

	bytes int64 // of memory
}

func (a *arrival) describe(seq uint64) FeedEvent {
	f := Describe(seq, &a.ev)
	f.Arrived = a.at
	return f
}

func (f *feed) add(ev *chordevent.Event, at time.Time) {
	a := arrival{ev: *ev, at: at}
	if f.memory != nil {
		a.bytes = ev.MemorySize()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	f.first = max(f.first, 1)
	for f.first < f.last && (f.last-f.first >= feedSize || f.memory != nil && f.bytes+a.bytes > f.memory.Limit()) {
		if f.last-f.first < feedSize {
			f.memory.Refuse()
		}
		gone := &f.entries[f.first%feedSize]
		f.bytes -= gone.bytes
		*gone = arrival{}
		f.first++
	}
	f.entries[f.last%feedSize] = a
	f.bytes += a.bytes
	f.memory.Set(f.bytes)
}

// read returns the events from number first to number last that are still there.
func (f *feed) read(first, last uint64) []FeedEvent {
	f.mu.Lock()
	last = min(last, f.last)
	first = max(first, f.first, 1)
	if first > last {
		f.mu.Unlock()
		return nil
	}
	events := make([]arrival, 0, last-first+1)
	for n := first; n <= last; n++ {
		events = append(events, f.entries[n%feedSize])
	}
	f.mu.Unlock()

	out := make([]FeedEvent, len(events))
	for i := range events {
		out[i] = events[i].describe(first + uint64(i))
	}
	return out
}

// about returns the newest events that concern a member, limit at most, oldest first.
func (f *feed) about(id chord.ID, limit int) []FeedEvent {
	type numbered struct {
		seq uint64
		arrival
	}
	var found []numbered
	f.mu.Lock()
	for seq := f.last; seq > 0 && seq >= f.first && len(found) < limit; seq-- {
		ev := &f.entries[seq%feedSize]
		if peer, _ := concerned(ev.ev.Body); ev.ev.Node.ID == id || peer.Real() && peer.ID == id {
			found = append(found, numbered{seq, *ev})
		}
	}
	f.mu.Unlock()
	slices.Reverse(found)
	out := make([]FeedEvent, len(found))
	for i := range found {
		out[i] = found[i].describe(found[i].seq)
	}
	return out
}

func (f *feed) newest() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}
