package kv

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/kv/handoff"
	"chordconductor/node/kv/hlc"
	"chordconductor/node/kv/ownership"
	"chordconductor/node/kv/replication"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
	"chordconductor/otel/chordevent"
)

// Keeper is the key-value side of one member. mu guards all fields below it. It is never held
// across a call of the member that may call the Keeper again, nor across a call of the environment
// that may block.
type Keeper struct {
	env    env.Env
	member Member
	clock  *hlc.Clock
	budget *HostBudget
	cfg    Config
	space  chord.Space
	self   chord.Peer
	tel    *telemetry

	reg atomic.Pointer[terms.Ownership] // the ownership register; nil if it is empty. Written under mu, read without

	reconcileDue env.Signal // wakes reconcileOwnership
	repairDue    env.Signal // wakes repair

	mu      sync.Mutex
	started bool
	ended   bool              // reconcileOwnership has returned, since the member has ended
	join    trace.SpanContext // the span of the join that started this Keeper; invalid if there is none, or if its trace is not sampled
	leaving bool              // it accepts no handoffs of leavers and no replicas; set by Leaving

	needsRecovery bool            // other hosts may hold records of the range that are missing here
	recoveries    int64           // number of calls of requireRecovery
	sources       []chord.Peer    // members that may hold such records, besides the hosts of the preference list; at most maxSources
	silent        []unheardMember // members that range recovery did not ask because they were taken for dead; at most maxUnheard
	asking        time.Time       // until then those members are asked periodically
	patience      time.Time       // until then a range that needs recovery waits for them

	own *ownership.Register // what the member owns, and others; reg is a copy of its register

	store     *store.Store          // bounded by the host's budget
	unsettled replication.Unsettled // keys whose version held may not be on R hosts
	flight    int64                 // bytes of writes under way
	confirmed time.Time             // when the last call that did not contest the register was sent to a replica
	requests  requests
	dead      terms.Lapsed // members found dead a short while ago
	near      terms.Lapsed // those of dead whose host was on the preference list when they died
	leavers   terms.Lapsed // members about to leave
	left      terms.Lapsed // those that have left gracefully: nothing that they held is needed

	preference replication.Preference
	replicas   replication.Replicas // the first R-1 hosts of the preference list
	announced  bool                 // the register has been announced to other members since it changed

	out    handoff.Sending                 // the one outgoing handoff
	turn   env.Signal                      // of this member as a leaver: its turn has come
	in     handoff.Receiving               // incoming handoffs, and room promised for them
	calls  map[*handoff.Incoming]*incoming // what the calls of each need
	chosen chosen                          // the receiver that Room has found, before a leaver's handoff begins

	sweep    time.Time     // time of the next search for orphaned replicas
	sweepGap time.Duration // from then to the next time

	gets, puts, deletes int64

	publishing sync.Mutex       // held while the register is published; never together with mu
	published  *terms.Ownership // guarded by publishing
}

// beyond it the oldest is dropped: the records of that member then return as orphaned replicas
const maxSources = 16

// New makes the Keeper of a member. It serves nothing and has no tasks before Founded or Joined.
func New(e env.Env, m Member, clock *hlc.Clock, budget *HostBudget, cfg Config, tracer trace.Tracer, meter metric.Meter) *Keeper {
	cfg = cfg.withDefaults()
	return &Keeper{
		env: e, member: m, clock: clock, budget: budget, cfg: cfg, space: cfg.Space, self: m.Self(),
		tel:          newTelemetry(tracer, meter, e, cfg.Attributes),
		reconcileDue: e.NewSignal(), repairDue: e.NewSignal(),
		own: ownership.New(m.Self(), fresh(cfg)), store: store.New(cfg.Space), preference: replication.NewPreference(m.Self()), in: handoff.NewReceiving(m.Self().ID), calls: make(map[*handoff.Incoming]*incoming),
	}
}

var _ nodepb.KeysServer = (*Keeper)(nil)

// Owns reports whether the member is responsible for a point of the circle. It takes no lock.
func (k *Keeper) Owns(id chord.ID) bool {
	own := k.reg.Load()
	return own != nil && own.Covers(id)
}

// Ownership returns the ownership register.
func (k *Keeper) Ownership() chordevent.Ownership { return registerOf(k.reg.Load()) }

func registerOf(own *terms.Ownership) chordevent.Ownership {
	if own == nil {
		return chordevent.Ownership{}
	}
	return chordevent.Ownership{Owns: true, From: own.From, Epoch: own.Epoch}
}

// Load returns what the member holds now and has served since its start.
func (k *Keeper) Load() chordevent.Load {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := k.store.Summary(k.self.ID, k.self.ID)
	var owned store.Summary
	if own := k.reg.Load(); own != nil {
		owned = k.store.Summary(own.From, own.Owner.ID)
	}
	k.checkLevels(owned, all)
	k.tel.report(owned, all)
	l := chordevent.Load{
		OwnedKeys: owned.Live, ReplicaKeys: all.Live - owned.Live, Bytes: all.Bytes,
		Gets: k.gets, Puts: k.puts, Deletes: k.deletes,
	}
	k.countReplicas(&l)
	return l
}

// Held returns the version that is held of a key, or 0 if there is none.
func (k *Keeper) Held(key []byte) uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r := k.store.Get(k.space.Hash(key), string(key)); r != nil {
		return r.Version
	}
	return 0
}

// Founded makes the member the first of its ring: the owner of the whole circle.
func (k *Keeper) Founded(ctx context.Context) {
	k.mu.Lock()
	k.setRegister(&terms.Ownership{Owner: k.self, From: k.self.ID, Epoch: 1})
	k.mu.Unlock()
	k.publishRegister(ctx)
	k.start(k.tel.quiet)
}

// Joined starts the Keeper when the member has joined the ring, for the first time or again. With an empty register it
// claims its range.
func (k *Keeper) Joined(ctx context.Context) {
	k.NeighborsChanged(ctx)
	k.start(k.tel.after(ctx))
}

// start starts the two tasks: reconcileOwnership, which begins in the trace of ctx, and repair, which may take long.
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
	// An environment that has ended starts no tasks; then none are needed.
	_ = k.env.Go(ctx, k.reconcileOwnership)
	_ = k.env.Go(context.Background(), k.repair)
}

// NeighborsChanged updates the preference list after a change of the member's pointers.
func (k *Keeper) NeighborsChanged(context.Context) {
	state := k.member.State()
	k.mu.Lock()
	k.updatePreference(state)
	k.mu.Unlock()
	k.reconcileDue.Set()
	k.repairDue.Set()
}

// HostsChanged updates the preference list after a change of the member's host list.
func (k *Keeper) HostsChanged() {
	state := k.member.State()
	k.mu.Lock()
	changed := k.updatePreference(state)
	k.mu.Unlock()
	if changed {
		k.repairDue.Set()
	}
}

// PeerDied notes that an incarnation of a peer has ended, as far as the member can see. A repeated call has no effect,
// so that a task that calls a peer already taken for dead does not wake itself.
func (k *Keeper) PeerDied(_ context.Context, p chord.Peer) {
	k.mu.Lock()
	again := k.diedAgain(p)
	if k.dead.Has(p, k.env.Now()) {
		k.mu.Unlock()
		if again {
			k.repairDue.Set()
		}
		return
	}
	k.dead.Add(p, k.env.Now().Add(k.suspicion()))
	if k.preference.OnHost(p.Addr) {
		k.near.Add(p, k.env.Now().Add(k.suspicion()))
	}
	if k.needsRecovery {
		k.noteUnheard(nil)
	}
	k.updatePreference(k.member.State())
	k.mu.Unlock()
	k.reconcileDue.Set()
	k.repairDue.Set()
}

// suspicion returns for how long a member taken for dead is not called, unless it calls first.
func (k *Keeper) suspicion() time.Duration { return 8 * k.cfg.CallLimit }

// jitter returns a random time between half of d and one and a half times d. If d is positive it is
// never 0, since a signal is waited for without a limit then.
func (k *Keeper) jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return max(d/2+time.Duration(k.env.Uint64()%uint64(d)), 1)
}
