package hub

import (
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"chordconductor/conductor/hub/hubpb"
	"chordconductor/conductor/live"
	"chordconductor/conductor/memory"
	"chordconductor/node/chord"
)

const (
	// A client whose last frame is among the newest keepFrames can resume; that is some 13 seconds.
	keepFrames = 256
	// keepBytes is the most memory that the kept frames take: patches of a large ring under churn are large.
	keepBytes = 8 << 20
	// maxLag is the number of frames that a connected client may be behind before it gets a snapshot instead of
	// patches: two seconds.
	maxLag = 40
	// frameEvents is the maximum number of events in one patch; if there are more, it has the newest.
	frameEvents = 256
)

// A frame is one patch, encoded once for all clients.
type frame struct {
	patch *message
	about []chord.ID // members that the frame's events name
}

// A frameLog turns what the source publishes into frames 1, 2, 3, …, and keeps the newest.
type frameLog struct {
	source  Source
	cfg     Config
	readers *memory.Readers // clients that are being sent something

	mu        sync.Mutex
	table     *table            // guarded by mu, as all below
	frames    []frame           // the newest, consecutive, the last of them number seq
	bytes     int               // of their patches
	most      int               // of bytes
	seq       uint64            // of the newest frame
	ring      *hubpb.RingState  // as of seq
	sim       *hubpb.Simulation // as of seq
	published time.Time         // when the source published what frame seq shows
	snapshot  *message          // state as of seq; nil: no client has needed it yet
	next      chan struct{}     // closed when frame seq+1 is there

	feed, lookups, samples uint64 // the newest that have been read from the source
}

func newFrameLog(source Source, cfg Config) *frameLog {
	r := &frameLog{source: source, cfg: cfg, table: newTable(), next: make(chan struct{}), most: keepBytes, readers: &memory.Readers{Share: cfg.Memory}}
	if cfg.Memory != nil {
		r.most = int(min(keepBytes, cfg.Memory.Limit()/8))
	}
	r.advance()
	return r
}

// advance makes the next frame from the source's present state.
func (r *frameLog) advance() {
	view, stats := r.source.View(), r.source.Stats()
	sim := r.cfg.Simulation()
	state := ringState(view, stats)
	state.HistoryFromMs = millis(r.cfg.HistoryFrom())
	state.HistoryDamage = r.cfg.HistoryDamage()
	state.Rejections = append(r.cfg.Rejections(), foreignLines(stats)...)

	r.mu.Lock()
	defer r.mu.Unlock()
	changed, removed := r.table.update(view)
	patch := &hubpb.Patch{BaseSeq: r.seq, Seq: r.seq + 1, Ring: state, Removed: removed}
	if len(changed) > 0 {
		patch.Changed = columns(changed)
	}
	if !proto.Equal(sim, r.sim) {
		patch.Simulation = sim
		if sim == nil {
			patch.Simulation = &hubpb.Simulation{} // the simulation has ended and was removed
		}
	}
	events := r.newEvents()
	patch.Events = feedEvents(events)
	found, n := r.source.LookupsSince(r.lookups)
	patch.Lookups, r.lookups = lookupList(found), n
	samples, n := r.source.SamplesSince(r.samples)
	patch.Samples, r.samples = sampleList(samples), n

	f := frame{patch: r.hold(encode(&hubpb.ServerMessage{Message: &hubpb.ServerMessage_Patch{Patch: patch}}))}
	for _, e := range events {
		f.about = append(f.about, e.ID)
		if e.HasPeer {
			f.about = append(f.about, e.Peer)
		}
	}
	r.keep(f)
	r.seq++
	r.letGo(r.snapshot)
	r.ring, r.sim, r.published, r.snapshot = state, sim, stats.Published, nil
	close(r.next)
	r.next = make(chan struct{})
}

func (r *frameLog) newEvents() []live.FeedEvent {
	newest := r.source.FeedSeq()
	from := r.feed
	if newest-from > frameEvents {
		from = newest - frameEvents
	}
	r.feed = newest
	if from == newest {
		return nil
	}
	return r.source.Events(from, int(newest-from))
}

func (r *frameLog) keep(f frame) {
	r.frames = append(r.frames, f)
	r.bytes += len(f.patch.data)
	for len(r.frames) > keepFrames || r.bytes > r.most && len(r.frames) > 1 {
		r.bytes -= len(r.frames[0].patch.data)
		r.letGo(r.frames[0].patch)
		r.frames[0] = frame{}
		r.frames = r.frames[1:]
	}
}

// A delivery holds the messages that bring a client up to date.
type delivery struct {
	messages  []*message // to be released
	seq       uint64     // the client's sequence number after them
	published time.Time
	touched   bool // the watched member may have changed
	next      <-chan struct{}
}

// since returns what a client at frame seq lacks: patches if the client is at most lag frames behind and the patches
// are still kept, else a snapshot.
func (r *frameLog) since(seq, lag uint64, watched *chord.ID) delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := delivery{seq: r.seq, published: r.published, next: r.next}
	if !r.reaches(seq, lag) {
		out.messages = []*message{r.whole().share()}
		out.touched = true
		return out
	}
	for _, f := range r.frames[len(r.frames)-int(r.seq-seq):] {
		out.messages = append(out.messages, f.patch.share())
		for _, id := range f.about {
			out.touched = out.touched || watched != nil && id == *watched
		}
	}
	return out
}

func (r *frameLog) reaches(seq, lag uint64) bool {
	return seq > 0 && seq <= r.seq && r.seq-seq <= min(lag, uint64(len(r.frames)))
}

// resumes reports whether the log has all frames after frame seq, so that a client that reconnects can continue with
// patches. newest is the newest frame's number.
func (r *frameLog) resumes(seq uint64) (ok bool, newest uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reaches(seq, keepFrames), r.seq
}

// whole returns the snapshot of the newest frame, encoded once for all clients that need it.
func (r *frameLog) whole() *message {
	if r.snapshot == nil {
		events := r.source.Events(r.feed-min(r.feed, snapshotEvents), snapshotEvents)
		for len(events) > 0 && events[len(events)-1].Seq > r.feed {
			events = events[:len(events)-1]
		}
		r.snapshot = r.hold(encode(&hubpb.ServerMessage{Message: &hubpb.ServerMessage_Snapshot{Snapshot: &hubpb.Snapshot{
			Seq: r.seq, Ring: r.ring, Members: columns(r.table.rows), Simulation: r.sim, Events: feedEvents(events),
			Lookups: lookupList(upTo(r.lookups, snapshotLookups, r.source.LookupsSince)),
			Samples: sampleList(upTo(r.samples, snapshotSamples, r.source.SamplesSince)),
		}}}))
	}
	return r.snapshot
}

// upTo returns the last n values up to and including number last. The next patch carries newer values.
func upTo[T any](last, n uint64, since func(uint64) ([]T, uint64)) []T {
	values, newest := since(last - min(last, n))
	return values[:len(values)-int(min(newest-last, uint64(len(values))))]
}

func encode(m *hubpb.ServerMessage) []byte {
	data, err := proto.Marshal(m)
	if err != nil { // a string that is not UTF-8; all received strings are checked
		panic("hub: encoding a message: " + err.Error())
	}
	return data
}
