package member

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/nodepb"
	"chordconductor/node/retry"
	"chordconductor/node/wire"
	"chordconductor/otel/chordevent"
)

var (
	// errBusy: the peer is alive and answered BUSY; the caller should try again.
	errBusy = errors.New("peer is busy")
	// errDead: the peer did not answer, its host answered that it has no such member, or another
	// incarnation of the member answered.
	errDead = errors.New("peer is dead")
	// errGone: the member itself is gone, or its environment has ended. The caller must return.
	errGone = errors.New("member is gone")
)

// A refusal is the error answer of a host that is incompatible with this one, or that cannot decode
// the call. Such a peer counts as dead.
type refusal struct {
	addr, reason string
	lasting      bool // waiting does not help: the hosts are configured differently
}

// A loss is the reason why a peer counts as dead.
type loss string

func (l loss) Error() string        { return string(l) }
func (l loss) Is(target error) bool { return target == errDead }

// noMember reports that the host at addr answered that it has no member with the requested
// identifier on the ring.
type noMember struct{ addr string }

func (n noMember) Error() string        { return n.addr + " has no such member on the ring" }
func (n noMember) Is(target error) bool { return target == errDead }

func (r refusal) Error() string        { return r.addr + " refuses: " + r.reason }
func (r refusal) Is(target error) bool { return target == errDead }

func isStop(err error) bool { return errors.Is(err, errGone) || errors.Is(err, env.ErrStopped) }

// Call returns the header of a request to a member.
func (m *Member) Call(to chord.Peer) *nodepb.Call {
	if to.Incarnation == 0 { // any member at that address
		return m.callTo(nil)
	}
	return m.callTo(to.ID[:])
}

// callTo returns the same header for a target's identifier in its wire form.
func (m *Member) callTo(target []byte) *nodepb.Call {
	cfg := &m.host.cfg
	return &nodepb.Call{
		Target: target, From: m.wireSelf(), Clock: m.host.clock.Now(), ClockMillis: m.env.Wall().UnixMilli(), Version: Version,
		Ring: cfg.Ring, Bits: uint32(cfg.Bits), Successors: uint32(cfg.Successors), Replicas: uint32(cfg.Replicas),
	}
}

// reply returns the header of an answer. With the status NOT_MEMBER it names the member only if that has left: peers
// store a member named there as left, and a member that looks for its place, such as an orphan, has not left.
func (m *Member) reply(status nodepb.Reply_Status) *nodepb.Reply {
	self := m.wireSelf()
	if status == notMember {
		self = m.host.hasLeft(m.self.ID[:])
	}
	return &nodepb.Reply{Status: status, Self: self, Clock: m.host.clock.Now(), ClockMillis: m.env.Wall().UnixMilli(), Version: Version}
}

// wireSelf returns the member in its wire form. It is encoded again only if the member has emitted
// an event since the last call.
func (m *Member) wireSelf() *nodepb.Peer {
	seq := m.seq.Load()
	if p := m.wire.Load(); p != nil && p.Seq == seq {
		return p
	}
	p := wire.Ref(m.self, seq)
	m.wire.Store(p)
	return p
}

// Received applies an answer's header. It returns an error if another incarnation than the
// requested one has answered. BUSY comes from a live peer and is no error.
func (m *Member) Received(asked chord.Peer, reply *nodepb.Reply) error {
	_, err := m.receivedFrom(asked, reply)
	return err
}

// receivedFrom does what Received does, and also returns the member that answered.
func (m *Member) receivedFrom(asked chord.Peer, reply *nodepb.Reply) (chord.Peer, error) {
	if err := speaks(reply.GetVersion()); err != nil {
		return chord.Peer{}, refusal{asked.Addr, err.Error(), true}
	}
	if asked.Addr != m.self.Addr {
		m.host.clocks.note(asked.Addr, reply.GetClockMillis(), m.env.Now())
	}
	if reply.GetStatus() == nodepb.Reply_STATUS_NOT_MEMBER {
		if left, err := wire.ReadRef(m.host.space, reply.GetSelf()); err == nil && left.Peer == asked && asked.Real() {
			m.peers.depart(asked)
		}
		return chord.Peer{}, noMember{asked.Addr}
	}
	self, err := wire.ReadRef(m.host.space, reply.GetSelf())
	if err != nil || !self.Real() {
		return chord.Peer{}, fmt.Errorf("%w: its answer does not name the member that answered", errDead)
	}
	m.host.clock.Observe(reply.GetClock())
	m.noteSeen(self)
	if asked.Incarnation != 0 && (self.ID != asked.ID || self.Incarnation != asked.Incarnation) {
		return self.Peer, fmt.Errorf("%w: another member or incarnation answered at its address", errDead)
	}
	return self.Peer, nil
}

// noteSeen stores that a peer has sent a message.
func (m *Member) noteSeen(ref chordevent.PeerRef) {
	if ref.ID == m.self.ID {
		m.rival(ref.Peer)
		return
	}
	if later, rival := m.peers.seen(ref, m.env.Now()); rival {
		m.introduce(ref.Peer, later)
	}
	m.suspicions.clear(ref.Peer)
	m.host.silences.clear(ref.Addr)
}

// answer is a response of a peer.
type answer interface{ GetReply() *nodepb.Reply }

// verifyAnswer returns the outcome of one call to a peer: nil, errBusy, errDead, errGone or the
// error of the caller's context.
func verifyAnswer[A answer](m *Member, ctx context.Context, asked chord.Peer, a A, err error) (chord.Peer, error) {
	switch {
	case m.gone() || errors.Is(err, env.ErrStopped):
		return chord.Peer{}, errGone
	case err != nil && ctx.Err() != nil:
		return chord.Peer{}, ctx.Err()
	case errors.Is(err, env.ErrTimeout):
		if why := (*env.Unanswered)(nil); errors.As(err, &why) {
			return chord.Peer{}, loss("no answer from " + asked.Addr + ": " + why.Why)
		}
		return chord.Peer{}, loss("no answer from " + asked.Addr)
	case err != nil:
		return chord.Peer{}, refusal{asked.Addr, status.Convert(err).Message(), status.Code(err) == codes.FailedPrecondition}
	}
	self, err := m.receivedFrom(asked, a.GetReply())
	if err == nil && a.GetReply().GetStatus() == nodepb.Reply_STATUS_BUSY {
		err = errBusy
	}
	return self, err
}

// busyTries bounds the tries of a query while the peer answers BUSY.
const busyTries = 32

// ask makes one maintenance query. It repeats the query after BUSY, and makes up to CallTries tries
// if there is no answer. holding is for a query that copies the peer's pointers: the member itself
// answers BUSY from sending until the answer is applied, but not while it pauses between tries, or
// two members that query each other would wait forever.
func ask[A answer](m *Member, ctx context.Context, p chord.Peer, holding bool, call func(nodepb.RingClient) (A, error)) (A, chord.Peer, error) {
	var none A
	busy, unanswered, gap := 0, 0, time.Duration(0)
	for {
		if holding {
			if m.splicing.Load() {
				return none, chord.Peer{}, errBusy // its neighbors are about to leave through it, or it through them
			}
			m.asked.Store(&p)
			m.busy.Store(true)
		}
		a, err := call(env.Ring(m.env, p.Addr, m.host.cfg.CallLimit))
		timeout := errors.Is(err, env.ErrTimeout)
		self, err := verifyAnswer(m, ctx, p, a, err)
		if err == nil {
			return a, self, nil
		}
		if holding {
			m.busy.Store(false)
		}
		switch {
		case err == errBusy:
			if busy++; busy == busyTries {
				return none, self, err
			}
		case timeout && !isStop(err) && ctx.Err() == nil:
			if unanswered++; unanswered == m.host.cfg.CallTries {
				m.host.silences.note(p.Addr, m.env.Now())
				return none, self, err
			}
		default:
			return none, self, err
		}
		gap = retry.Busy.Next(gap)
		if m.env.Sleep(m.jitter(gap)) != nil {
			return none, self, errGone
		}
	}
}

func (m *Member) ping(ctx context.Context, p chord.Peer) (*nodepb.PingResponse, chord.Peer, error) {
	return ask(m, ctx, p, false, func(r nodepb.RingClient) (*nodepb.PingResponse, error) {
		return r.Ping(ctx, &nodepb.PingRequest{Call: m.Call(p)})
	})
}

// alive reports whether a peer is alive; BUSY counts as alive. After an error this is not known.
func (m *Member) alive(ctx context.Context, p chord.Peer) (bool, error) {
	_, _, err := m.ping(ctx, p)
	switch {
	case err == nil || err == errBusy:
		return true, nil
	case errors.Is(err, errDead):
		return false, nil
	}
	return false, err // the caller has cancelled the call, so it is no evidence about the peer
}

// neighbors returns a copy of a peer's pointers. After success the member answers BUSY until apply.
func (m *Member) neighbors(ctx context.Context, p chord.Peer) (chord.Neighbors, error) {
	return m.pointers(ctx, p, true)
}

// pointers does the same as neighbors, but the member answers BUSY until apply only if holding is
// set.
func (m *Member) pointers(ctx context.Context, p chord.Peer, holding bool) (chord.Neighbors, error) {
	a, self, err := ask(m, ctx, p, holding, func(r nodepb.RingClient) (*nodepb.NeighborsResponse, error) {
		return r.Neighbors(ctx, &nodepb.NeighborsRequest{Call: m.Call(p)})
	})
	if err != nil {
		return chord.Neighbors{}, err
	}
	pred, err1 := wire.ReadRef(m.host.space, a.Predecessor)
	succ, err2 := wire.ReadPeers(m.host.space, a.Successors)
	past, err3 := wire.ReadPeers(m.host.space, a.HostsPast)
	if err := errors.Join(err1, err2, err3); err != nil {
		if holding {
			m.busy.Store(false)
		}
		return chord.Neighbors{}, fmt.Errorf("%w: %w", errDead, err)
	}
	return chord.Neighbors{Peer: self, Pred: pred.Peer, Succ: succ, Past: past}, nil
}

// PeerFailed stores that a peer has been found dead in an operation, and emits an event once for
// each lost incarnation.
func (m *Member) PeerFailed(ctx context.Context, p chord.Peer, operation string) {
	m.failed(because(ctx), p, operation)
}

func (m *Member) failed(why cause, p chord.Peer, operation string) {
	if !p.Real() || p.ID == m.self.ID || p.Incarnation == 0 || m.gone() {
		return
	}
	now := m.env.Now()
	ref := m.ref(p)
	m.suspicions.add(p, now.Add(m.suspicion()))
	if m.peers.lose(p, now, 4*m.host.cfg.Stabilize) {
		m.bereft.Store(true)
		m.host.in.count(m.host.in.failures, operation, "")
		m.Emit(why(), chordevent.PeerFailed{Peer: ref, Operation: operation})
	}
	m.setFingers(why, func(f chord.Fingers) (chord.Fingers, []chord.Run) { return f.Drop(p) })
	m.keys.PeerDied(why(), p)
}

// suspect stores that a peer did not answer one call. Lookups skip the peer for a while; the
// member's loop finds out whether it is dead, with up to CallTries tries.
func (m *Member) suspect(p chord.Peer) {
	if p.Incarnation == 0 || p.ID == m.self.ID {
		return
	}
	m.suspicions.add(p, m.env.Now().Add(m.suspicion()))
	m.inbox.suspect(p)
	m.wake.Set()
}

func (m *Member) suspicion() time.Duration { return 4 * m.host.cfg.CallLimit }

// jitter returns a random time around d, from half of it to one and a half.
func (m *Member) jitter(d time.Duration) time.Duration { return d/2 + m.random(d) }

// random returns a random time from 0 up to but not including d.
func (m *Member) random(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(m.env.Uint64() % uint64(d))
}
