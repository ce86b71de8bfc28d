package member

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/internal/duration"
	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/node/retry"
	"chordconductor/node/wire"
)

var (
	errNoRoute  = errors.New("no member that answered has a route to the owner")
	errTooMany  = errors.New("too many lookups are under way")
	errInactive = errors.New("member is not on the ring")
)

// A Lookup is a finished lookup.
type Lookup struct {
	Key      chord.ID
	Mode     Mode
	Owner    chord.Peer // the member that has confirmed that it owns the key
	Path     []Hop      // the initiator first, the owner last
	Timeouts int        // queries without an answer, on the path to the owner and elsewhere
	Start    time.Time
	Duration time.Duration
	Trace    trace.TraceID // zero if the lookup is not recorded

	span     trace.Span // the span of the lookup itself, not of the operation around it; nil if not sampled
	contacts []error    // why hosts could not be the start; at most one for each
}

// A Hop is one member's part of a lookup.
type Hop struct {
	Peer     chord.Peer
	Pointer  nodepb.Candidate_Pointer // the pointer by which the previous hop found this one; SELF for the initiator
	Slot     int
	Timeouts int           // number of candidates tried before it that did not answer
	At       time.Duration // time since the start of the lookup, by the member's own clock
}

func (m *Member) firstHop() Hop { return Hop{Peer: m.self, Pointer: nodepb.Candidate_POINTER_SELF} }

// Hops returns the path length as the Chord papers count it: the members visited between the
// initiator and the owner.
func (l *Lookup) Hops() int { return max(len(l.Path)-2, 0) }

// Lookup returns the member responsible for a point of the circle. That member has confirmed that
// it owns the point.
func (m *Member) Lookup(ctx context.Context, id chord.ID) (chord.Peer, error) {
	found, err := m.Find(ctx, id, m.host.cfg.Lookup)
	return found.Owner, err
}

// LookupWithin does what Lookup does, for limit at most if that is less than LookupLimit.
func (m *Member) LookupWithin(ctx context.Context, id chord.ID, limit time.Duration) (chord.Peer, error) {
	found, err := m.findWithin(ctx, id, m.host.cfg.Lookup, min(limit, m.host.cfg.LookupLimit))
	return found.Owner, err
}

// Find does what Lookup does, and also returns the path; after a failure the path as far as it is
// known. It tries again, iteratively, until LookupLimit passes or ctx is cancelled.
func (m *Member) Find(ctx context.Context, key chord.ID, mode Mode) (Lookup, error) {
	return m.findWithin(ctx, key, mode, m.host.cfg.LookupLimit)
}

func (m *Member) findWithin(ctx context.Context, key chord.ID, mode Mode, limit time.Duration) (Lookup, error) {
	l := Lookup{Key: key, Mode: mode, Start: m.env.Now()}
	ctx, span := m.startLookup(ctx, &l)
	l.span = span
	err := m.find(ctx, &l, limit)
	l.Duration = m.env.Now().Sub(l.Start)
	m.endLookup(ctx, span, &l, err)
	return l, err
}

func (m *Member) find(ctx context.Context, l *Lookup, limit time.Duration) error {
	deadline, gap := l.Start.Add(limit), time.Duration(0)
	for try := 0; ; try++ {
		err := m.tryLookup(ctx, l, try, deadline)
		switch {
		case err == nil || isStop(err) || ctx.Err() != nil || err == errInactive || err == errTooMany:
			return err
		case !m.env.Now().Before(deadline):
			return fmt.Errorf("no owner of %s found in %s: %w", m.host.space.Format(l.Key), duration.Text(limit), err)
		}
		gap = retry.Lookup.UpTo(m.host.cfg.Stabilize).Next(gap)
		if m.env.Sleep(m.jitter(gap)) != nil {
			return errGone
		}
	}
}

// tryLookup makes one try to find the owner. After a recursive try without an answer, the initiator
// continues iteratively.
func (m *Member) tryLookup(ctx context.Context, l *Lookup, try int, deadline time.Time) error {
	if m.now.Load().phase != active {
		return errInactive
	}
	own := m.keys.Owns(l.Key)
	if l.Mode == Recursive && try == 0 && !own {
		err := m.recursive(ctx, l, deadline)
		if len(l.Path) == 0 {
			l.Path = []Hop{m.firstHop()}
		}
		return err
	}
	l.Path = append(l.Path[:0], m.firstHop())
	if own {
		l.Owner = m.self
		m.choose(l.span, nil, 0)
		return nil
	}
	start := m.candidates(nil, l.Key, false, try > 1)
	owner, err := m.iterate(ctx, l.Key, start, l, deadline, 2<<min(try, 5), func(_ chord.Peer, a *nodepb.FindNextResponse) bool { return a.Owner })
	l.Owner = owner
	return err
}

// A candidate is a member that could be the next hop. A candidate without an identifier is any
// member at its address.
type candidate struct {
	peer    chord.Peer
	wire    *nodepb.Peer // peer in its wire form, if it is at hand
	finger  *snapshot    // if peer was found as a finger: the snapshot with that finger table
	final   bool         // the candidate is believed to own the key
	pointer nodepb.Candidate_Pointer
	slot    int
}

func (c *candidate) toWire() *nodepb.Peer {
	switch {
	case c.wire != nil:
	case c.finger != nil:
		c.wire = c.finger.wireOfFinger(c.slot)
	default:
		c.wire = wire.Ref(c.peer, 0)
	}
	return c.wire
}

const maxCandidates = 4 // bound of the candidates in one member's answer

// candidates appends to list the next hops of a lookup of a key that this member does not own, best
// first. final means that the sender believes that this member owns the key. With unfiltered,
// suspected peers are included.
func (m *Member) candidates(list []candidate, key chord.ID, final, unfiltered bool) []candidate {
	s := m.now.Load()
	var dead func(chord.Peer) bool
	if !unfiltered {
		dead = m.suspicions.dead(m.env.Now)
	}
	if s.Pred.Real() && chord.Owns(s.Pred.ID, key, m.self.ID) {
		// By its pointers the member would own the key. By its ownership register either it does
		// not own it yet, and its successor still does; or it no longer owns it, and its successor
		// has taken over.
		return successors(list, s, dead)
	}
	if final && s.Pred.Real() && (dead == nil || !dead(s.Pred)) { // a member has joined between the predecessor and this one
		list = append(list, candidate{peer: s.Pred, wire: s.pred, final: true, pointer: nodepb.Candidate_POINTER_SUCCESSOR})
	}
	if final && !m.keys.Ownership().Owns { // this member owns no range: a successor may own both ranges
		list = successors(list, s, dead)
	}
	known := len(list)
	list = m.nextHops(list, s, key, dead)
	if len(list) > known && !list[known].final {
		if h, found := s.routes.Substitute(&key, dead); found {
			list = append(list, candidate{peer: h.Peer, wire: s.succ[h.Slot], final: true, pointer: nodepb.Candidate_POINTER_SUCCESSOR, slot: h.Slot})
		}
	}
	return list
}

// successors appends the live successors to list: if this member owns no range, one of them may own
// the range before it.
func successors(list []candidate, s *snapshot, dead func(chord.Peer) bool) []candidate {
	for i, p := range s.Live() {
		if len(list) < maxCandidates && (dead == nil || !dead(p)) {
			list = append(list, candidate{peer: p, wire: s.succ[i], final: true, pointer: nodepb.Candidate_POINTER_SUCCESSOR, slot: i})
		}
	}
	return list
}

// before lists candidates for the member that precedes the key, which this member owns.
func (m *Member) before(key chord.ID) []candidate {
	s := m.now.Load()
	var list []candidate
	if s.Pred.Real() {
		list = append(list, candidate{peer: s.Pred, wire: s.pred, pointer: nodepb.Candidate_POINTER_SUCCESSOR})
	}
	return m.nextHops(list, s, key, m.suspicions.dead(m.env.Now))
}

func (m *Member) nextHops(list []candidate, s *snapshot, key chord.ID, dead func(chord.Peer) bool) []candidate {
	var room [maxCandidates]chord.Hop
	hops, final := s.routes.Next(room[:0], &key, dead)
	for i := range hops {
		h := &hops[i]
		if h.Peer.ID == m.self.ID {
			continue
		}
		c := candidate{peer: h.Peer, final: final, pointer: nodepb.Candidate_POINTER_SELF, slot: h.Slot}
		switch h.Pointer {
		case chord.PointerFinger:
			c.pointer, c.finger = nodepb.Candidate_POINTER_FINGER, s
		case chord.PointerSuccessor:
			c.pointer, c.wire = nodepb.Candidate_POINTER_SUCCESSOR, s.succ[h.Slot]
		}
		list = append(list, c)
	}
	return list
}
