package simtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"

	"chordconductor/internal/assertion"
	"chordconductor/internal/emissions"
	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/env/faults"
	"chordconductor/node/kv"
	"chordconductor/node/member"
	"chordconductor/node/nodepb"
	"chordconductor/node/simenv"
	"chordconductor/otel/chordevent"
)

// A ring is a simulated world of hosts with keys.
type ring struct {
	w     *simenv.World
	plan  plan
	log   *eventLog
	spans uint64  // started so far
	hosts []*host // those that are alive, by start
	made  int
	fair  bool // no message is lost any more
	calls int  // made between members so far
	rate  struct {
		second time.Duration
		calls  int // in that second
	}
	sides sides
	skew  map[string]time.Duration // how far clocks are off, by address

	started int                // hosts so far, restarts included
	pinned  func(nth int) bool // whether the nth host started is of version 1 of the protocol; nil: none is

	breaks uint64 // one of so many calls loses its connection; 0: none
	broke  int    // calls that did

	changed time.Time // of membership, the last time
	leaving int       // hosts that are about to leave
	disturbed

	broken           assertion.Counts
	failedAssertions []string // one line for each name

	emitted *emissions.Recorder                                     // records what members emit; nil: not recorded
	onMove  func(receiver *host, q *nodepb.MoveRequest, after bool) // called at the steps of moves
}

type host struct {
	*member.Host
	addr    string
	made    int // the number of its address
	sim     *simenv.Host
	layer   *faults.Layer
	leaving bool
	entered bool // it had an active member once
	join    []string
	paused  int // pauses that are on
	crashed bool
	notices []string // for its operator
	failed  error    // why the latest try to join failed
	ready   []bool   // the states passed to its health service
}

func newRing(seed uint64, p plan) *ring {
	r := &ring{w: simenv.New(simenv.Config{Seed: seed, Delay: p.delay.draw()}), plan: p, skew: map[string]time.Duration{}, fair: true}
	r.broken.Print = func(line string) { r.failedAssertions = append(r.failedAssertions, line) }
	r.log = newEventLog(r.w.Now)
	r.log.alive = func(id chord.ID, incarnation int64) bool {
		return slices.ContainsFunc(r.hosts, func(h *host) bool {
			m := h.Member(id)
			return m != nil && m.Self().Incarnation == incarnation
		})
	}
	return r
}

// add starts a host that joins through all the others.
func (r *ring) add() *host {
	r.made++
	return r.start(r.made)
}

func address(made int) string { return fmt.Sprintf("h%d:7000", made) }

// start starts the host of a number as the plan configures it.
func (r *ring) start(made int) *host {
	addr := address(made)
	if _, stepped := r.skew[addr]; !stepped {
		r.skew[addr] = cycle(r.plan.skews, made-1, 0)
	}
	h := r.addHost(addr, cycle(r.plan.memory, made-1, 0))
	h.made = made
	for range 4 * r.plan.size(made-1) { // of few identifiers some are taken on this host already
		if len(h.Members()) == r.plan.size(made-1) {
			break
		}
		if _, err := h.Start(1); err != nil && !errors.Is(err, member.ErrTaken) {
			panic(err)
		}
	}
	return h
}

// ahead is an environment whose clock is off.
type ahead struct {
	env.Env
	skew map[string]time.Duration
	addr string
}

func (a ahead) Wall() time.Time { return a.Env.Wall().Add(a.skew[a.addr]) }

// addAt starts a host with a memory limit, and with members of certain identifiers if any are given.
func (r *ring) addAt(addr string, memory int64, ids ...chord.ID) *host {
	h := r.addHost(addr, memory)
	for _, id := range ids {
		if _, err := h.StartAt(id); err != nil {
			panic(err)
		}
	}
	if len(ids) == 0 {
		if _, err := h.Start(max(r.plan.virtual, 1)); err != nil {
			panic(err)
		}
	}
	return h
}

// addHost makes a host without members.
func (r *ring) addHost(addr string, memory int64) *host {
	sim, err := r.w.Host(addr)
	if err != nil {
		panic(err)
	}
	h := &host{addr: addr, sim: sim, layer: faults.New(ahead{sim, r.skew, addr}, addr)}
	cfg := member.Config{
		Bits: r.plan.bits, Successors: r.plan.successors, Replicas: r.plan.replicas, Memory: memory,
	}
	for _, other := range r.hosts {
		cfg.Join = append(cfg.Join, other.addr)
	}
	h.join = cfg.Join
	if r.emitted != nil && r.made%2 == 0 {
		cfg.Lookup = member.Iterative
	}
	cfg.JoinFailed = func(_ chord.Peer, _ int, err error) { h.failed = err }
	cfg.Ready = func(ready bool) { h.ready = append(h.ready, ready) }
	cfg.Notice = func(text string) { h.notices = append(h.notices, text) }
	r.started++
	older := r.pinned != nil && r.pinned(r.started)
	var e env.Env = counted{breakable{h.layer, r, addr}, r}
	if older {
		e = pinned{e}
	}
	if h.Host, err = member.NewHost(cfg, addr, e, r.telemetry()); err != nil {
		panic(err)
	}
	intercept := []grpc.UnaryServerInterceptor{r.watchMoves(h), h.layer.Serve}
	if older {
		intercept = slices.Insert(intercept, 1, grpc.UnaryServerInterceptor(serveOlder))
	}
	sim.Serve(h, h, chained(intercept...))
	r.hosts = append(r.hosts, h)
	r.changed = r.w.Now()
	r.apply()
	return h
}

func (r *ring) telemetry() member.Telemetry {
	if r.emitted == nil {
		return member.Telemetry{Events: r.log, Tracer: traced{ids: &r.spans}, Assertions: &r.broken}
	}
	return member.Telemetry{
		Events: r.emitted.Events(r.log), Meter: r.emitted.Metrics(), Assertions: &r.broken,
		Tracer: r.emitted.Spans(func() bool { r.spans++; return r.spans%4 != 0 }),
	}
}

// chained makes one interceptor of several, the first one outermost.
func chained(list ...grpc.UnaryServerInterceptor) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		for _, intercept := range slices.Backward(list) {
			inner := next
			next = func(ctx context.Context, request any) (any, error) { return intercept(ctx, request, info, inner) }
		}
		return next(ctx, request)
	}
}

// watchMoves reports received moves to the ring's onMove.
func (r *ring) watchMoves(h *host) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		q, isMove := request.(*nodepb.MoveRequest)
		if !isMove || r.onMove == nil {
			return next(ctx, request)
		}
		r.onMove(h, q, false)
		a, err := next(ctx, request)
		r.onMove(h, q, true)
		return a, err
	}
}

func (r *ring) byAddr(addr string) *host {
	return r.hosts[slices.IndexFunc(r.hosts, func(h *host) bool { return h.addr == addr })]
}

// records counts the records of the first keys that all members hold, tombstones included.
func (r *ring) records(keys int) int {
	total := 0
	for n := range keys {
		for _, h := range r.hosts {
			for _, m := range h.Members() {
				a, err := keeperOf(m).Fetch(context.Background(), &nodepb.FetchRequest{Keys: [][]byte{keyName(n)}})
				if err != nil {
					panic(err)
				}
				total += len(a.Records)
			}
		}
	}
	return total
}

func keeperOf(m *member.Member) *kv.Keeper { return m.Keys().(*kv.Keeper) }

// keeper is some active keeper of a host, or nil.
func (h *host) keeper(n int) *kv.Keeper {
	var active []*member.Member
	for _, m := range h.Members() {
		if m.Status() == chordevent.StatusActive {
			active = append(active, m)
		}
	}
	if len(active) == 0 {
		return nil
	}
	return keeperOf(active[n%len(active)])
}

func (r *ring) pick(n int) *host {
	if len(r.hosts) == 0 {
		return nil
	}
	return r.hosts[n%len(r.hosts)]
}

// crash ends a host without an announcement.
func (r *ring) crash(h *host) {
	h.crashed = true
	r.hosts = slices.DeleteFunc(r.hosts, func(other *host) bool { return other == h })
	r.log.end(h.addr)
	h.Crash()
	h.sim.Crash()
	r.changed = r.w.Now()
}

// adjacent lists n hosts that follow each other on the circle, beginning with from.
func (r *ring) adjacent(from *host, n int) []*host {
	type place struct {
		id chord.ID
		h  *host
	}
	var places []place
	for _, h := range r.hosts {
		for _, m := range h.Members() {
			places = append(places, place{m.Self().ID, h})
		}
	}
	slices.SortFunc(places, func(a, b place) int { return a.id.Compare(b.id) })
	start := slices.IndexFunc(places, func(p place) bool { return p.h == from })
	if start < 0 { // it has no members
		return []*host{from}[:min(n, 1)]
	}
	var list []*host
	for i := range places {
		if h := places[(start+i)%len(places)].h; len(list) < n && !slices.Contains(list, h) {
			list = append(list, h)
		}
	}
	return list
}

// leave lets a host leave gracefully; if it cannot, it stays.
func (r *ring) leave(h *host, done func(error)) {
	h.leaving = true
	err := h.layer.Go(context.Background(), func(ctx context.Context) {
		_, err := h.Leave(ctx)
		h.leaving = false
		if err == nil {
			r.hosts = slices.DeleteFunc(r.hosts, func(other *host) bool { return other == h })
			r.log.end(h.addr)
			r.changed = r.w.Now()
			r.w.At(0, h.sim.Crash) // the process ends
		}
		if done != nil {
			done(err)
		}
	})
	if err != nil {
		panic(err)
	}
}

// settled reports whether the ring is ideal and every range has exactly one owner.
func (r *ring) settled() bool {
	var states []chord.State
	var owned []chordevent.Ownership
	var ids []chord.ID
	var in *host
	for _, h := range r.hosts {
		for _, m := range h.Members() {
			if m.Status() != chordevent.StatusActive {
				return false
			}
			in = h
			states = append(states, m.State())
			owned, ids = append(owned, keeperOf(m).Ownership()), append(ids, m.Self().ID)
		}
	}
	g := chord.Observe(states)
	if in == nil || !g.Ideal(in.Space()) {
		return false
	}
	return singlyOwned(ids, owned, r.plan.memory != nil)
}

// singlyOwned reports whether every point of the circle has exactly one owner, and every member a range. Where memory
// is scarce a member may have none, since no member with keys may be able to hand off to it.
func singlyOwned(ids []chord.ID, owned []chordevent.Ownership, some bool) bool {
	order := make([]int, 0, len(ids))
	for i := range ids {
		if owned[i].Owns {
			order = append(order, i)
		} else if !some {
			return false
		}
	}
	slices.SortFunc(order, func(a, b int) int { return ids[a].Compare(ids[b]) })
	for i, at := range order {
		if owned[at].From != ids[order[(i+len(order)-1)%len(order)]] {
			return false
		}
	}
	return len(order) > 0
}
