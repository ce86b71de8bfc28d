package web

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"chordconductor/conductor/eventlog"
	"chordconductor/conductor/ingest"
	"chordconductor/conductor/live"
	"chordconductor/conductor/lookups"
	"chordconductor/conductor/memory"
	"chordconductor/conductor/ring"
)

// maxEvents bounds one answer of /api/events; /api/lookups has the same bound.
const maxEvents = 10_000

type eventJSON struct {
	Seq     uint64     `json:"seq"`
	Time    time.Time  `json:"time"`
	Arrived *time.Time `json:"arrived,omitempty"` // by the conductor's clock: from then on /api/ring?at= shows the event
	Kind    string     `json:"kind"`
	ID      string     `json:"id"`
	Peer    string     `json:"peer,omitempty"`
	Text    string     `json:"text"`
	TraceID string     `json:"trace_id,omitempty"`
	Warning bool       `json:"warning,omitempty"`
}

type lookupJSON struct {
	TraceID    string    `json:"trace_id"`
	Start      time.Time `json:"start"`
	LatencyMS  float64   `json:"latency_ms"`
	DurationMS float64   `json:"duration_ms"` // the same, as earlier versions named it
	Operation  string    `json:"operation"`
	Mode       string    `json:"mode"`
	Key        string    `json:"key"` // identifier
	Outcome    string    `json:"outcome"`
	Error      string    `json:"error,omitempty"`
	Hops       []hopJSON `json:"hops"` // initiator first, owner last
}

type hopJSON struct {
	ID       string  `json:"id"`
	Pointer  string  `json:"pointer"`
	Slot     int     `json:"slot"`
	AfterMS  float64 `json:"after_ms"` // since the lookup's start, by the member's own clock; -1: not known
	AtMS     float64 `json:"at_ms"`    // the same, as earlier versions named it
	Timeouts int     `json:"timeouts"`
	// ClockMS is the least time by which the clock of the hop's host is ahead of the initiator's clock; a negative
	// value: behind it.
	ClockMS float64 `json:"clock_ahead_at_least_ms,omitempty"`
}

// events answers with the feed after a sequence number, or around an instant of the past.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	after, ok := number(w, r, "after", 0, math.MaxInt64)
	if !ok {
		return
	}
	limit, ok := number(w, r, "limit", 100, maxEvents)
	if !ok {
		return
	}
	q := r.URL.Query()
	past := q.Has("since") || q.Has("until")
	for _, name := range []string{"kind", "repeats"} {
		if q.Has(name) && !past {
			fail(w, http.StatusBadRequest, "%s: allowed only with since or until", name)
			return
		}
	}
	if past && q.Has("after") {
		fail(w, http.StatusBadRequest, "after: not allowed with since or until; set one of the three")
		return
	}
	if past {
		s.pastEvents(w, r, int(limit))
		return
	}
	s.answerEvents(w, r, s.cfg.Source.Events(after, int(limit)), nil)
}

// answerEvents answers with a feed; damage is the damaged period between the end of the feed and further requested
// events.
func (s *Server) answerEvents(w http.ResponseWriter, r *http.Request, feed []live.FeedEvent, damage *eventlog.Damage) {
	f := formatOf(s.cfg.Source.View())
	events := make([]eventJSON, 0, 16)
	for _, ev := range feed {
		events = append(events, f.event(ev))
	}
	out := eventsJSON{Epoch: s.cfg.Source.Epoch(), Events: events}
	if damage != nil {
		out.Damaged = damageOf(*damage)
	}
	answer(w, r, http.StatusOK, out)
}

func (f format) event(ev live.FeedEvent) eventJSON {
	out := eventJSON{Seq: ev.Seq, Time: ev.Time, Kind: string(ev.Kind), ID: f.id(ev.ID), Text: ev.Text, Warning: ev.Warning}
	if !ev.Arrived.IsZero() {
		out.Arrived = &ev.Arrived
	}
	if ev.HasPeer {
		out.Peer = f.id(ev.Peer)
	}
	if ev.Trace.IsValid() {
		out.TraceID = ev.Trace.String()
	}
	return out
}

// lookups answers with the most recent lookups that arrived as traces.
func (s *Server) lookups(w http.ResponseWriter, r *http.Request) {
	limit, ok := number(w, r, "limit", 100, maxEvents)
	if !ok {
		return
	}
	f := formatOf(s.cfg.Source.View())
	list := make([]lookupJSON, 0, 16)
	for _, l := range s.cfg.Source.Lookups(int(limit)) {
		list = append(list, f.lookup(l))
	}
	answer(w, r, http.StatusOK, lookupsJSON{list})
}

func (f format) lookup(l lookups.Lookup) lookupJSON {
	out := lookupJSON{
		TraceID: l.Trace.String(), Start: l.Start, LatencyMS: ms(l.Duration), DurationMS: ms(l.Duration), Operation: l.Operation, Mode: l.Mode,
		Key: f.id(l.Key), Error: l.Err, Hops: make([]hopJSON, 0, len(l.Hops)),
	}
	switch l.Outcome {
	case lookups.Success:
		out.Outcome = "success"
	case lookups.Timeouts:
		out.Outcome = "timeouts"
	default:
		out.Outcome = "failed"
	}
	for _, h := range l.Hops {
		out.Hops = append(out.Hops, hopJSON{f.id(h.ID), h.Pointer, h.Slot, at(h.At), at(h.At), h.Timeouts, ms(h.Clock)})
	}
	return out
}

type statsJSON struct {
	Version string `json:"version"`
	Epoch   string `json:"epoch"`

	StalenessP50MS float64           `json:"staleness_p50_ms"`
	StalenessP99MS float64           `json:"staleness_p99_ms"`
	Applied        uint64            `json:"events_applied"`
	Outdated       uint64            `json:"events_outdated"`
	Refused        uint64            `json:"events_refused"`  // the queue was full; their senders try again
	Foreign        uint64            `json:"events_foreign"`  // of another ring
	ForeignRings   []foreignJSON     `json:"foreign_rings"`   // their senders, the newest first: 20 at most
	RefusedMembers int               `json:"members_refused"` // by the ring's hosts, for other bits, r or R
	RefusedAs      []ring.Parameters `json:"refused_parameters"`
	Rejected       map[string]uint64 `json:"events_rejected"`
	Lost           int64             `json:"records_lost"`
	EventRate      float64           `json:"events_per_second"`
	SpanRate       float64           `json:"spans_per_second"`
	QueueEvents    int               `json:"queue_events"`
	QueueLimit     int               `json:"queue_limit"`
	SpansDropped   uint64            `json:"spans_dropped"`   // did not fit, or their lookup never arrived
	LookupsForeign uint64            `json:"lookups_foreign"` // of another ring, or identifiers of another length
	LookupsSampled float64           `json:"lookups_sampled"` // share that arrives as traces; -1: unknown

	Ingest  *ingest.Stats `json:"ingest,omitempty"`
	Memory  *memoryJSON   `json:"memory,omitempty"`
	History *historyJSON  `json:"history,omitempty"`
	Clients *int          `json:"websocket_clients,omitempty"`
	Samples []sampleJSON  `json:"samples"` // the last minute, a second apart
}

type foreignJSON struct {
	Ring     string    `json:"ring"`
	Instance string    `json:"instance"`
	Events   uint64    `json:"events"`
	Last     time.Time `json:"last"`
}

type memoryJSON struct {
	Limit  int64          `json:"limit_bytes"`
	Source string         `json:"source"` // the origin of the limit
	Parts  []memory.Usage `json:"parts"`
}

type historyJSON struct {
	From    *time.Time   `json:"from,omitempty"`
	To      *time.Time   `json:"to,omitempty"`
	Entries uint64       `json:"entries"` // recorded since the start of the program
	Dropped uint64       `json:"dropped"` // not recorded: the queue was full
	Failed  uint64       `json:"failed"`  // not recorded: writing failed
	Bytes   int64        `json:"bytes"`
	Damaged []damageJSON `json:"damaged"` // periods that cannot be read
}

type sampleJSON struct {
	Time    time.Time `json:"time"`
	Members int       `json:"members"`
	Error   uint64    `json:"error"`
	Lookups float64   `json:"lookups_per_second"`
	P50MS   float64   `json:"p50_ms"`
	P99MS   float64   `json:"p99_ms"`
	Puts    float64   `json:"puts_per_second"`
	Gets    float64   `json:"gets_per_second"`
	Events  float64   `json:"events_per_second"`
	Spans   float64   `json:"spans_per_second"`
}

// stats answers with the conductor's own measurements: how far the view can be trusted.
func (s *Server) stats(w http.ResponseWriter, r *http.Request) {
	st := s.cfg.Source.Stats()
	out := statsJSON{
		Version: s.cfg.Version, Epoch: s.cfg.Source.Epoch(),
		StalenessP50MS: ms(st.StalenessP50), StalenessP99MS: ms(st.StalenessP99),
		Applied: st.Applied, Outdated: st.Outdated, Refused: st.Refused, Rejected: st.Rejected, Lost: st.Lost,
		Foreign: st.Foreign, ForeignRings: []foreignJSON{}, RefusedMembers: st.RefusedMembers, RefusedAs: st.RefusedParameters,
		EventRate: st.EventRate, SpanRate: st.SpanRate, QueueEvents: st.QueueEvents, QueueLimit: st.QueueLimit,
		SpansDropped: st.SpansDropped, LookupsForeign: st.LookupsForeign, LookupsSampled: st.LookupsSampled, Samples: []sampleJSON{},
	}
	if out.RefusedAs == nil {
		out.RefusedAs = []ring.Parameters{}
	}
	for _, x := range st.ForeignRings {
		out.ForeignRings = append(out.ForeignRings, foreignJSON(x))
	}
	if s.cfg.Memory != nil {
		b := s.cfg.Memory()
		out.Memory = &memoryJSON{b.Limit, b.Source, b.Usage()}
	}
	if s.cfg.Ingest != nil {
		in := s.cfg.Ingest()
		out.Ingest = &in
	}
	if s.cfg.Clients != nil {
		n := s.cfg.Clients()
		out.Clients = &n
	}
	if s.cfg.Past != nil {
		past := s.cfg.Past.Stats()
		out.History = &historyJSON{Entries: past.Events, Dropped: past.Dropped, Failed: past.Failed, Bytes: past.Bytes, Damaged: []damageJSON{}}
		if !past.From.IsZero() {
			out.History.From, out.History.To = &past.From, &past.To
		}
		for _, d := range s.cfg.Past.Damages() {
			out.History.Damaged = append(out.History.Damaged, *damageOf(d))
		}
	}
	samples := s.cfg.Source.Samples()
	for _, p := range samples[max(0, len(samples)-60):] {
		out.Samples = append(out.Samples, sampleJSON{
			p.Time, p.Members, p.Error, p.Lookups, ms(p.P50), ms(p.P99), p.Puts, p.Gets, p.Events, p.Spans,
		})
	}
	answer(w, r, http.StatusOK, out)
}

func (s *Server) healthz(w http.ResponseWriter, r *http.Request) {
	answer(w, r, http.StatusOK, healthJSON{"ok", s.cfg.Version})
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	if s.cfg.Ready != nil {
		if err := s.cfg.Ready(); err != nil {
			fail(w, http.StatusServiceUnavailable, "not ready: %s", err)
			return
		}
	}
	answer(w, r, http.StatusOK, readyJSON{"ready"})
}

// number reads a whole number from 0 to most from a query parameter. If it fails, it has already answered, and returns
// false.
func number(w http.ResponseWriter, r *http.Request, name string, absent, most uint64) (uint64, bool) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return absent, true
	}
	v, err := strconv.ParseUint(text, 10, 64)
	if err != nil || v > most {
		fail(w, http.StatusBadRequest, "%s=%.40q: expected a whole number from 0 to %d", name, text, most)
		return 0, false
	}
	return v, true
}

// at returns a hop's time in milliseconds; -1: not known.
func at(d time.Duration) float64 {
	if d < 0 {
		return -1
	}
	return ms(d)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
