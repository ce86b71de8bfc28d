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

// advanceEvery is the interval, by the clock of the received telemetry, at which the fold is advanced.
const advanceEvery = 200 * time.Millisecond

// Config configures a Verifier. The zero value checks the first ring that is seen, at all levels.
type Config struct {
	Source string  // the name of what is checked, for the report
	Ring   string  // chord.ring.name of the ring to check; empty: the first one seen
	Claims []Level // what must hold for the report to pass; nil: all levels
	// Now returns the time at which a request arrives. If it is nil, that time is the latest timestamp received so far,
	// as for a recording.
	Now func() time.Time
}

// A Verifier checks requests in the order in which they arrived. It is safe for concurrent use.
type Verifier struct {
	cfg Config

	mu     sync.Mutex // guards all below
	sheets map[Level]*sheet
	ring   string // the ring checked; empty: none seen yet
	now    time.Time
	from   time.Time // first timestamp
	until  time.Time // last timestamp

	fold         *ring.Ring
	advanced     time.Time // when the fold received the time
	state        pointerState
	incarnations map[incarnation]*incarnationRecord // at most maxIncarnations
	latest       map[chord.ID]*incarnationRecord
	numbers      map[number]stamp // events seen, at most maxNumbers
	moves        map[string]*moveRecord
	lookups      lookupVerifier
	traces       traceVerifier
}

// New returns a Verifier that has received nothing.
func New(cfg Config) *Verifier {
	if cfg.Claims == nil {
		cfg.Claims = Levels
	}
	c := &Verifier{
		cfg: cfg, ring: cfg.Ring, sheets: map[Level]*sheet{},
		fold:         ring.New(ring.Options{Name: cfg.Ring}),
		incarnations: map[incarnation]*incarnationRecord{}, latest: map[chord.ID]*incarnationRecord{}, numbers: map[number]stamp{}, moves: map[string]*moveRecord{},
		lookups: newLookupVerifier(), traces: newTraceVerifier(),
	}
	for _, l := range Levels {
		c.sheets[l] = &sheet{}
	}
	return c
}

// Logs checks a request of log records. It does not keep or change them.
func (c *Verifier) Logs(ld plog.Logs) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for source, rec := range chordevent.Records(ld) {
		c.log(source, rec)
	}
	c.advance(false)
}

// log checks one record.
func (c *Verifier) log(source chordevent.Source, rec plog.LogRecord) {
	accepted := c.sheets[Accepted]
	if !chordevent.IsEvent(rec) {
		accepted.note("", "log records that are not events of a ring") // such records alone show neither a pass nor a failure
		return
	}
	if !c.ours(source, fmt.Sprintf("an event %.64q", rec.EventName())) {
		return
	}
	ev, ignored, err := chordevent.Decode(source, rec)
	if err != nil {
		c.refused(err)
		return
	}
	accepted.see("events", 1)
	if ignored > 0 {
		c.unknownAttributes(rec)
	}
	c.tick(ev.Time, exampleOf(&ev))
	c.member(&ev)
	c.pointers(&ev)
	c.keys(&ev, rec.Attributes())
	if ev.Trace.IsValid() {
		c.traces.events++
	}
	c.fold.Apply(&ev, c.now)
}

// ours checks the attributes of source, a resource, and reports whether the resource belongs to the ring that is
// checked.
func (c *Verifier) ours(source chordevent.Source, what string) bool {
	accepted := c.sheets[Accepted]
	if source.Ring == "" {
		accepted.lacks(what, "resource attribute %s", chordevent.RingNameKey)
	} else if c.ring == "" {
		c.ring = source.Ring
	}
	if source.Instance == "" {
		accepted.lacks(what, "resource attribute %s, a different one for each process", chordevent.ServiceInstanceIDKey)
	}
	if source.Ring != "" && source.Ring != c.ring {
		accepted.note(fmt.Sprintf("%s of ring %.64q", what, source.Ring), "records and spans of other rings, which are left out: --ring NAME selects a ring")
		return false
	}
	return true
}

// tick advances the clock to a timestamp. It reports an implausible timestamp, and ignores it.
func (c *Verifier) tick(at time.Time, what string) {
	if c.cfg.Now != nil {
		c.now = c.cfg.Now()
		if off := at.Sub(c.now); off.Abs() > time.Minute {
			c.sheets[Membership].errs(fmt.Sprintf("%s arrived at %s", what, c.now.UTC().Format(time.RFC3339)), "timestamp: more than a minute from the time of arrival")
		}
	}
	if at.Before(earliest) || at.After(last) {
		c.sheets[Membership].errs(what, "timestamp: expected nanoseconds since 1970")
		return
	}
	if c.from.IsZero() || at.Before(c.from) {
		c.from = at
	}
	if at.After(c.until) {
		c.until = at
	}
	if c.cfg.Now == nil {
		c.now = c.until
	}
}

// A plausible timestamp lies between these two. Timestamps in seconds, milliseconds or microseconds lie in 1970; those
// in units smaller than a nanosecond, after 2200.
var earliest, last = time.Unix(946684800, 0), time.Unix(7258118400, 0)

// advance advances the fold and the lookups to the present time.
func (c *Verifier) advance(end bool) {
	if c.now.Sub(c.advanced) < advanceEvery && !end {
		return
	}
	c.advanced = c.now
	c.fold.Advance(c.now)
	c.watch(c.fold.View())
	c.takeLookups(end)
}

// Traces checks a request of spans. It does not keep or change them.
func (c *Verifier) Traces(td ptrace.Traces) {
	c.mu.Lock()
	defer c.mu.Unlock()
	spans, broken := lookups.Decode(td)
	for _, b := range broken {
		if b.From.Ring == "" || c.ring == "" || b.From.Ring == c.ring {
			c.refused(b.Err)
		}
	}
	for _, rs := range td.ResourceSpans().All() {
		source := chordevent.SourceOf(rs.Resource())
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				c.span(source, s)
			}
		}
	}
	for _, s := range spans {
		if s.Ring == c.ring {
			c.lookups.add(s, c.now)
		}
	}
	c.advance(false)
}

// Metrics checks a request of data points. The view does not depend on them, except for the sampled share of lookups.
func (c *Verifier) Metrics(md pmetric.Metrics) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lookups.points += len(lookups.DecodeMetrics(md))
}

// refused reports a record or span that the decoder does not accept.
func (c *Verifier) refused(err error) {
	accepted := c.sheets[Accepted]
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

// unknownAttributes reports the attributes whose names begin like those of the vocabulary and that are not in the
// event's table.
func (c *Verifier) unknownAttributes(rec plog.LogRecord) {
	known := attributesOf[rec.EventName()]
	for key := range rec.Attributes().All() {
		if len(key) > 6 && key[:6] == "chord." && !slices.Contains(known, key) {
			c.sheets[Accepted].note(fmt.Sprintf("in %s", rec.EventName()), "attribute %.64q: not in the event's table; it is ignored", key)
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

// Report ends the check and returns its result: what has not arrived yet counts as missing.
func (c *Verifier) Report() *Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cfg.Now != nil {
		c.now = c.cfg.Now()
	}
	c.advance(true)
	view := c.fold.View()
	c.endMembers(view)
	c.endPointers(view)
	c.endKeys(view)
	c.endLookups()
	c.endTraces()
	if n := view.Counts.RefusedMembers; n > 0 {
		c.sheets[Accepted].errs(fmt.Sprintf("%d members", n), "%s, %s or %s: differs from the value of most members of the ring", chordevent.RingBitsKey, chordevent.RingSuccessorsKey, chordevent.RingReplicasKey)
	}
	r := &Report{Source: c.cfg.Source, Ring: c.ring, Passed: true}
	if !c.from.IsZero() {
		r.From, r.Until = &c.from, &c.until
	}
	for _, l := range Levels {
		claimed := slices.Contains(c.cfg.Claims, l)
		result := c.sheets[l].result(l, claimed)
		r.Passed = r.Passed && (!claimed || result.Verdict == Passed)
		r.Results = append(r.Results, result)
	}
	return r
}

// exampleOf describes one event.
func exampleOf(ev *chordevent.Event) string {
	at := ev.Time.UTC().Format(time.RFC3339Nano)
	if ev.Node.Seq == 0 {
		return fmt.Sprintf("event %s of host %.64q at %s", ev.Body.Kind(), ev.Host.ID, at)
	}
	return fmt.Sprintf("event %s of member %s, incarnation %d, sequence number %d, at %s", ev.Body.Kind(), hex(ev.Node.ID, ev.Node.Digits), ev.Node.Incarnation, ev.Node.Seq, at)
}

// hex returns an identifier with as many hex digits as its sender writes.
func hex(id chord.ID, digits int) string {
	text := fmt.Sprintf("%x", id[:])
	if digits > 0 && digits < len(text) {
		return text[len(text)-digits:]
	}
	return text
}
