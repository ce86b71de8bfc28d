package conform

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/conductor/lookups"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// maxLookups bounds the lookups whose newest form is kept, in some 15 MB. Of later lookups only the first form is
// checked.
const maxLookups = 1 << 16

// A lookupKey identifies a lookup.
type lookupKey struct {
	trace trace.TraceID
	span  trace.SpanID
}

// A lookupVerifier assembles lookups.
type lookupVerifier struct {
	assembler *lookups.Assembler
	hops      map[lookupKey]int64         // as the lookup's span states them, until the lookup is complete
	verdicts  map[lookupKey]lookupVerdict // of the newest form of each
	points    int
	uneven    findings // see unevenLookups
}

// unevenLookups limits the lookups whose hops are not numbered consecutively: one in unevenLookups is tolerated. They
// may be lookups whose answer was lost and which started again, so that their traces hold two paths.
const unevenLookups = 20

// A lookupVerdict describes what is wrong with one lookup, in texts that are empty if nothing is wrong. It counts only
// if the ring did not change during the lookup.
type lookupVerdict struct {
	missing, wrong, example string
	uneven                  bool // the number of hops is not that of the members visited
	start, end              time.Time
}

func newLookupVerifier() lookupVerifier {
	return lookupVerifier{assembler: lookups.NewAssembler(0), hops: map[lookupKey]int64{}, verdicts: map[lookupKey]lookupVerdict{}}
}

func (l *lookupVerifier) add(s lookups.Span, now time.Time) { l.assembler.Add(s, now) }

// takeLookups checks the lookups that are complete; if end is true, all lookups.
func (c *Verifier) takeLookups(end bool) {
	now := c.now
	if end {
		now = now.Add(lookups.MaxAge)
	}
	for _, l := range c.lookups.assembler.Advance(now) {
		key := lookupKey{l.Trace, l.Span}
		if _, again := c.lookups.verdicts[key]; again || len(c.lookups.verdicts) < maxLookups {
			c.lookups.verdicts[key] = c.lookup(&l, key)
		} else {
			c.lookupFound(c.lookup(&l, key))
			c.sheets[Lookups].see("lookups", 1)
		}
	}
}

// lookup checks one lookup by its spans. If the ring was ideal during the whole lookup, it checks the result too.
func (c *Verifier) lookup(l *lookups.Lookup, key lookupKey) (v lookupVerdict) {
	v.start, v.end = l.Start, l.Start.Add(l.Duration)
	v.example = fmt.Sprintf("lookup of %s in trace %s", hex(l.Key, l.Digits), l.Trace)
	if l.Outcome == lookups.Failed {
		return v
	}
	visited := int64(max(len(l.Hops)-2, 0))
	stated, ok := c.lookups.hops[key]
	owner, known := c.state.owner(l.Key)
	found := l.Hops[len(l.Hops)-1].ID
	switch {
	case !l.Whole:
		v.missing = fmt.Sprintf("spans that lead from the initiator to the owner: %s of each member on the way, numbered by %s from 1 on, each below the span before it",
			chordevent.SpanLookupHop, chordevent.LookupHopKey)
	case ok && stated != visited && l.Outcome == lookups.Success: // a lookup that met failed members has paths that it abandoned
		v.uneven = true
		v.example += fmt.Sprintf(": stated %d, visited %d", stated, visited)
	case known && found != owner.id:
		v.wrong = fmt.Sprintf("%s: not the key's owner, in a ring that was ideal", chordevent.LookupOwnerKey)
		v.example += fmt.Sprintf(": expected %s, got %s", hex(owner.id, l.Digits), hex(found, l.Digits))
	case known:
		for _, h := range l.Hops {
			if c.latest[h.ID] == nil {
				v.wrong = fmt.Sprintf("%s: a hop on a member without received events", chordevent.NodeIDKey)
				v.example += ": " + hex(h.ID, l.Digits)
			}
		}
	}
	return v
}

func (c *Verifier) lookupFound(v lookupVerdict) {
	s := c.sheets[Lookups]
	if (v.missing+v.wrong != "" || v.uneven) && len(c.latest) > 0 && !c.state.steady(v.start, v.end) {
		s.note(v.example, "lookups with a gap or an unexpected end, while the ring was not ideal or changed")
		return
	}
	if v.missing != "" {
		s.lacks(v.example, "%s", v.missing)
	}
	if v.wrong != "" {
		s.errs(v.example, "%s", v.wrong)
	}
	if v.uneven {
		c.lookups.uneven.add(fmt.Sprintf("%s: not the number of members that the lookup visited before the owner", chordevent.LookupHopsKey), v.example)
	}
}

// endLookups adds the findings about all lookups together.
func (c *Verifier) endLookups() {
	s := c.sheets[Lookups]
	s.see("lookups", len(c.lookups.verdicts))
	keys := slices.SortedFunc(maps.Keys(c.lookups.verdicts), func(a, b lookupKey) int {
		return slices.Compare(append(a.trace[:], a.span[:]...), append(b.trace[:], b.span[:]...))
	})
	for _, key := range keys {
		c.lookupFound(c.lookups.verdicts[key])
	}
	if len(s.seen) == 0 {
		return
	}
	for _, f := range c.lookups.uneven.list {
		to := &s.notes
		if f.Count*unevenLookups > uint64(len(c.lookups.verdicts)) {
			to = &s.wrong
		}
		to.list = append(to.list, f)
	}
	if len(c.lookups.verdicts) == 0 {
		s.lacks("", "span %s: without it no hop belongs to a lookup", chordevent.SpanLookup)
	}
	if n := c.lookups.assembler.Dropped(); n > 0 {
		s.note("", "%d traces have hops without a span %s, like those of a join, or have too many spans", n, chordevent.SpanLookup)
	}
	s.see("measurements of lookups ("+chordevent.LookupDuration.Name+" and others)", c.lookups.points)
	if c.lookups.points == 0 {
		s.note("", "metric %s: without it the share of lookups that arrive as traces is unknown", chordevent.LookupDuration.Name)
	}
}

// distance returns the remaining distance of a lookup's span as docs/telemetry.md defines it: clockwise from the member
// to the key. ok is false while the bits of the ring are unknown.
func distance(bits int, node, key string) (text string, ok bool) {
	space, err := chord.NewSpace(bits)
	if err != nil || len(node) != space.Digits() || len(key) != space.Digits() {
		return "", false
	}
	from, err := space.Parse(node)
	if err != nil {
		return "", false
	}
	to, err := space.Parse(key)
	return space.Format(space.Distance(from, to)), err == nil
}
