package member

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/kv"
	"chordconductor/node/kv/hlc"
	"chordconductor/node/nodepb"
	"chordconductor/node/wire"
	"chordconductor/otel/chordevent"
)

// A Host has the members of one address, which are one failure domain. It implements the
// peer-to-peer services by passing each call to the member that it is for.
type Host struct {
	cfg      Config
	address  string
	env      env.Env
	space    chord.Space
	in       *instruments
	clock    *hlc.Clock
	clocks   clocks
	silences silences
	anchor   anchor
	budget   *kv.HostBudget

	listedHosts int          // length of a host list
	contacted   atomic.Int32 // number of addresses to join through that were asked whether they are on this host's ring

	members atomic.Pointer[roster] // those that are not gone; read without a lock, replaced under mu

	wake  env.Signal  // for the host's own task, see watch.go
	off   atomic.Bool // the host has taken itself off the ring, since its clock is wrong
	watch watch

	ready struct {
		sync.Mutex
		is bool // the readiness last reported to Config.Ready
	}
	emitted struct { // the host's state as last emitted
		sync.Mutex
		seq   int64
		last  chordevent.HostState // except its number and the exact difference of clocks
		next  time.Time            // when the next one is due
		ended bool
	}

	mu              sync.Mutex
	watched         bool           // guarded by mu; the host's own task runs
	next            int            // guarded by mu; virtual index of the next member
	reserved        int            // guarded by mu; members that Start is about to start
	lastIncarnation int64          // guarded by mu; the latest incarnation given to a member
	founder         *Member        // guarded by mu; the member that founds, or has founded, a ring
	departed        []*nodepb.Peer // the latest maxDeparted members that have left
	askers          []asker        // hosts that have made a last call
}

const maxDeparted = 64

// A roster is the list of a host's members. It is never changed: calls are frequent and read it
// without a lock; starts and ends are rare and replace it by a changed copy.
type roster struct {
	byStart []*Member
	byID    map[chord.ID]*Member
}

func (r *roster) with(m *Member) *roster {
	next := &roster{append(slices.Clone(r.byStart), m), make(map[chord.ID]*Member, len(r.byID)+1)}
	maps.Copy(next.byID, r.byID)
	next.byID[m.self.ID] = m
	return next
}

func (r *roster) without(m *Member) *roster {
	next := &roster{slices.DeleteFunc(slices.Clone(r.byStart), func(other *Member) bool { return other == m }), maps.Clone(r.byID)}
	if next.byID[m.self.ID] == m {
		delete(next.byID, m.self.ID)
	}
	return next
}

// NewHost returns a host without members. The environment must serve the host under the address
// (see env.Env) before the first member starts.
func NewHost(cfg Config, address string, e env.Env, t Telemetry) (*Host, error) {
	cfg, err := cfg.validated(address)
	if err != nil {
		return nil, err
	}
	space, err := chord.NewSpace(cfg.Bits)
	if err != nil {
		return nil, err
	}
	in, err := newInstruments(t, e)
	if err != nil {
		return nil, err
	}
	h := &Host{cfg: cfg, address: address, env: e, space: space, in: in, budget: kv.NewHostBudget(cfg.Memory)}
	h.clocks.start = e.Now()
	h.clock = hlc.NewClock(h.wall)
	if !cfg.RingOnly {
		h.listedHosts = kv.HostListLen(cfg.Replicas)
	}
	h.members.Store(&roster{})
	h.wake = e.NewSignal()
	h.watch.incarnation = h.incarnation()
	return h, nil
}

// ErrTooMany reports that a host would have more members than it may (Config.Validate); none was
// started.
var ErrTooMany = errors.New("invalid number of members")

// Start starts count more members. It returns when they run, not when they have joined. The first
// member of a host with an empty Config.Join founds a ring. If the host would have more members
// than it may, Start returns ErrTooMany and starts none.
func (h *Host) Start(count int) ([]*Member, error) {
	if h.off.Load() {
		return nil, fmt.Errorf("%w: %v", ErrClock, h.compareClocks(rightAgain))
	}
	if err := h.reserve(count); err != nil {
		return nil, err
	}
	started := make([]*Member, 0, count)
	defer func() {
		h.mu.Lock()
		h.reserved -= count
		h.mu.Unlock()
	}()
	for range count {
		id, index, err := h.nextIdentifier()
		if err != nil {
			return started, err
		}
		m, err := h.launch(newMember(h, id, index))
		if err != nil {
			return started, err
		}
		started = append(started, m)
	}
	return started, nil
}

// reserve reserves places for count more members until Start is over.
func (h *Host) reserve(count int) error {
	if count < 1 {
		return fmt.Errorf("%w: %d more: must be at least 1", ErrTooMany, count)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	there := len(h.Members()) + h.reserved
	if err := h.cfg.validMembers(there + count); err != nil {
		return fmt.Errorf("%w: %d more on a host of %d: %w", ErrTooMany, count, there, err)
	}
	h.reserved += count
	return nil
}

// maxIndexTries bounds the virtual indices that are tried until the identifier of one is free: on a
// small circle several indices have the same identifier. On the smallest circle, where a host may
// have 2 of 8 identifiers, the probability that none of 256 indices has a free one is 2^-100.
const maxIndexTries = 256

// nextIdentifier takes the next virtual index whose identifier no member of this host has.
func (h *Host) nextIdentifier() (chord.ID, int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for range maxIndexTries {
		index := h.next
		h.next++
		if id := h.space.MemberID(h.address, index); h.find(id) == nil {
			return id, index, nil
		}
	}
	return chord.ID{}, 0, fmt.Errorf("%w: tried %d virtual indices of this host, and the identifier of each is in use", ErrTaken, maxIndexTries)
}

// StartAt starts a member with an identifier that the caller chooses. If another member has it,
// StartAt tries no other.
func (h *Host) StartAt(id chord.ID) (*Member, error) {
	h.mu.Lock()
	index := h.next
	h.next++
	h.mu.Unlock()
	m := newMember(h, id, index)
	m.fixed = true
	return h.launch(m)
}

// launch adds a member to the host and starts its task.
func (h *Host) launch(m *Member) (*Member, error) {
	h.mu.Lock()
	if h.find(m.self.ID) != nil {
		h.mu.Unlock()
		return nil, fmt.Errorf("%w: this host already has member %s", ErrTaken, m.hex)
	}
	h.members.Store(h.members.Load().with(m))
	first := !h.watched
	h.watched = true
	h.mu.Unlock()
	err := h.env.Go(context.Background(), m.run)
	if err == nil && first {
		err = h.env.Go(context.Background(), h.watchOver)
	}
	if err != nil {
		h.remove(m)
		return nil, err
	}
	h.wake.Set()
	return m, nil
}

// founds reports whether m founds the ring. It does if the host has no address to join through; no
// host has ever answered it, or all that answered have no members (deserted); and no other member
// of the host that is still there has founded a ring.
func (h *Host) founds(m *Member, deserted bool) bool {
	if slices.ContainsFunc(h.cfg.Join, func(a string) bool { return a != h.address }) || len(h.clocks.known()) > 0 && !deserted {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.founder == nil || h.founder.gone() {
		h.founder = m
	}
	return h.founder == m
}

// incarnation returns the number of a new incarnation: the clock's time, or one more than the last incarnation if two
// members start within a clock tick.
func (h *Host) incarnation() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lastIncarnation = max(h.wall().UnixNano(), h.lastIncarnation+1)
	return h.lastIncarnation
}

// depart stores a member that has left, in place of the oldest if there are maxDeparted.
func (h *Host) depart(p *nodepb.Peer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.departed) == maxDeparted {
		h.departed = slices.Delete(h.departed, 0, 1)
	}
	h.departed = append(h.departed, p)
}

func (h *Host) remove(m *Member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.members.Store(h.members.Load().without(m))
}

// Members lists the members that are not gone, in the order of their starts. The caller must not
// change the slice.
func (h *Host) Members() []*Member { return h.members.Load().byStart }

// Member returns the host's member with identifier id, or nil.
func (h *Host) Member(id chord.ID) *Member { return h.find(id) }

func (h *Host) find(id chord.ID) *Member { return h.members.Load().byID[id] }

// Address returns the host's address, Space its identifier circle, Config its configuration with
// all defaults filled in, and Now the time in its environment.
func (h *Host) Address() string    { return h.address }
func (h *Host) Now() time.Time     { return h.env.Now() }
func (h *Host) Space() chord.Space { return h.space }
func (h *Host) Config() Config     { return h.cfg }

// keepsLastKeys reports whether some of the members own keys and none of them has a live successor
// on another host.
func (h *Host) keepsLastKeys(members []*Member) bool {
	owner := false
	for _, m := range members {
		owner = owner || m.keys.Ownership().Owns
		if slices.ContainsFunc(m.State().Live(), func(p chord.Peer) bool { return p.Addr != h.address }) {
			return false
		}
	}
	return owner
}

// Abandon ends all members without a handoff, but with an event Left: for the last host of a ring,
// and for a host that has never joined one.
func (h *Host) Abandon(ctx context.Context) {
	for _, m := range h.Members() {
		m.abandon(ctx)
	}
}

// Crash ends all members without an event and without a message to peers.
func (h *Host) Crash() {
	for _, m := range h.Members() {
		m.Crash()
	}
}

// Recovered makes every member emit a keyframe soon. It is called when the export of telemetry
// works again after a failure. It may be called from any task and does not block.
func (h *Host) Recovered() {
	for _, m := range h.Members() {
		m.recovered.Store(true)
	}
}

// route returns the member that a call is for, or nil if there is none, which the caller receives
// as NOT_MEMBER.
func (h *Host) route(call *nodepb.Call) (*Member, chordevent.PeerRef, error) {
	if err := h.agrees(call); err != nil {
		return nil, chordevent.PeerRef{}, err
	}
	from, err := wire.ReadRef(h.space, call.GetFrom())
	if err != nil {
		return nil, from, status.Errorf(codes.InvalidArgument, "invalid caller: %v", err)
	}
	h.clock.Observe(call.GetClock())
	m, err := h.target(call.GetTarget())
	if m != nil && from.Real() {
		m.noteSeen(from)
	}
	return m, from, err
}

// agrees returns an error that lists those settings that all hosts of a ring must share and in
// which the caller's host differs from this one.
func (h *Host) agrees(call *nodepb.Call) error {
	c := &h.cfg
	if err := speaks(call.GetVersion()); err != nil {
		return status.Error(codes.FailedPrecondition, err.Error())
	}
	if call.GetRing() == c.Ring && int(call.GetBits()) == c.Bits && int(call.GetSuccessors()) == c.Successors && int(call.GetReplicas()) == c.Replicas {
		return nil
	}
	var differ []string
	if call.GetRing() != c.Ring {
		differ = append(differ, fmt.Sprintf("the ring's name is %q, the caller's %.*q", c.Ring, wire.MaxText, call.GetRing()))
	}
	for _, n := range [...]struct {
		name          string
		ours, callers int
	}{
		{"bits", c.Bits, int(call.GetBits())},
		{"successors", c.Successors, int(call.GetSuccessors())},
		{"replicas", c.Replicas, int(call.GetReplicas())},
	} {
		if n.ours != n.callers {
			differ = append(differ, fmt.Sprintf("the ring's %s are %d, the caller's %d", n.name, n.ours, n.callers))
		}
	}
	return status.Error(codes.FailedPrecondition, strings.Join(differ, "; "))
}

func (h *Host) target(target []byte) (*Member, error) {
	if len(target) == 0 {
		return h.Any(), nil
	}
	id, err := wire.ReadID(h.space, target)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "invalid target: %v", err)
	}
	return h.find(id), nil
}

// Any returns an active member of the host; if there is none, another member; or nil if the host
// has no members.
func (h *Host) Any() *Member {
	members := h.Members()
	for _, m := range members {
		if m.standing() == ok {
			return m
		}
	}
	if len(members) > 0 {
		return members[0]
	}
	return nil
}
