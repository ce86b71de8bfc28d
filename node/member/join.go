package member

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/node/kv/hlc"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// ErrTaken reports that a live member of the ring has the joiner's identifier. Further tries do not
// help.
var ErrTaken = errors.New("a live member has this identifier")

// errNoHost: the host has no address to join through, no other host has answered it, and none of
// its members is on a ring.
var errNoHost = errors.New("none of the hosts to join through is known")

// errHeld reports that the ring still has an earlier incarnation of the joiner, or a member of
// another host that advertises the same address. The join succeeds once that member is found dead.
var errHeld = errors.New("the ring still has a member with this identifier")

// A JoinError lists for each host to join through why the join through it failed.
type JoinError struct{ Contacts []error }

func (e *JoinError) Error() string {
	texts := make([]string, len(e.Contacts))
	for i, err := range e.Contacts {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

func (e *JoinError) Unwrap() []error { return e.Contacts }

// Lasting reports whether a failed join would fail again however long the caller waits: every host
// to join through refuses this one for its configuration, or a live member has the identifier.
func Lasting(err error) bool {
	if e := (*JoinError)(nil); errors.As(err, &e) {
		return !slices.ContainsFunc(e.Contacts, func(err error) bool {
			r := refusal{}
			return !errors.As(err, &r) || !r.lasting
		})
	}
	return errors.Is(err, ErrTaken)
}

// isDeserted reports whether all hosts to join through have answered that they have no members.
func isDeserted(err error) bool {
	e := (*JoinError)(nil)
	return errors.As(err, &e) && !slices.ContainsFunc(e.Contacts, func(err error) bool { return !errors.As(err, new(noMember)) })
}

// found makes the member the first of a ring.
func (m *Member) found() {
	ctx, span := m.startSpan(context.Background(), chordevent.SpanJoin)
	m.enter(ctx, chord.New(m.host.space, m.self, m.host.cfg.Successors), chord.Peer{})
	m.keys.Founded(ctx)
	m.endSpan(span, nil)
}

// join tries to join the ring until it succeeds, another member is found to have the identifier, or
// this member ends. Meanwhile the member answers NOT_MEMBER: if peers still point to an earlier
// incarnation of it, any other answer would keep that incarnation on the ring.
func (m *Member) join(ctx context.Context) error {
	ctx, span := m.startSpan(ctx, chordevent.SpanJoin)
	gap := m.host.cfg.Stabilize / 4
	for try := 1; ; try++ {
		through, err := m.tryJoin(ctx, m.contacts())
		if err == nil {
			span.SetAttributes(chordevent.JoinAttemptsKey.Int(try), chordevent.PeerIDKey.String(m.host.space.Format(through.ID)))
			m.keys.Joined(ctx)
			m.endSpan(span, nil)
			return nil
		}
		if !errors.Is(err, ErrTaken) && !errors.Is(err, errHeld) {
			m.appear(ctx)
		}
		m.edit(func(s *snapshot) { s.phase = looking })
		if none, deserted := errors.Is(err, errNoHost), isDeserted(err); (none || deserted) && m.host.founds(m, deserted) { // the founder has ended
			m.endSpan(span, err)
			m.found()
			return nil
		}
		if taken := (takenError{}); errors.As(err, &taken) && !m.fixed && taken.addr != m.self.Addr {
			if err = m.host.replace(m, taken); err == nil {
				m.endSpan(span, taken)
				return taken
			}
		}
		if m.host.cfg.JoinFailed != nil && !isStop(err) {
			m.host.cfg.JoinFailed(m.self, try, err)
		}
		if errors.Is(err, ErrTaken) {
			m.die()
		}
		m.report()
		if m.gone() || m.env.Sleep(m.backoff(&gap, 0, 4*m.host.cfg.Stabilize)) != nil {
			m.endSpan(span, err)
			return err
		}
	}
}

// tryJoin finds the member m with between(m, j, head(m)) by m's own list, for the joiner j, and
// copies that list. The search starts at the contacts.
func (m *Member) tryJoin(ctx context.Context, contacts []candidate) (through chord.Peer, err error) {
	if len(contacts) == 0 {
		return chord.Peer{}, errNoHost
	}
	l := Lookup{Key: m.self.ID, Start: m.env.Now()}
	var taken error
	before, err := m.iterate(ctx, m.self.ID, contacts, &l, l.Start.Add(m.host.cfg.LookupLimit), maxHops, func(asked chord.Peer, a *nodepb.FindNextResponse) bool {
		if asked.ID == m.self.ID && asked.Incarnation != m.self.Incarnation {
			taken = takenError{m.hex, asked.Addr}
			return true
		}
		return a.Final
	})
	if err != nil && len(l.Path) == 0 && len(l.contacts) > 0 {
		err = &JoinError{l.contacts}
	}
	if err = errors.Join(err, taken); err != nil {
		return chord.Peer{}, err
	}
	m.edit(func(s *snapshot) { s.phase = asking })
	n, err := m.neighbors(ctx, before)
	m.busy.Store(false) // in phase `asking` the member answers BUSY anyway
	if err != nil {
		return chord.Peer{}, err
	}
	if !chord.Joins(n, m.self.ID) {
		head := n.Head()
		if head.ID == m.self.ID && head.Addr == m.self.Addr { // no call can reach it, since calls to that address may arrive here
			return chord.Peer{}, fmt.Errorf("%w: %s still has a member of this address as its successor, an earlier incarnation or that of another host that advertises %s too", errHeld, before.Addr, head.Addr)
		}
		if head.ID == m.self.ID {
			if alive, err := m.alive(ctx, head); err != nil || alive {
				if err != nil {
					return chord.Peer{}, err
				}
				return chord.Peer{}, takenError{m.hex, head.Addr}
			}
		}
		return chord.Peer{}, fmt.Errorf("cannot join after %s: this member's identifier no longer lies between that member and its successor", before.Addr)
	}
	if clock := m.host.compareClocks(hlc.MaxDifference); clock.wrong() {
		return chord.Peer{}, fmt.Errorf("%w: %v", ErrClock, clock)
	}
	m.appear(ctx)
	m.enter(ctx, chord.Join(m.host.space, m.self, m.host.cfg.Successors, n), before)
	return before, nil
}

// maxKnown bounds the hosts that have answered this one through which a member tries to join, the
// latest first.
const maxKnown = 16

// contacts lists the members and hosts from which a member starts to look for its place: members of
// its own host, the hosts to join through, hosts that have answered this one, known peers.
func (m *Member) contacts() []candidate {
	var list []candidate
	for _, other := range m.host.Members() {
		if other != m && other.Status() == chordevent.StatusActive {
			list = append(list, candidate{peer: other.self})
		}
	}
	if len(list) > 0 {
		j := int(m.env.Uint64() % uint64(len(list)))
		list[0], list[j] = list[j], list[0]
	}
	seeds := slices.Clone(m.host.cfg.Join)
	for i := range seeds { // in random order, so that a join burst spreads over the hosts
		j := i + int(m.env.Uint64()%uint64(len(seeds)-i))
		seeds[i], seeds[j] = seeds[j], seeds[i]
	}
	for _, addr := range seeds {
		if addr != m.self.Addr {
			list = append(list, contactAt(addr))
		}
	}
	for i, addr := range m.host.clocks.known() { // also those that answered before this member started
		if i == maxKnown {
			break
		}
		list = append(list, contactAt(addr))
	}
	others := m.Remembered()
	m.shuffle(others)
	for _, p := range others[:min(len(others), 16)] {
		list = append(list, candidate{peer: p})
	}
	return list
}

// startSpan starts the span of an operation that is always traced.
func (m *Member) startSpan(ctx context.Context, name string) (context.Context, trace.Span) {
	return m.host.in.tracer.Start(ctx, name, trace.WithTimestamp(m.env.Now()),
		trace.WithAttributes(chordevent.NodeIDKey.String(m.hex), chordevent.HostIDKey.String(m.host.cfg.HostID)))
}

func (m *Member) endSpan(span trace.Span, err error) {
	outcome := chordevent.OutcomeOK
	if err != nil {
		outcome = chordevent.OutcomeFailed
		span.SetStatus(codes.Error, err.Error())
	}
	span.SetAttributes(chordevent.OutcomeKey.String(outcome))
	span.End(trace.WithTimestamp(m.env.Now()))
}
