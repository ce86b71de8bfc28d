package conform

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"chordconductor/conductor/lookups"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// advanceEvery is how often, by the messages' clock, the fold receives the time.
const advanceEvery = 200 * time.Millisecond

// Config is what a Judge needs. The zero value judges the first ring that is seen, at all levels.
type Config struct {
	Source string  // what is judged, for people
	Ring   string  // chord.ring.name of the ring to judge; empty: the first one seen
	Claims []Level // what must hold for the report to pass; nil: all levels
	// Now is the time at which messages arrive. Nil: the latest timestamp among those that came, as in a recording.
	Now func() time.Time
}

// A Judge takes messages in the order in which they arrived. It is safe for concurrent use.
type Verifier struct {
	cfg Config

	mu     sync.Mutex // guards all below
	sheets map[Level]*sheet
	ring   string // the ring judged; empty: none seen yet
	now    time.Time
	from   time.Time // first timestamp
	until  time.Time // last one

	fold         *ring.Ring
	advanced     time.Time // when the fold received the time
	state        pointerState
	incarnations map[incarnation]*incarnationRecord // at most maxLives
	latest       map[chord.ID]*incarnationRecord
	numbers      map[number]stamp // events seen, at most maxNumbers
	moves        map[string]*moveRecord
	lookups      lookupVerifier
	traces       traceVerifier
}

// New returns a Judge that has seen nothing.
func New(cfg Config) *Verifier {
	if cfg.Claims == nil {
		cfg.Claims = Levels
	}
	j := &Verifier{
		cfg: cfg, ring: cfg.Ring, sheets: map[Level]*sheet{},
		fold:         ring.New(ring.Options{Name: cfg.Ring}),
		incarnations: map[incarnation]*incarnationRecord{}, latest: map[chord.ID]*incarnationRecord{}, numbers: map[number]stamp{}, moves: map[string]*moveRecord{},
		lookups: newLookupJudge(), traces: newTraceJudge(),
	}
	for _, l := range Levels {
		j.sheets[l] = &sheet{}
	}
	return j
}

// Logs takes a request of log records. It does not keep or change them.
func (j *Verifier) Logs(ld plog.Logs) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, rl := range ld.ResourceLogs().All() {
		source := chordevent.SourceOf(rl.Resource())
		for _, sl := range rl.ScopeLogs().All() {
			for _, rec := range sl.LogRecords().All() {
				j.log(source, rec)
			}
		}
	}
	j.advance(false)
}

// log judges one record.
func (j *Verifier) log(source chordevent.Source, rec plog.LogRecord) {
	accepted := j.sheets[Accepted]
	if !chordevent.IsEvent(rec) {
		accepted.note("", "log records that are no events of a ring") // of them alone nothing can be judged
		return
	}
	if !j.ours(source, fmt.Sprintf("an event %.64q", rec.EventName())) {
		return
	}
	ev, ignored, err := chordevent.Decode(source, rec)
	if err != nil {
		j.refused(err)
		return
	}
	accepted.see("events", 1)
	if ignored > 0 {
		j.unknownAttributes(rec)
	}
	j.tick(ev.Time, exampleOf(&ev))
	j.member(&ev)
	j.pointers(&ev)
	j.keys(&ev, rec.Attributes())
	if ev.Trace.IsValid() {
		j.traces.events++
	}
	j.fold.Apply(&ev, j.now)
}

// ours checks what a resource says, and reports whether it is of the ring that is judged.
func (j *Verifier) ours(source chordevent.Source, what string) bool {
	accepted := j.sheets[Accepted]
	if source.Ring == "" {
		accepted.lacks(what, "resource attribute %s", chordevent.RingNameKey)
	} else if j.ring == "" {
		j.ring = source.Ring
	}
	if source.Instance == "" {
		accepted.lacks(what, "resource attribute %s, one of its own for each process", chordevent.ServiceInstanceIDKey)
	}
	if source.Ring != "" && source.Ring != j.ring {
		accepted.note(fmt.Sprintf("%s of ring %.64q", what, source.Ring), "records and spans of other rings, which are left out: --ring NAME chooses one")
		return false
	}
	return true
}

// tick takes a timestamp. One that no clock shows is named, and moves nothing.
func (j *Verifier) tick(at time.Time, what string) {
	if j.cfg.Now != nil {
		j.now = j.cfg.Now()
		if off := at.Sub(j.now); off.Abs() > time.Minute {
			j.sheets[Membership].errs(fmt.Sprintf("%s arrived at %s", what, j.now.UTC().Format(time.RFC3339)), "timestamp: more than a minute from the time of arrival")
		}
	}
	if at.Before(earliest) || at.After(last) {
		j.sheets[Membership].errs(what, "timestamp: expected nanoseconds since 1970")
		return
	}
	if j.from.IsZero() || at.Before(j.from) {
		j.from = at
	}
	if at.After(j.until) {
		j.until = at
	}
	if j.cfg.Now == nil {
		j.now = j.until
	}
}

// Timestamps in seconds, milliseconds or microseconds lie in 1970; in wrong units of the other sort, after 2200.
var earliest, last = time.Unix(946684800, 0), time.Unix(7258118400, 0)

// advance gives the fold and the lookups the time.
func (j *Verifier) advance(end bool) {
	if j.now.Sub(j.advanced) < advanceEvery && !end {
		return
	}
	j.advanced = j.now
	j.fold.Advance(j.now)
	j.watch(j.fold.View())
	j.takeLookups(end)
}

// Traces takes a request of spans, likewise.
func (j *Verifier) Traces(td ptrace.Traces) {
	j.mu.Lock()
	defer j.mu.Unlock()
	spans, broken := lookups.Decode(td)
	for _, b := range broken {
		if b.From.Ring == "" || j.ring == "" || b.From.Ring == j.ring {
			j.refused(b.Err)
		}
	}
	for _, rs := range td.ResourceSpans().All() {
		source := chordevent.SourceOf(rs.Resource())
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				j.span(source, s)
			}
		}
	}
	for _, s := range spans {
		if s.Ring == j.ring {
			j.lookups.add(s, j.now)
		}
	}
	j.advance(false)
}

// Metrics takes a request of data points, likewise. Nothing of the picture depends on them but the sampled share.
func (j *Verifier) Metrics(md pmetric.Metrics) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lookups.points += len(lookups.DecodeMetrics(md))
}

// refused names what the vocabulary does not accept.
func (j *Verifier) refused(err error) {
	accepted := j.sheets[Accepted]
	e, ok := err.(*chordevent.DecodeError) // all that the decoders return
	if !ok {
		accepted.errs("", "%s", err)
		return
	}
	if e.Reason == chordevent.ReasonUnknown {
		accepted.note(e.Error(), "log records whose names begin with \"chord.\" and are not in the vocabulary; they are ignored")
		return
	}
	what := "event"
	if e.Span {
		what = "span"
	}
	accepted.errs(e.Error(), "%s %s: attribute %s: %s, expected %s", what, e.Event, e.Attribute, e.Reason, e.Expected)
}

// unknownAttributes names the attributes that look like ours and are not in the event's table.
func (j *Verifier) unknownAttributes(rec plog.LogRecord) {
	known := attributesOf[rec.EventName()]
	for key := range rec.Attributes().All() {
		if len(key) > 6 && key[:6] == "chord." && !slices.Contains(known, key) {
			j.sheets[Accepted].note(fmt.Sprintf("in %s", rec.EventName()), "attribute %.64q: not in the event's table; it is ignored", key)
		}
	}
}

// attributesOf lists the attributes of each event and span by its name.
var attributesOf = func() map[string][]string {
	all := map[string][]string{}
	for _, e := range chordevent.Vocabulary() {
		if e.Signal == chordevent.SignalMetrics {
			continue
		}
		for _, key := range e.Attributes {
			all[e.Name] = append(all[e.Name], string(key))
		}
	}
	return all
}()

// Report ends the judgement: what has not come by now is missing.
func (j *Verifier) Report() *Report {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.cfg.Now != nil {
		j.now = j.cfg.Now()
	}
	j.advance(true)
	view := j.fold.View()
	j.endMembers(view)
	j.endPointers(view)
	j.endKeys(view)
	j.endLookups()
	j.endTraces()
	if n := view.Counts.RefusedMembers; n > 0 {
		j.sheets[Accepted].errs(fmt.Sprintf("%d members", n), "%s, %s or %s: another value than most members of the ring have", chordevent.RingBitsKey, chordevent.RingSuccessorsKey, chordevent.RingReplicasKey)
	}
	r := &Report{Source: j.cfg.Source, Ring: j.ring, Passed: true}
	if !j.from.IsZero() {
		r.From, r.Until = &j.from, &j.until
	}
	for _, l := range Levels {
		claimed := slices.Contains(j.cfg.Claims, l)
		result := j.sheets[l].result(l, claimed)
		r.Passed = r.Passed && (!claimed || result.Verdict == Passed)
		r.Results = append(r.Results, result)
	}
	return r
}

// exampleOf names one event.
func exampleOf(ev *chordevent.Event) string {
	at := ev.Time.UTC().Format(time.RFC3339Nano)
	if ev.Node.Seq == 0 {
		return fmt.Sprintf("%s of host %.64q at %s", ev.Body.Kind(), ev.Host.ID, at)
	}
	return fmt.Sprintf("%s of member %s, incarnation %d, number %d, at %s", ev.Body.Kind(), hex(ev.Node.ID, ev.Node.Digits), ev.Node.Incarnation, ev.Node.Seq, at)
}

// hex is an identifier in as many digits as its sender writes.
func hex(id chord.ID, digits int) string {
	text := fmt.Sprintf("%x", id[:])
	if digits > 0 && digits < len(text) {
		return text[len(text)-digits:]
	}
	return text
}
