package simtest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/env/faults"
	"chordconductor/node/keeper"
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
	few   time.Time // when there were last fewer than R hosts to hold copies
	cut   bool
	fair  bool // no message is lost from now on

	onMove func(receiver *host, q *nodepb.MoveRequest, after bool) // hears the steps of moves
}

type host struct {
	*member.Host
	addr    string
	sim     *simenv.Host
	layer   *faults.Layer
	leaving bool
}

func newRing(seed uint64, p plan) *ring {
	cfg := simenv.Config{Seed: seed, Delay: simenv.Uniform(time.Millisecond, 8*time.Millisecond)}
	r := &ring{w: simenv.New(cfg), plan: p}
	r.log = newEventLog(r.w.Now)
	r.log.alive = func(id chord.ID, life int64) bool {
		return slices.ContainsFunc(r.hosts, func(h *host) bool {
			m := h.Member(id)
			return m != nil && m.Self().Incarnation == life
		})
	}
	return r
}

// add starts a host that joins through all the others.
func (r *ring) add() *host {
	r.made++
	return r.addAt(fmt.Sprintf("h%d:7000", r.made), 0)
}

// addAt starts a host with a memory limit, and with members of certain identifiers if any are given.
func (r *ring) addAt(addr string, memory int64, ids ...chord.ID) *host {
	sim, err := r.w.Host(addr)
	if err != nil {
		panic(err)
	}
	h := &host{addr: addr, sim: sim, layer: faults.New(sim, addr)}
	cfg := member.Config{
		Bits: r.plan.bits, Successors: r.plan.successors, Replicas: r.plan.replicas, Memory: memory,
	}
	for _, other := range r.hosts {
		cfg.Join = append(cfg.Join, other.addr)
	}
	if h.Host, err = member.NewHost(cfg, addr, h.layer, member.Telemetry{Events: r.log, Tracer: traced{ids: &r.spans}}); err != nil {
		panic(err)
	}
	sim.Serve(h.layer.ServeRing(h), moveWatch{h.layer.ServeKeys(h), r, h})
	for _, id := range ids {
		if _, err := h.StartAt(id); err != nil {
			panic(err)
		}
	}
	if len(ids) == 0 {
		if _, err := h.Start(r.plan.virtual); err != nil {
			panic(err)
		}
	}
	r.hosts = append(r.hosts, h)
	if err := h.layer.Set(r.weather()); err != nil {
		panic(err)
	}
	return h
}

// weather is how the network is where it is not cut.
func (r *ring) weather() []faults.Rule {
	if r.fair || r.plan.loss == 0 {
		return nil
	}
	return []faults.Rule{{Address: faults.All, Loss: r.plan.loss}}
}

// moveWatch tells the ring's onMove what comes in.
type moveWatch struct {
	nodepb.KeysServer
	r *ring
	h *host
}

func (w moveWatch) Move(ctx context.Context, q *nodepb.MoveRequest) (*nodepb.MoveResponse, error) {
	if w.r.onMove == nil {
		return w.KeysServer.Move(ctx, q)
	}
	w.r.onMove(w.h, q, false)
	a, err := w.KeysServer.Move(ctx, q)
	w.r.onMove(w.h, q, true)
	return a, err
}

func (r *ring) byAddr(addr string) *host {
	return r.hosts[slices.IndexFunc(r.hosts, func(h *host) bool { return h.addr == addr })]
}

// records counts what all members hold of the first so many keys, tombstones included.
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

func keeperOf(m *member.Member) *keeper.Keeper { return m.Keys().(*keeper.Keeper) }

// keeper is some active keeper of a host, or nil.
func (h *host) keeper(n int) *keeper.Keeper {
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

// crash ends a host without a word.
func (r *ring) crash(h *host) {
	r.hosts = slices.DeleteFunc(r.hosts, func(other *host) bool { return other == h })
	r.log.end(h.addr)
	h.Crash()
	h.sim.Crash()
}

// watch notes every second whether there are R hosts that could hold copies. What was written while there were fewer
// survives fewer crashes.
func (r *ring) watch() {
	ready := 0
	for _, h := range r.hosts {
		if !h.leaving && h.keeper(0) != nil {
			ready++
		}
	}
	if ready < r.plan.replicas {
		r.few = r.w.Now()
	}
	r.w.At(time.Second, r.watch)
}

// adjacent lists n hosts that follow each other on the circle, from one on.
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
		err := h.Leave(ctx)
		h.leaving = false
		if err == nil {
			r.hosts = slices.DeleteFunc(r.hosts, func(other *host) bool { return other == h })
			r.log.end(h.addr)
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

// separate cuts the hosts into the first so many percent and the others.
func (r *ring) separate(percent int) {
	n := len(r.hosts) * percent / 100
	for i, h := range r.hosts {
		rules := r.weather()
		for j, other := range r.hosts {
			if (i < n) != (j < n) {
				rules = append(rules, faults.Rule{Address: other.addr, Cut: true})
			}
		}
		if err := h.layer.Set(rules); err != nil {
			panic(err)
		}
	}
	r.cut = true
}

// calm reports whether nobody is, or has lately been, cut off or taken for dead without being so. Only then there is one
// owner of each key at a time, and it has all of them.
func (r *ring) calm() bool {
	if r.plan.cuts || r.plan.loss > 0 {
		return false
	}
	n := len(r.log.suspected)
	return n == 0 || r.w.Now().Sub(r.log.suspected[n-1]) > repairTime
}

func (r *ring) heal() {
	for _, h := range r.hosts {
		if err := h.layer.Set(r.weather()); err != nil {
			panic(err)
		}
	}
	r.cut = false
}

// settled reports whether the ring is ideal and every range has exactly one owner.
func (r *ring) settled() bool {
	var states []chord.State
	var owned []chordevent.Ownership
	var ids []chord.ID
	for _, h := range r.hosts {
		for _, m := range h.Members() {
			if m.Status() != chordevent.StatusActive {
				return false
			}
			states = append(states, m.State())
			owned, ids = append(owned, keeperOf(m).Ownership()), append(ids, m.Self().ID)
		}
	}
	g := chord.Observe(states)
	if !g.Ideal(r.hosts[0].Space()) {
		return false
	}
	order := make([]int, len(ids))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return ids[a].Compare(ids[b]) })
	for i, at := range order {
		before := ids[order[(i+len(order)-1)%len(order)]]
		if !owned[at].Owns || owned[at].From != before {
			return false
		}
	}
	return true
}
