package member

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/nodepb"
	"chordconductor/node/wire"
)

// maxStack bounds the candidates that an iterative lookup stores; the worst are dropped first.
const maxStack = 64

// iterate queries one member after the other, starting with the given candidates, until done
// accepts an answer; it returns the member that gave it. The candidates of the latest answer come
// first, earlier ones stay as alternatives. iterate fails when no candidate is left, or at its
// bounds of hops and time. It also fails when a believed owner did not answer and no other
// candidate is believed to be one; or when, after a timeout, it has queried `detours` members that
// are no nearer to the key than one that answered before: most other paths lead back to the same
// silent member, while a new try finds a member that was slow, or the member that has replaced it.
// The path and the timeouts are recorded in l.
func (m *Member) iterate(ctx context.Context, key chord.ID, start []candidate, l *Lookup, deadline time.Time, detours int, done func(asked chord.Peer, a *nodepb.FindNextResponse) bool) (chord.Peer, error) {
	stack := start
	var visited []candidate
	timeouts, last := 0, errNoRoute
	silence, ownerSilent := false, false
	nearest := m.host.space.Distance(m.self.ID, key) // the smallest distance to the key of a member that answered
	for len(stack) > 0 && len(visited) < maxHops {
		c := stack[0]
		stack = stack[1:]
		if ownerSilent && !c.final {
			return chord.Peer{}, last
		}
		if slices.ContainsFunc(visited, func(v candidate) bool { return v.peer == c.peer && (v.final || !c.final) }) {
			continue
		}
		if silence && !c.final && m.host.space.Distance(c.peer.ID, key).Compare(nearest) >= 0 {
			if detours == 0 {
				return chord.Peer{}, last
			}
			detours--
		}
		visited = append(visited, c)
		left := deadline.Sub(m.env.Now())
		if left <= 0 {
			return chord.Peer{}, last
		}
		a, err := env.Ring(m.env, c.peer.Addr, min(left, m.host.cfg.CallLimit)).FindNext(ctx, &nodepb.FindNextRequest{
			Call: m.Call(c.peer), Key: key[:], Final: c.final, Hop: int32(len(l.Path)),
		})
		silent := errors.Is(err, env.ErrTimeout)
		self, err := verifyAnswer(m, ctx, c.peer, a, err)
		switch {
		case isStop(err) || ctx.Err() != nil:
			return chord.Peer{}, err
		case err != nil:
			last = err
			if c.peer.Incarnation == 0 {
				l.contacts = append(l.contacts, err)
			}
			if silent {
				timeouts++
				l.Timeouts++
				m.suspect(c.peer)
				silence, ownerSilent = true, ownerSilent || c.final
			}
			continue
		}
		if len(l.Path) == 1 { // the choice of the initiator itself
			m.choose(l.span, &c, timeouts)
		}
		l.Path = append(l.Path, Hop{Peer: self, Pointer: c.pointer, Slot: c.slot, Timeouts: timeouts, At: m.env.Now().Sub(l.Start)})
		timeouts = 0
		if distance := m.host.space.Distance(self.ID, key); distance.Compare(nearest) < 0 {
			nearest = distance
		}
		if done(self, a) {
			return self, nil
		}
		next, err := m.candidatesFromWire(a)
		if err != nil {
			last = fmt.Errorf("cannot read the answer of %s: %w", c.peer.Addr, err)
			continue
		}
		stack = append(next, stack...)
		stack = stack[:min(len(stack), maxStack)]
	}
	return chord.Peer{}, last
}

func (m *Member) candidatesFromWire(a *nodepb.FindNextResponse) ([]candidate, error) {
	list := make([]candidate, 0, maxCandidates)
	for _, c := range a.Candidates[:min(len(a.Candidates), 2*maxCandidates)] {
		ref, err := wire.ReadRef(m.host.space, c.GetPeer())
		if err != nil {
			return nil, err
		}
		if ref.Real() {
			list = append(list, candidate{peer: ref.Peer, wire: c.Peer, final: c.Final, pointer: c.Pointer, slot: int(c.Slot)})
		}
	}
	return list, nil
}

// contactAt returns a candidate from which an iterative lookup can start: any member at addr.
func contactAt(addr string) candidate { return candidate{peer: chord.Peer{Addr: addr}} }
