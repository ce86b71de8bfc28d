package member

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/nodepb"
	"chordconductor/node/wire"
)

// maxForwards bounds the lookups of others that one member forwards at a time. At the bound it answers BUSY, and the
// previous hop tries another candidate.
const maxForwards = 1024

// transit is a recursive lookup while it is at this host. Between members of one host it is passed
// on in the same task; to other hosts it is sent as a ForwardRequest.
type transit struct {
	lookup    uint64
	initiator chord.Peer
	from      *nodepb.Peer // the initiator in its wire form
	key       chord.ID
	final     bool          // the sender believes that this member owns the key
	before    []*nodepb.Hop // the path to this host, as received; not to be changed
	path      []Hop         // the path on this host
	hopsLeft  int32
	started   int64 // Unix microseconds
}

// been reports whether the lookup has already visited member id.
func (t *transit) been(id *chord.ID) bool {
	return slices.ContainsFunc(t.path, func(h Hop) bool { return h.Peer.ID == *id }) ||
		slices.ContainsFunc(t.before, func(h *nodepb.Hop) bool { return chord.ID(h.Peer.Id) == *id })
}

// wire returns the whole path in its wire form, with capacity for one more hop.
func (t *transit) wire() []*nodepb.Hop {
	all := make([]*nodepb.Hop, 0, len(t.before)+len(t.path)+1)
	all = append(all, t.before...)
	for i := range t.path {
		h := &t.path[i]
		all = append(all, hopToWire(h, wire.Ref(h.Peer, 0)))
	}
	return all
}

func hopToWire(h *Hop, peer *nodepb.Peer) *nodepb.Hop {
	return &nodepb.Hop{Peer: peer, Pointer: h.Pointer, Slot: int32(h.Slot), Timeouts: int32(h.Timeouts), AtMicros: h.At.Microseconds()}
}

// recursive forwards a lookup to the first hop and waits for the owner's answer.
func (m *Member) recursive(ctx context.Context, l *Lookup, deadline time.Time) error {
	id := m.env.Uint64()
	w := m.lookups.add(id, m.host.env)
	if w == nil {
		return errTooMany
	}
	t := transit{
		lookup: id, initiator: m.self, key: l.Key, hopsLeft: maxHops, started: m.env.Wall().Add(l.Start.Sub(m.env.Now())).UnixMicro(),
		path: append(make([]Hop, 0, 8), m.firstHop()),
	}
	timeouts, err := m.pass(ctx, &t, l.span)
	l.Timeouts += timeouts
	clean := true
	if err == nil && m.lookups.wait(w) {
		// Some hops may find silent members. After this limit the lookup counts as lost, and
		// continues iteratively.
		limit := min(4*m.host.cfg.CallLimit, deadline.Sub(m.env.Now()))
		if ctx.Done() != nil {
			defer context.AfterFunc(ctx, w.signal.Set)()
		}
		err = w.signal.Wait(max(limit, time.Millisecond))
		clean = err == nil && ctx.Done() == nil
	}
	a, ok := m.lookups.remove(id, w, clean)
	switch {
	case m.gone():
		return errGone
	case ctx.Err() != nil:
		return ctx.Err()
	case ok:
		return m.accept(l, a)
	case err == nil:
		return errNoRoute
	}
	return err
}

// accept reads the answer that ended a recursive lookup.
func (m *Member) accept(l *Lookup, a answered) error {
	path := a.path
	if len(a.before) > 0 {
		path = make([]Hop, 0, len(a.before)+len(a.path))
		for _, h := range a.before {
			ref, err := wire.ReadRef(m.host.space, h.GetPeer())
			if err != nil {
				return err
			}
			path = append(path, Hop{ref.Peer, h.Pointer, int(h.Slot), int(h.Timeouts), time.Duration(h.AtMicros) * time.Microsecond})
		}
		path = append(path, a.path...)
	}
	l.Path, l.Timeouts = path, 0
	for i := range path {
		l.Timeouts += path[i].Timeouts
	}
	if !a.owner.Real() {
		return errNoRoute
	}
	l.Owner = a.owner
	return nil
}

// forward makes one hop of a lookup that this member has accepted: the lookup ends here or is
// passed on.
func (m *Member) forward(ctx context.Context, t *transit) {
	ctx, span := m.startHop(ctx, t.key, Recursive, len(t.before)+len(t.path)-1)
	if m.keys.Owns(t.key) {
		m.answer(ctx, t, m.self, "")
		m.choose(span, nil, 0)
		m.endHop(span, nil)
		return
	}
	if !m.passed.first(t.lookup, t.final) {
		m.choose(span, nil, 0)
		m.endHop(span, nil)
		return // this member has already passed on another copy
	}
	err := errNoRoute
	if t.hopsLeft > 0 {
		_, err = m.pass(ctx, t, span)
	}
	if err != nil && !isStop(err) {
		m.answer(ctx, t, chord.Peer{}, err.Error())
	}
	m.endHop(span, err)
}

// pass sends a lookup to the best next hop that accepts it: if a candidate does not answer, to the
// next best one. It records the chosen hop on span, and returns the number of candidates that did
// not answer.
func (m *Member) pass(ctx context.Context, t *transit, span trace.Span) (timeouts int, err error) {
	var room [maxCandidates + 2]candidate
	list := m.candidates(room[:0], t.key, t.final, false)
	for i := range list {
		c := &list[i]
		if t.been(&c.peer.ID) {
			continue // this candidate has already been a hop
		}
		at := m.host.since(t.started, t.initiator.Addr)
		hop := Hop{Peer: c.peer, Pointer: c.pointer, Slot: c.slot, Timeouts: timeouts, At: at}
		if other := m.neighborOnHost(&c.peer); other != nil {
			m.choose(span, c, timeouts)
			t.path, t.final, t.hopsLeft = append(t.path, hop), c.final, t.hopsLeft-1
			other.forward(ctx, t)
			return timeouts, nil
		}
		if t.from == nil {
			t.from = wire.Ref(t.initiator, 0) // the lookup leaves its first host
		}
		peer := c.toWire()
		a, err := env.Ring(m.env, c.peer.Addr, m.host.cfg.CallLimit).Forward(ctx, &nodepb.ForwardRequest{
			Call: m.callTo(peer.Id), Lookup: t.lookup, Initiator: t.from, Key: t.key[:], Final: c.final,
			Path: append(t.wire(), hopToWire(&hop, peer)), HopsLeft: t.hopsLeft - 1, StartedMicros: t.started,
		})
		silent := errors.Is(err, env.ErrTimeout)
		_, err = verifyAnswer(m, ctx, c.peer, a, err)
		switch {
		case err == nil:
			m.choose(span, c, timeouts)
			return timeouts, nil
		case isStop(err) || ctx.Err() != nil:
			return timeouts, err
		case silent:
			timeouts++
			m.suspect(c.peer)
		}
	}
	m.choose(span, nil, timeouts)
	return timeouts, errNoRoute
}

// neighborOnHost returns a member of this host that p names and that can accept a lookup, or nil.
func (m *Member) neighborOnHost(p *chord.Peer) *Member {
	if p.Addr != m.self.Addr {
		return nil
	}
	if other := m.host.find(p.ID); other != nil && other.self == *p && other.standing() == ok {
		return other
	}
	return nil
}

// answer sends the result of a lookup to its initiator, and once more after a timeout, since a lost
// answer would cost the initiator a long wait.
func (m *Member) answer(ctx context.Context, t *transit, owner chord.Peer, problem string) {
	if other := m.neighborOnHost(&t.initiator); other != nil {
		other.lookups.answer(t.lookup, answered{owner, t.before, t.path})
		return
	}
	path := t.wire()
	for range 2 {
		q := &nodepb.AnswerRequest{Call: m.Call(t.initiator), Lookup: t.lookup, Error: problem, Path: path}
		if owner.Real() {
			q.Owner = m.wireSelf()
		}
		a, err := env.Ring(m.env, t.initiator.Addr, m.host.cfg.CallLimit).Answer(ctx, q)
		silent := errors.Is(err, env.ErrTimeout)
		if verifyAnswer(m, ctx, t.initiator, a, err); !silent {
			return
		}
	}
}
