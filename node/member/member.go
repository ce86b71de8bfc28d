package member

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// A Member is one virtual node of a host: a place on the ring with its own pointers, keys and
// telemetry.
//
// One task, run, owns its maintenance: one operation at a time. Ring state has one writer at a time
// (mu) and any number of readers, which read the latest snapshot without a lock. Peers' calls are
// answered from that snapshot immediately.
type Member struct {
	host    *Host
	env     env.Env // ends for this member when the member ends
	self    chord.Peer
	hex     string // self.ID as telemetry writes it
	index   int
	fixed   bool // the caller chose the identifier; it does not follow from the index
	renamed int  // number of identifiers in a row that other members had
	keys    Keys

	now  atomic.Pointer[snapshot]
	mu   sync.Mutex  // held to change now, never across a call of env
	busy atomic.Bool // between a query that copies pointers and its application; read before now
	// asked is the peer queried while busy, set before busy; nil if the member was never busy.
	asked atomic.Pointer[chord.Peer]
	// splicing is set from before a leaver's first message to a neighbor until it is gone or stays:
	// a peer that copied its pointers meanwhile would adopt it again.
	splicing atomic.Bool
	// ending is set before the member ends if it ends without a handoff, by a departure that gives up.
	ending atomic.Pointer[Ending]

	seq   atomic.Int64                // the last event number used
	wire  atomic.Pointer[nodepb.Peer] // see wireSelf
	muted atomic.Bool                 // crashed: emits no more telemetry
	stage atomic.Int32                // hidden, shown or withdrawn; only shown members emit telemetry, see appear

	bereft    atomic.Bool // a peer has been found dead since the last probe
	recovered atomic.Bool // export works again: a keyframe is due

	peers      knownPeers
	suspicions suspicionList
	inbox      inbox
	wake       env.Signal // for the loop: the inbox has work
	moved      env.Signal // for a leaver: the neighbors have changed
	parked     parked

	hostNews hostNews

	lookups  pending
	forwards atomic.Int32 // number of recursive lookups being passed on
	passed   passed

	// Fields that run owns.
	reporter reporter
	schedule schedule

	// The background task owns background while backgroundRunning is set, otherwise run does.
	backgroundRunning atomic.Bool
	background        backgroundSchedule
}

// schedule has the times at which the loop's regular duties are due.
type schedule struct {
	stabilize   time.Time
	quiet       int // number of stabilize rounds in a row that changed nothing
	predecessor time.Time
	orphan      time.Time // when a member without a live successor looks for others again
	orphanGap   time.Duration
}

// backgroundSchedule has the times at which the duties of the background task are due: those that
// make lookups, and so may take long, and that change no ring pointers. They run beside the loop,
// in a task of their own, one at a time.
type backgroundSchedule struct {
	fingers       time.Time
	slot          int           // the next slot to fix
	gap           time.Duration // between rounds of fixing fingers; it grows while nothing changes
	news          bool          // something has changed in this pass over the slots
	probe         time.Time
	staleProbe    time.Time // when a stale peer is due for a ping
	staleProbeGap time.Duration
	probes        int // number of probes so far: the kinds of peers alternate
}

func newMember(h *Host, id chord.ID, index int) *Member {
	m := &Member{host: h, index: index}
	m.env = scoped{h.env, m}
	m.self = chord.Peer{ID: id, Addr: h.address, Incarnation: h.incarnation()}
	m.hex = h.space.Format(id)
	alone := chord.New(h.space, m.self, h.cfg.Successors)
	m.now.Store(&snapshot{State: alone, routes: chord.NewRoutes(alone, chord.Fingers{})})
	m.wake = h.env.NewSignal()
	m.moved = m.env.NewSignal()
	m.keys = m.newKeys()
	return m
}

// Self returns the member as its peers know it.
func (m *Member) Self() chord.Peer { return m.self }

// State returns the member's pointers now: an immutable snapshot, read without a lock.
func (m *Member) State() chord.State { return m.now.Load().State }

// Fingers returns the finger table now.
func (m *Member) Fingers() chord.Fingers { return m.now.Load().fingers }

// Status returns the member's status: joining, active, leaving or left.
func (m *Member) Status() chordevent.Status { return m.now.Load().status() }

// Keys returns the part of the member that owns and stores keys.
func (m *Member) Keys() Keys { return m.keys }

// Remembered lists the known peers on other hosts that are not lost, the nearest clockwise first.
func (m *Member) Remembered() []chord.Peer {
	var others []chord.Peer
	for _, p := range m.peers.alive() {
		if p.Addr != m.self.Addr {
			others = append(others, p)
		}
	}
	m.sortClockwise(others)
	return others
}

func (m *Member) gone() bool { return m.now.Load().phase == gone }

// hasten makes the loop stabilize immediately.
func (m *Member) hasten() {
	m.inbox.hurry()
	m.wake.Set()
}

// run is the member's task, from its first event to its last.
func (m *Member) run(ctx context.Context) {
	m.report() // emits nothing while hidden, but sets when the next report is due
	if m.host.founds(m, false) {
		m.appear(ctx)
		m.found()
	} else if m.join(ctx) != nil {
		return
	}
	for !m.gone() {
		m.report()
		if !m.work() && m.wake.Wait(m.untilDue()) == env.ErrStopped {
			return
		}
	}
}

// work handles what is due, at most one item of each kind so that no kind delays another for long, and reports whether
// anything was due.
func (m *Member) work() bool {
	w, s := m.inbox.take(), &m.schedule
	now := m.env.Now()
	did := false
	do := func(due bool, duty func()) {
		if due && !m.gone() {
			duty()
			did = true
		}
	}
	do(w.hurry || !now.Before(s.stabilize), m.stabilize)
	notice := m.inbox.takeNotice()
	do(notice != nil && m.current(notice), func() { m.rectify(notice) })
	do(w.rival.Real(), func() { m.resolveDuplicate(w.rival) })
	do(w.candidate != nil, func() { m.consider(w.candidate) })
	do(w.check != nil, func() { m.checkSuspect(*w.check) })
	do(!now.Before(s.predecessor), m.checkPredecessor)
	m.passHostsOn()
	m.startBackground(w.hurry, w.hint)
	return did
}

// startBackground starts the background task if it is not running and has something to do. A hint
// that arrives while it runs is put back.
func (m *Member) startBackground(changed bool, h *hint) {
	if h != nil {
		m.inbox.hint(*h)
	}
	if m.backgroundRunning.Load() || m.gone() {
		return
	}
	s, now := &m.background, m.env.Now()
	if changed { // the fingers may have changed, too
		s.gap = 0
		if soon := now.Add(m.jitter(m.host.cfg.Stabilize / 2)); soon.Before(s.fingers) {
			s.fingers = soon
		}
	}
	if h == nil && now.Before(s.fingers) && now.Before(s.probe) {
		return
	}
	m.backgroundRunning.Store(true)
	if m.env.Go(m.host.in.unsampled, func(context.Context) {
		if h := m.inbox.takeHint(); h != nil {
			m.followHint(h)
		}
		if !m.env.Now().Before(s.fingers) {
			m.fixFingers()
		}
		if !m.env.Now().Before(s.probe) {
			m.probe()
		}
		m.backgroundRunning.Store(false)
		m.wake.Set()
	}) != nil {
		m.backgroundRunning.Store(false)
	}
}

// untilDue returns the time until the next regular duty.
func (m *Member) untilDue() time.Duration {
	next := m.reporter.keyframe
	earlier := func(t time.Time) {
		if t.Before(next) {
			next = t
		}
	}
	earlier(m.schedule.stabilize)
	earlier(m.schedule.predecessor)
	if !m.backgroundRunning.Load() {
		earlier(m.background.fingers)
		earlier(m.background.probe)
	}
	return max(next.Sub(m.env.Now()), time.Microsecond)
}

// scoped is the environment of one member: it ends with the member, while the host's continues.
type scoped struct {
	env.Env
	m *Member
}

func (s scoped) Sleep(d time.Duration) error {
	if s.m.gone() {
		return env.ErrStopped
	}
	err := s.Env.Sleep(d)
	if s.m.gone() {
		return env.ErrStopped
	}
	return err
}

func (s scoped) Go(ctx context.Context, task func(context.Context)) error {
	if s.m.gone() {
		return env.ErrStopped
	}
	return s.Env.Go(ctx, task)
}

func (s scoped) NewSignal() env.Signal { return scopedSignal{s.Env.NewSignal(), s.m} }

// scopedSignal is a signal whose Wait also ends when the member ends.
type scopedSignal struct {
	env.Signal
	m *Member
}

func (s scopedSignal) Wait(limit time.Duration) error {
	s.m.parked.add(s.Signal)
	defer s.m.parked.remove(s.Signal)
	if s.m.gone() {
		return env.ErrStopped
	}
	err := s.Signal.Wait(limit)
	if s.m.gone() {
		return env.ErrStopped
	}
	return err
}

// parked holds the signals that a member's tasks wait for: at most one for each task.
type parked struct {
	mu   sync.Mutex
	list []env.Signal // guarded by mu
}

func (p *parked) add(s env.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, s)
}

func (p *parked) remove(s env.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.list, s); i >= 0 {
		p.list = slices.Delete(p.list, i, i+1)
	}
}

// wake sets all signals. A task that waits later finds that the member is gone.
func (p *parked) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.list {
		s.Set()
	}
}
