package ingest

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"chordconductor/otel/chordevent"
)

const (
	maxRejections    = 100 // kinds of them that are kept; further ones are only counted
	maxNamedInAnswer = 5   // kinds named in the answer to one request
)

// A Rejection describes one way in which records of one sender have an event name of the vocabulary and violate it.
type Rejection struct {
	Ring      string    `json:"ring"`
	Instance  string    `json:"instance"` // service.instance.id of the sender
	Event     string    `json:"event"`
	Attribute string    `json:"attribute,omitempty"`
	Reason    string    `json:"reason"`
	Expected  string    `json:"expected,omitempty"`
	Got       string    `json:"got,omitempty"` // by the newest of the rejected records
	Records   uint64    `json:"records"`
	Last      time.Time `json:"last"`
}

// kind is the key of a rejection.
type kind struct{ ring, instance, event, attribute, reason string }

// rejections counts the records that were not accepted as events, with the reason: for their senders in the answer, and
// for people in the log, the API and the page. Repeated rejections of one kind are logged at growing intervals.
type rejections struct {
	log *slog.Logger

	mu    sync.Mutex
	kinds map[kind]*rejected // guarded by mu; at most maxRejections
	more  uint64             // guarded by mu; records of further kinds, and of those that gave way to others
}

type rejected struct {
	Rejection
	next     time.Time
	interval time.Duration
}

func newRejections(log *slog.Logger) *rejections {
	return &rejections{log: log, kinds: map[kind]*rejected{}}
}

// note counts a rejected record.
func (r *rejections) note(now time.Time, from chordevent.Source, err *chordevent.DecodeError) {
	key := kind{from.Ring, from.Instance, err.Event, err.Attribute, string(err.Reason)}
	r.mu.Lock()
	k := r.kinds[key]
	if k == nil && len(r.kinds) >= maxRejections && !r.makeRoom(now) {
		r.more++
		r.mu.Unlock()
		return
	}
	if k == nil {
		k = &rejected{Rejection: Rejection{
			Ring: from.Ring, Instance: from.Instance, Event: err.Event, Attribute: err.Attribute, Reason: string(err.Reason), Expected: err.Expected,
		}}
		r.kinds[key] = k
	}
	k.Got, k.Last = err.Got, now
	k.Records++
	due := !now.Before(k.next)
	if due {
		k.interval = min(max(2*k.interval, firstRepeat), lastRepeat)
		k.next = now.Add(k.interval)
	}
	n := k.Records
	r.mu.Unlock()
	if due {
		what := "a log record is not accepted as an event"
		if err.Span {
			what = "a span violates the vocabulary and is not part of a lookup in the view"
		}
		r.log.Warn(what, "problem", err.Error(), "ring", from.Ring, "instance", from.Instance, "records", n)
	}
}

// makeRoom removes the kind whose last rejection is the oldest, if that is longer ago than the longest time between two
// log lines. Otherwise old mistakes of processes that have ended would take the room of present ones. The caller holds
// r.mu.
func (r *rejections) makeRoom(now time.Time) bool {
	var oldest kind
	for key, k := range r.kinds {
		if first := r.kinds[oldest]; first == nil || k.Last.Before(first.Last) {
			oldest = key
		}
	}
	k := r.kinds[oldest]
	if now.Sub(k.Last) <= lastRepeat {
		return false
	}
	r.more += k.Records
	delete(r.kinds, oldest)
	return true
}

// list returns the rejections, newest first, and the number of those not listed.
func (r *rejections) list() (out []Rejection, more uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out = make([]Rejection, 0, len(r.kinds))
	for _, k := range r.kinds {
		out = append(out, k.Rejection)
	}
	slices.SortFunc(out, func(a, b Rejection) int {
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.Event, b.Event), cmp.Compare(a.Attribute, b.Attribute))
	})
	return out, r.more
}

// String describes the rejection and its sender.
func (r *Rejection) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s", r.Event, cmp.Or(r.Instance, "a process without service.instance.id"))
	if r.Ring != "" {
		fmt.Fprintf(&b, ", ring %s", r.Ring)
	}
	b.WriteString(": ")
	if r.Attribute != "" {
		fmt.Fprintf(&b, "%s: ", r.Attribute)
	}
	b.WriteString(r.Reason)
	if r.Expected != "" {
		fmt.Fprintf(&b, ", expected %s, got %s", r.Expected, cmp.Or(r.Got, "nothing"))
	}
	return b.String()
}

// maxLines bounds the rejections that the page shows.
const maxLines = 5

// Rejections describes the newest few rejections and their senders, one line each.
func (s *Server) Rejections() (lines []string) {
	list, _ := s.pipeline.broken.list()
	for i := range list[:min(len(list), maxLines)] {
		lines = append(lines, fmt.Sprintf("%s (%d records)", &list[i], list[i].Records))
	}
	return lines
}

// A verdict is the answer to the sender of one request.
type verdict struct {
	rejected int64 // records that have a name of the vocabulary and violate it
	warned   int   // records whose name only resembles a name of the vocabulary
	problems []string
	more     bool // problems that are not named
	spans    bool // and no log records
}

func (v *verdict) add(err *chordevent.DecodeError) {
	if err.Reason == chordevent.ReasonUnknown {
		v.warned++
	} else {
		v.rejected++
	}
	v.spans = v.spans || err.Span
	text := err.Error()
	switch {
	case slices.Contains(v.problems, text):
	case len(v.problems) < maxNamedInAnswer:
		v.problems = append(v.problems, text)
	default:
		v.more = true
	}
}

// message describes the errors, for the answer's partial success; empty if there are none.
func (v *verdict) message() string {
	if len(v.problems) == 0 {
		return ""
	}
	text := strings.Join(v.problems, "; ")
	if v.more {
		text += "; and more"
	}
	if v.spans {
		return fmt.Sprintf("%d spans violate the vocabulary and are not part of a lookup in the view: %s", v.rejected, text)
	}
	if v.rejected == 0 {
		return fmt.Sprintf("%d log records are not events of the vocabulary: %s", v.warned, text)
	}
	return fmt.Sprintf("%d log records violate the vocabulary of their events: %s", v.rejected, text)
}
