package member

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/node/wire"
)

// Answers to peers. Each is given immediately, from the latest snapshot: none of these functions
// calls a peer.

const (
	ok        = nodepb.Reply_STATUS_OK
	notMember = nodepb.Reply_STATUS_NOT_MEMBER
	isBusy    = nodepb.Reply_STATUS_BUSY
)

// standing returns the status of a member's answers, which follows from its phase alone.
func (m *Member) standing() nodepb.Reply_Status {
	switch m.now.Load().phase {
	case active:
		return ok
	case asking:
		return isBusy
	}
	return notMember
}

func (m *Member) servePing() *nodepb.PingResponse {
	return &nodepb.PingResponse{Reply: m.reply(m.standing()), Leaving: m.now.Load().leaving}
}

// serveNeighbors reads busy before the snapshot: if busy was clear, the snapshot is of that
// instant, or of one after the next answer was applied.
func (m *Member) serveNeighbors() *nodepb.NeighborsResponse {
	busy := m.busy.Load() || m.splicing.Load()
	standing := m.standing()
	if standing == ok && busy {
		standing = isBusy
	}
	if standing != ok {
		return &nodepb.NeighborsResponse{Reply: m.reply(standing)}
	}
	s := m.now.Load()
	return &nodepb.NeighborsResponse{Reply: m.reply(ok), Predecessor: s.pred, Successors: s.succ, HostsPast: s.past}
}

func (m *Member) serveNotify(ctx context.Context, from chord.Peer) *nodepb.NotifyResponse {
	standing := m.standing()
	if standing == ok && from != m.State().Pred {
		m.inbox.notify(notice{ctx, from, m.env.Now()})
		m.wake.Set()
	}
	return &nodepb.NotifyResponse{Reply: m.reply(standing)}
}

func (m *Member) serveHint(ctx context.Context, q *nodepb.HintRequest, contact chord.Peer, hosts []chord.Peer) *nodepb.HintResponse {
	standing := m.standing()
	switch {
	case standing == ok && contact.ID == m.self.ID:
		m.rival(contact)
	case standing != ok || !contact.Real():
	case q.Kind == nodepb.HintRequest_KIND_HOSTS:
		m.learnHosts(contact, hosts)
	case q.Kind == nodepb.HintRequest_KIND_OTHER_RING:
		m.inbox.hint(hint{ctx, contact, min(max(q.HopsLeft, 0), maxHintHops), m.env.Now()})
		m.wake.Set()
	case chord.Nearer(m.State(), contact):
		m.hasten()
	}
	return &nodepb.HintResponse{Reply: m.reply(standing)}
}

// serveDepart applies a neighbor's leave. The leave of the head is a transition like any other:
// while an answer is under way it waits (the member answers BUSY, and the leaver calls again),
// except for an answer of the head itself, which counts only while it is the head. The leave of
// another member changes only the predecessor, which no answer affects.
func (m *Member) serveDepart(ctx context.Context, leaver, pred chord.Peer, succ []chord.Peer) *nodepb.DepartResponse {
	standing := m.standing()
	if standing != ok {
		return &nodepb.DepartResponse{Reply: m.reply(standing)}
	}
	changed := false
	m.mu.Lock()
	head := m.now.Load().Head()
	if asked := m.asked.Load(); m.busy.Load() && head == leaver && *asked != leaver {
		standing = isBusy
	} else {
		changed = m.applyLocked(because(ctx), func(s chord.State) chord.State {
			return chord.PredecessorDeparts(chord.SuccessorDeparts(m.host.space, s, leaver, succ), leaver, pred)
		})
	}
	m.mu.Unlock()
	if standing == ok {
		for _, other := range m.host.Members() { // a leaver sends Depart only to its neighbors
			other.peers.depart(leaver)
			other.keys.PeerLeft(leaver)
		}
		m.setFingers(because(ctx), func(f chord.Fingers) (chord.Fingers, []chord.Run) { return f.Drop(leaver) })
	}
	if changed {
		m.moved.Set()
		m.keys.NeighborsChanged(ctx)
		m.hasten()
	}
	return &nodepb.DepartResponse{Reply: m.reply(standing)}
}

func (m *Member) serveFindNext(ctx context.Context, q *nodepb.FindNextRequest, key chord.ID) *nodepb.FindNextResponse {
	a := &nodepb.FindNextResponse{Reply: m.reply(m.standing())}
	if a.Reply.Status != ok {
		return a
	}
	_, span := m.startHop(ctx, key, Iterative, int(q.Hop))
	a.Final = chord.Owns(m.self.ID, key, m.State().Head().ID)
	var list []candidate
	if a.Owner = m.keys.Owns(key); a.Owner {
		list = m.before(key) // a joiner looks for the member before the owner
	} else {
		list = m.candidates(nil, key, q.Final, false)
	}
	for i := range list {
		c := &list[i]
		a.Candidates = append(a.Candidates, &nodepb.Candidate{Peer: c.toWire(), Pointer: c.pointer, Slot: int32(c.slot), Final: c.final})
	}
	if len(list) == 0 || a.Owner {
		m.choose(span, nil, 0)
	} else {
		m.choose(span, &list[0], 0)
	}
	m.endHop(span, nil)
	return a
}

func (m *Member) serveForward(ctx context.Context, q *nodepb.ForwardRequest, key chord.ID) (*nodepb.ForwardResponse, error) {
	initiator, err := wire.ReadRef(m.host.space, q.Initiator)
	if err == nil {
		err = checkPath(q.Path)
	}
	if err != nil || !initiator.Real() || q.HopsLeft < 0 || q.HopsLeft > maxHops {
		return nil, status.Errorf(codes.InvalidArgument, "malformed initiator, path or hop count in a Forward request: %v", err)
	}
	standing := m.standing()
	if standing == ok {
		t := &transit{
			lookup: q.Lookup, initiator: initiator.Peer, from: q.Initiator, key: key, final: q.Final,
			before: q.Path, hopsLeft: q.HopsLeft, started: q.StartedMicros,
		}
		if m.forwards.Add(1) > maxForwards {
			m.forwards.Add(-1)
			standing = isBusy
		} else if m.env.Go(ctx, func(ctx context.Context) {
			defer m.forwards.Add(-1)
			m.forward(ctx, t)
		}) != nil {
			m.forwards.Add(-1)
			standing = notMember
		}
	}
	return &nodepb.ForwardResponse{Reply: m.reply(standing)}, nil
}

func (m *Member) serveAnswer(q *nodepb.AnswerRequest) (*nodepb.AnswerResponse, error) {
	owner, err := wire.ReadRef(m.host.space, q.Owner)
	if err == nil {
		err = checkPath(q.Path)
	}
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "malformed owner or path in an Answer request: %v", err)
	}
	m.lookups.answer(q.Lookup, answered{owner: owner.Peer, before: q.Path})
	return &nodepb.AnswerResponse{Reply: m.reply(m.standing())}, nil
}

// checkPath returns an error if the path of a lookup is malformed.
func checkPath(path []*nodepb.Hop) error {
	if len(path) == 0 || len(path) > maxHops+1 {
		return fmt.Errorf("the path has %d hops", len(path))
	}
	for _, h := range path {
		if len(h.GetPeer().GetId()) != len(chord.ID{}) {
			return errors.New("a hop of the path has no identifier")
		}
	}
	return nil
}
