package keeper

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
	"chordconductor/otel/chordevent"
)

// Keeper is the key side of one member. Everything below mu is guarded by it; mu is never held across a call to the
// member that may come back here, nor across one of the environment that may block.
type Keeper struct {
	env    env.Env
	member Member
	clock  *Clock
	budget *HostBudget
	cfg    Config
	space  chord.Space
	self   chord.Peer
	tel    *telemetry

	reg atomic.Pointer[ownership] // the ownership register; nil: empty. Written under mu, read without.

	reconcileDue env.Signal // for the task that tends the register
	repairDue    env.Signal // for the task that repairs copies

	mu      sync.Mutex
	started bool
	ended   bool              // the task that tends the register is over, and with it the member
	join    trace.SpanContext // the join that started it; not valid: none, or its trace is not kept
	leaving bool              // it takes no moves of leavers and no copies any more; set by Leaving
	owned   bool              // the register has been filled before in this life

	needsRecovery bool         // the range may have records elsewhere that are not here yet
	recoveries    int64        // how often it was made so
	sources       []chord.Peer // who may have them, beside the hosts of the walk; at most maxSources
	silent        []chord.Peer // who was not asked when it became clean, having been found dead; at most maxSources
	asking        time.Time    // until when those are asked again now and then

	store      *store.Store          // bounded by the host's budget
	unsettled  map[string]*unsettled // keys whose version held may not be on R hosts; see maxUnsettled
	olderBytes int64                 // of the versions kept there; at most maxOlder
	flight     int64                 // bytes of writes under way
	confirmed  time.Time             // when a call was sent to a holder of copies that did not contest the register
	requests   requests
	owners     ownershipTable
	dead       []lapsed    // members found dead a short while ago
	leavers    []lapsed    // members about to leave
	unverified []ownership // claims to be verified; at most maxSuspects
	disputes   []ownership // because of which this member's ownership was refused; at most maxDisputes

	preference preferenceList
	replicas   []replica   // of the owner's copies: the first hosts of the walk
	announced  bool        // the register has been told to others since it changed
	reclaims   []time.Time // when this member, taken for dead, last took its range back; at most maxReclaims
	doubt      bool        // the owner of the range below seems to own nothing

	out      *outgoing  // the one handoff to another member, until its commit is over
	ins      incomings  // handoffs from other members: several from leavers below, or one
	released string     // the last outgoing move that was released
	handed   chord.Peer // its receiver
	chosen   chosen     // of a leaver that has not begun to hand over: to whom
	claimed  chord.Peer // the owner that was last asked for this member's range
	taken    []string   // the latest incoming moves that made this member responsible; at most maxTaken
	moves    int64      // outgoing moves so far, to number them
	promises []promise  // room kept for leavers that have not begun yet; at most maxIncoming

	row       int           // how many owners below are asked at once: more while one after the other turns out to be dead; at most maxBelow
	ownerless time.Time     // since when the range below, or with an empty register the whole ring, has no known owner that lives
	sweep     time.Time     // when leftovers are looked for next
	sweepGap  time.Duration // from then to the next time

	gets, puts, deletes int64

	publishing sync.Mutex // held to tell the register; never together with mu
	published  *ownership // guarded by telling
}

const (
	maxSources  = 16 // beyond it the oldest is dropped: its records then come as its leftovers
	maxReclaims = 4  // within a while: then it is not worth another try
	maxDisputes = 8  // beyond it a dispute is dropped: it comes up again with the next refusal
)

// New makes the keeper of a member, which serves nothing and has no tasks before Founded or Joined.
func New(e env.Env, m Member, clock *Clock, budget *HostBudget, cfg Config, tracer trace.Tracer, meter metric.Meter) *Keeper {
	cfg = cfg.withDefaults()
	return &Keeper{
		env: e, member: m, clock: clock, budget: budget, cfg: cfg, space: cfg.Space, self: m.Self(),
		tel:          newTelemetry(tracer, meter, e, cfg.Attributes),
		reconcileDue: e.NewSignal(), repairDue: e.NewSignal(),
		store: store.New(cfg.Space), unsettled: make(map[string]*unsettled),
	}
}

var _ nodepb.KeysServer = (*Keeper)(nil)

// Owns reports whether the member is responsible for a point of the circle. It takes no lock.
func (k *Keeper) Owns(id chord.ID) bool {
	own := k.reg.Load()
	return own != nil && own.covers(id)
}

// Ownership is the ownership register.
func (k *Keeper) Ownership() chordevent.Ownership { return registerOf(k.reg.Load()) }

func registerOf(own *ownership) chordevent.Ownership {
	if own == nil {
		return chordevent.Ownership{}
	}
	return chordevent.Ownership{Owns: true, From: own.from, Epoch: own.epoch}
}

// Load is what the member holds now and has served since its start.
func (k *Keeper) Load() chordevent.Load {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := k.store.Summary(k.self.ID, k.self.ID)
	var owned store.Summary
	if own := k.reg.Load(); own != nil {
		owned = k.store.Summary(own.from, own.owner.ID)
	}
	k.tel.report(owned, all)
	l := chordevent.Load{
		OwnedKeys: owned.Live, ReplicaKeys: all.Live - owned.Live, Bytes: all.Bytes,
		Gets: k.gets, Puts: k.puts, Deletes: k.deletes,
	}
	k.countReplicas(&l)
	return l
}

// Held is the version held of a key; 0: none.
func (k *Keeper) Held(key []byte) uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r := k.store.Get(k.space.Hash(key), string(key)); r != nil {
		return r.Version
	}
	return 0
}

// Founded says that the member is the first of its ring: it owns the whole circle.
func (k *Keeper) Founded(ctx context.Context) {
	k.mu.Lock()
	k.setRegister(&ownership{owner: k.self, from: k.self.ID, epoch: 1})
	k.mu.Unlock()
	k.publishRegister(ctx)
	k.start(k.tel.quiet)
}

// Joined says that the member has its place on the ring, be it anew. With an empty register it claims its range.
func (k *Keeper) Joined(ctx context.Context) {
	k.NeighborsChanged(ctx)
	k.start(k.tel.after(ctx))
}

// start starts the tasks: one for ownership, which begins in a trace, and one for the copies, which may take long.
func (k *Keeper) start(ctx context.Context) {
	k.mu.Lock()
	first := !k.started
	k.started = true
	if sc := trace.SpanContextFromContext(ctx); first && sc.IsSampled() {
		k.join = sc
	}
	k.mu.Unlock()
	if !first {
		return
	}
	// An environment that has ended starts nothing, and then there is nothing to do.
	_ = k.env.Go(ctx, k.reconcileOwnership)
	_ = k.env.Go(context.Background(), k.repair)
}

// NeighborsChanged says that the member's pointers have changed.
func (k *Keeper) NeighborsChanged(context.Context) {
	state := k.member.State()
	k.mu.Lock()
	k.updatePreference(state)
	k.mu.Unlock()
	k.reconcileDue.Set()
	k.repairDue.Set()
}

// HostsChanged says that the member's host list has changed.
func (k *Keeper) HostsChanged() {
	state := k.member.State()
	k.mu.Lock()
	changed := k.updatePreference(state)
	k.mu.Unlock()
	if changed {
		k.repairDue.Set()
	}
}

// PeerDied says that a life of a peer is over, as far as the member can tell. Said again it is no news, so that a task
// that asks a peer which is known to be dead does not wake itself.
func (k *Keeper) PeerDied(_ context.Context, p chord.Peer) {
	k.mu.Lock()
	if hasLapsed(k.dead, p, k.env.Now()) {
		k.mu.Unlock()
		return
	}
	k.dead = lapse(k.dead, p, k.env.Now().Add(k.suspicion()))
	k.updatePreference(k.member.State())
	k.mu.Unlock()
	k.reconcileDue.Set()
	k.repairDue.Set()
}

// suspicion is how long a member found dead is not called again, unless it gives a sign of life itself.
func (k *Keeper) suspicion() time.Duration { return 8 * k.cfg.CallLimit }

// jitter is a random time around d, from half of it to one and a half.
func (k *Keeper) jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return d/2 + time.Duration(k.env.Uint64()%uint64(d))
}
