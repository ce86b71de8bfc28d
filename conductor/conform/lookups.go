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

// maxLookups bounds the lookups whose newest form is kept, some 15 MB; later ones are judged as they come first.
const maxLookups = 1 << 16

// A lookupKey tells lookups apart.
type lookupKey struct {
	trace trace.TraceID
	span  trace.SpanID
}

// A lookupJudge puts lookups together.
type lookupVerifier struct {
	assembler *lookups.Assembler
	hops      map[lookupKey]int64         // what the lookup's span says, until the lookup is complete
	told      map[lookupKey]lookupVerdict // of the newest form of each
	points    int
	uneven    findings // see unevenLookups
}

// unevenLookups is one in so many: fewer may be lookups whose answer was lost and that began again, so that their traces
// hold two ways.
const unevenLookups = 20

// A lookupVerdict is what is wrong with one lookup; empty texts: nothing. It counts only if the ring was steady.
type lookupVerdict struct {
	missing, wrong, example string
	uneven                  bool // the number of hops is not that of the members visited
	start, end              time.Time
}

func newLookupJudge() lookupVerifier {
	return lookupVerifier{assembler: lookups.NewAssembler(0), hops: map[lookupKey]int64{}, told: map[lookupKey]lookupVerdict{}}
}

func (l *lookupVerifier) add(s lookups.Span, now time.Time) { l.assembler.Add(s, now) }

// takeLookups judges the lookups that are ready. At the end all are.
func (j *Verifier) takeLookups(end bool) {
	now := j.now
	if end {
		now = now.Add(lookups.MaxAge)
	}
	for _, l := range j.lookups.assembler.Advance(now) {
		key := lookupKey{l.Trace, l.Span}
		if _, again := j.lookups.told[key]; again || len(j.lookups.told) < maxLookups {
			j.lookups.told[key] = j.lookup(&l, key)
		} else {
			j.lookupFound(j.lookup(&l, key))
			j.sheets[Lookups].see("lookups", 1)
		}
	}
}

// lookup judges one lookup by what its spans say, and by the ring if that was ideal all the time.
func (j *Verifier) lookup(l *lookups.Lookup, key lookupKey) (v lookupVerdict) {
	v.start, v.end = l.Start, l.Start.Add(l.Duration)
	v.example = fmt.Sprintf("lookup of %s in trace %s", hex(l.Key, l.Digits), l.Trace)
	if l.Outcome == lookups.Failed {
		return v
	}
	visited := int64(max(len(l.Hops)-2, 0))
	stated, said := j.lookups.hops[key]
	owner, known := j.state.owner(l.Key)
	found := l.Hops[len(l.Hops)-1].ID
	switch {
	case !l.Whole:
		v.missing = fmt.Sprintf("spans that lead from the initiator to the owner: %s of each member on the way, numbered by %s from 1 on, each below the span before it",
			chordevent.SpanLookupHop, chordevent.LookupHopKey)
	case said && stated != visited && l.Outcome == lookups.Success: // one that met dead members has ways that it gave up
		v.uneven = true
		v.example += fmt.Sprintf(": stated %d, visited %d", stated, visited)
	case known && found != owner.id:
		v.wrong = fmt.Sprintf("%s: not the key's owner, in a ring that was ideal", chordevent.LookupOwnerKey)
		v.example += fmt.Sprintf(": expected %s, got %s", hex(owner.id, l.Digits), hex(found, l.Digits))
	case known:
		for _, h := range l.Hops {
			if j.latest[h.ID] == nil {
				v.wrong = fmt.Sprintf("%s: a hop on a member of which no event has arrived", chordevent.NodeIDKey)
				v.example += ": " + hex(h.ID, l.Digits)
			}
		}
	}
	return v
}

func (j *Verifier) lookupFound(v lookupVerdict) {
	s := j.sheets[Lookups]
	if (v.missing+v.wrong != "" || v.uneven) && len(j.latest) > 0 && !j.state.steady(v.start, v.end) {
		s.note(v.example, "lookups with a gap or another end than expected, while the ring was not ideal or changed")
		return
	}
	if v.missing != "" {
		s.lacks(v.example, "%s", v.missing)
	}
	if v.wrong != "" {
		s.errs(v.example, "%s", v.wrong)
	}
	if v.uneven {
		j.lookups.uneven.add(fmt.Sprintf("%s: not the number of members that the lookup visited before the owner", chordevent.LookupHopsKey), v.example)
	}
}

// endLookups adds up.
func (j *Verifier) endLookups() {
	s := j.sheets[Lookups]
	s.see("lookups", len(j.lookups.told))
	keys := slices.SortedFunc(maps.Keys(j.lookups.told), func(a, b lookupKey) int {
		return slices.Compare(append(a.trace[:], a.span[:]...), append(b.trace[:], b.span[:]...))
	})
	for _, key := range keys {
		j.lookupFound(j.lookups.told[key])
	}
	if len(s.seen) == 0 {
		return
	}
	for _, f := range j.lookups.uneven.list {
		to := &s.notes
		if f.Count*unevenLookups > uint64(len(j.lookups.told)) {
			to = &s.wrong
		}
		to.list = append(to.list, f)
	}
	if len(j.lookups.told) == 0 {
		s.lacks("", "span %s: without it no hop belongs to a lookup", chordevent.SpanLookup)
	}
	if n := j.lookups.assembler.Dropped(); n > 0 {
		s.note("", "%d traces have hops and no span %s, as those of a join, or too many spans", n, chordevent.SpanLookup)
	}
	s.see("measurements of lookups ("+chordevent.LookupDuration.Name+" and others)", j.lookups.points)
	if j.lookups.points == 0 {
		s.note("", "metric %s: without it nothing says which share of the lookups arrives as traces", chordevent.LookupDuration.Name)
	}
}

// distance is what the contract calls the remaining distance of a lookup's span: clockwise from the member to the key.
// It is not known while the ring's bits are not.
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
