package web

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"chordconductor/conductor/eventlog"
	"chordconductor/conductor/hub"
	"chordconductor/conductor/live"
	"chordconductor/conductor/ring"
	"chordconductor/otel/chordevent"
)

const (
	protobufType = "application/x-protobuf"

	// How many of the events before its instant a snapshot has, and how many a member's details have.
	recentEvents  = 500
	recentLookups = 300
	recentSamples = 1800
	recentAbout   = 50

	// settling is how far after the newest instant of the history an instant may lie, since the history is advanced at
	// intervals: for such an instant the answer is the newest view.
	settling = time.Second
)

// unknownStats are the stats of the past: the conductor does not record its measurements of itself.
var unknownStats = live.Stats{StalenessP50: -time.Millisecond, StalenessP99: -time.Millisecond, LookupsSampled: -1}

// view returns the newest view or, with ?at=, the view of an instant of the past. If there is none, it has already
// answered, and ok is false.
func (s *Server) view(w http.ResponseWriter, r *http.Request) (view *ring.View, past, ok bool) {
	at, given, ok := s.instant(w, r, "at")
	if !ok || !given {
		return s.cfg.Source.View(), false, ok
	}
	if newest := s.cfg.Past.Stats().To; at.After(newest.Add(settling)) {
		fail(w, http.StatusNotFound, "no view of %s: the newest is of %s", at.Format(time.RFC3339Nano), newest.Format(time.RFC3339Nano))
		return nil, true, false
	}
	view, err := s.cfg.Past.At(r.Context(), at)
	if err != nil {
		notThere(w, "no view of "+at.Format(time.RFC3339Nano), err)
		return nil, true, false
	}
	return view, true, true
}

// instant reads a query parameter with an instant of the past. If it fails, it has already answered, and ok is false.
func (s *Server) instant(w http.ResponseWriter, r *http.Request, name string) (t time.Time, given, ok bool) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return t, false, true
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		fail(w, http.StatusBadRequest, "%s=%.40q: expected an instant in RFC 3339, such as 2026-01-31T12:00:00.5Z", name, text)
		return t, true, false
	}
	if s.cfg.Past == nil {
		fail(w, http.StatusNotFound, "no history is kept")
		return t, true, false
	}
	return t, true, true
}

// feed returns the newest events, at most limit, of those received until the view's instant. If they cannot be read,
// feed has already answered with an error.
func (s *Server) feed(w http.ResponseWriter, r *http.Request, view *ring.View, past bool, limit int) (feed []live.FeedEvent, ok bool) {
	if !past {
		return s.cfg.Source.Events(0, limit), true
	}
	// If a damaged period lies before the instant, the feed begins after that period; the page shows the period itself.
	events, _, err := s.cfg.Past.Until(r.Context(), view.Time, eventlog.Query{Limit: limit, Want: newsworthy, Show: shown})
	if err != nil {
		notThere(w, "no events of "+view.Time.Format(time.RFC3339Nano), err)
		return nil, false
	}
	return described(events), true
}

func newsworthy(ev *chordevent.Event) bool { return live.Newsworthy(ev.Body.Kind()) }

// shown is the part of an event that an answer needs: the lists that an event may carry are a thousand times as large.
func shown(e *eventlog.Event) any {
	f := live.Describe(e.Seq, e.Event)
	f.Arrived = e.Arrived
	return f
}

func described(events []eventlog.Event) []live.FeedEvent {
	out := make([]live.FeedEvent, len(events))
	for i, e := range events {
		out[i] = e.Shown.(live.FeedEvent)
	}
	return out
}

// snapshot answers with a view in the page's own form. It also has what had happened by the view's instant: events from
// the history, and the lookups and samples that are still kept.
func (s *Server) snapshot(w http.ResponseWriter, r *http.Request, view *ring.View, past bool) {
	events, ok := s.feed(w, r, view, past, recentEvents)
	if !ok {
		return
	}
	stats := s.cfg.Source.Stats()
	if past {
		stats = unknownStats
	}
	samples := s.cfg.Source.Samples()
	later, _ := slices.BinarySearchFunc(samples, view.Time, func(p live.Sample, t time.Time) int {
		if p.Time.After(t) {
			return 1
		}
		return -1
	})
	samples = samples[max(0, later-recentSamples):later]
	s.protobuf(w, r, hub.Snapshot(view, stats, events, s.cfg.Source.LookupsUntil(view.Time, recentLookups), samples))
}

func (s *Server) protobuf(w http.ResponseWriter, r *http.Request, m proto.Message) {
	body, err := proto.Marshal(m)
	if err != nil {
		fail(w, http.StatusInternalServerError, "cannot encode the answer: %v", err)
		return
	}
	send(w, r, http.StatusOK, protobufType, body)
}

// pastEvents answers with the feed from the history: with ?until= the newest events that had arrived by an instant,
// with ?since= the first that arrived after one. ?kind= selects kinds of events, separated by commas, and
// ?repeats=false omits all reports of a death but the first.
func (s *Server) pastEvents(w http.ResponseWriter, r *http.Request, limit int) {
	since, forward, ok := s.instant(w, r, "since")
	if !ok {
		return
	}
	until, back, ok := s.instant(w, r, "until")
	if !ok {
		return
	}
	if forward == back {
		fail(w, http.StatusBadRequest, "since and until: expected only one of them")
		return
	}
	q := eventlog.Query{Limit: limit, Want: newsworthy, Show: shown}
	if text := r.URL.Query().Get("repeats"); text != "" {
		repeats, err := strconv.ParseBool(text)
		if err != nil {
			fail(w, http.StatusBadRequest, "repeats=%.40q: expected true or false", text)
			return
		}
		q.Once = !repeats
	}
	if kinds := r.URL.Query().Get("kind"); kinds != "" {
		list := strings.Split(kinds, ",")
		for _, kind := range list {
			if !chordevent.Kind(kind).Known() {
				fail(w, http.StatusBadRequest, "kind %.40q: no event has that name; docs/telemetry.md lists them", kind)
				return
			}
		}
		q.Want = func(ev *chordevent.Event) bool { return slices.Contains(list, string(ev.Body.Kind())) }
	}
	var events []eventlog.Event
	var damage *eventlog.Damage
	var err error
	if forward {
		events, damage, err = s.cfg.Past.Since(r.Context(), since, q)
	} else {
		events, damage, err = s.cfg.Past.Until(r.Context(), until, q)
	}
	if err != nil {
		notThere(w, "no events", err)
		return
	}
	s.answerEvents(w, r, described(events), damage)
}

// A damageJSON is a period of the history that cannot be read. Unknown bounds are omitted.
type damageJSON struct {
	From  *time.Time `json:"from,omitempty"`
	Until *time.Time `json:"until,omitempty"`
	Cause string     `json:"cause"`
}

func damageOf(d eventlog.Damage) *damageJSON {
	out := &damageJSON{Cause: d.Cause}
	if !d.From.IsZero() {
		out.From = &d.From
	}
	if !d.Until.IsZero() {
		out.Until = &d.Until
	}
	return out
}

// notThere answers for an instant that the history does not have: 410 if it was recorded and cannot be read, 507 if no
// memory is left for it, 404 if it is out of range.
func notThere(w http.ResponseWriter, what string, err error) {
	var damaged *eventlog.DamagedError
	if errors.Is(err, eventlog.ErrMemory) {
		fail(w, http.StatusInsufficientStorage, "%s: %s", what, err)
		return
	}
	if !errors.As(err, &damaged) {
		fail(w, http.StatusNotFound, "%s: %s", what, err)
		return
	}
	failWith(w, http.StatusGone, struct {
		Error string `json:"error"`
		*damageJSON
	}{what + ": " + err.Error(), damageOf(damaged.Damage)})
}
