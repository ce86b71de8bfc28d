package truthtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
	"chordconductor/node/env/faults"
	"chordconductor/node/member"
	"chordconductor/node/simenv"
	"chordconductor/otel"
	"chordconductor/otel/chordevent"
)

const (
	lookEvery    = 250 * time.Millisecond
	advanceEvery = 200 * time.Millisecond // as package live does
)

// A world is a ring in virtual time, a conductor that receives its telemetry, and a judge that compares the two.
type world struct {
	sim         *simenv.World
	random      *rand.Rand // for what happens to the ring and to its telemetry
	plan        plan
	conditions  conditions
	hosts       []*host // those that are alive, by start
	made        int
	partitioned bool
	looking     bool

	fold *ring.Ring
	down bool // the conductor is down
	view *ring.View

	judge                                             *judge
	batches, dropped, doubled, latecomers, overflowed int
}

type host struct {
	*member.Host
	addr    string
	sim     *simenv.Host
	layer   *faults.Layer
	path    *path
	leaving bool
}

func newWorld(seed uint64, p plan) *world {
	w := &world{
		sim:    simenv.New(simenv.Config{Seed: seed, Delay: simenv.Uniform(time.Millisecond, 8*time.Millisecond)}),
		random: rand.New(rand.NewPCG(seed, 0x7275)),
		plan:   p,
	}
	w.judge = newJudge(ring.StalenessBound(keyframe, exportEvery+p.conditions.lateBy)+advanceEvery, w.sim.Now())
	w.listen()
	w.advance()
	return w
}

// listen starts a conductor with an empty view. If there is one already, it is replaced.
func (w *world) listen() {
	w.fold, w.down, w.view = ring.New(ring.Options{}), false, nil
	w.judge.begun = w.sim.Now()
}

func (w *world) advance() {
	w.sim.At(advanceEvery, func() {
		w.fold.Advance(w.sim.Now())
		w.view = nil
		w.advance()
	})
}

func (w *world) look() {
	w.sim.At(lookEvery, func() {
		if !w.looking {
			return
		}
		w.judge.look(w.sim.Now(), w.shown(), w.members())
		w.judge.lookAtRing(w.sim.Now(), w.shown(), w.ideal())
		w.look()
	})
}

func (w *world) shown() *ring.View {
	if w.view == nil {
		w.view = w.fold.View()
	}
	return w.view
}

// receive folds a batch as package ingest would.
func (w *world) receive(batch []plog.Logs) {
	if w.down {
		return
	}
	now := w.sim.Now()
	each(batch, func(ev *chordevent.Event) { w.fold.Apply(ev, now) })
	w.view = nil
}

// each calls do for each event of a batch.
func each(batch []plog.Logs, do func(*chordevent.Event)) {
	for _, data := range batch {
		for source, record := range chordevent.Records(data) {
			ev, ignored, err := chordevent.Decode(source, record)
			if err != nil || ignored > 0 {
				panic(fmt.Sprintf("an event of ours, %d attributes ignored: %v", ignored, err))
			}
			do(&ev)
		}
	}
}

func (w *world) members() (all []*member.Member) {
	for _, h := range w.hosts {
		all = append(all, h.Members()...)
	}
	return all
}

// add starts a host, a process of its own, that joins through all the others.
func (w *world) add() *host {
	w.made++
	return w.addAt(fmt.Sprintf("h%d:7000", w.made))
}

func (w *world) addAt(addr string) *host {
	sim, err := w.sim.Host(addr)
	if err != nil {
		panic(err)
	}
	h := &host{addr: addr, sim: sim, layer: faults.New(sim, addr), path: &path{w: w}}
	telemetry, err := otel.Memory(otel.MemoryConfig{
		Ring: "chord", Instance: fmt.Sprintf("%s-%d", addr, sim.Now().UnixNano()), Random: w.random.Uint64, Now: sim.Now,
		Sink: func(data plog.Logs) {
			each([]plog.Logs{data}, func(ev *chordevent.Event) {
				if m := h.Member(ev.Node.ID); m != nil {
					w.judge.received(m, ev)
				}
			})
			h.path.push(data)
		},
	})
	if err != nil {
		panic(err)
	}
	cfg := member.Config{Bits: w.plan.bits, Successors: w.plan.successors, Replicas: w.plan.replicas, Keyframe: keyframe}
	for _, other := range w.hosts {
		cfg.Join = append(cfg.Join, other.addr)
	}
	h.Host, err = member.NewHost(cfg, addr, h.layer, member.Telemetry{
		Tracer: telemetry.Tracers, Events: telemetry.Events, Lost: func() int64 { return h.path.lost },
	})
	if err != nil {
		panic(err)
	}
	h.path.recover = h.Recovered
	sim.Serve(h, h, h.layer.Serve)
	w.hosts = append(w.hosts, h)
	if _, err := h.Start(w.plan.virtual); err != nil {
		panic(err)
	}
	return h
}

func (w *world) pick(n int) *host { return w.hosts[n%len(w.hosts)] }

// crash ends a host without a message. Telemetry that is not exported yet is lost.
func (w *world) crash(h *host) {
	w.hosts = slices.DeleteFunc(w.hosts, func(other *host) bool { return other == h })
	h.path.ended = true
	h.Crash()
	h.sim.Crash()
}

// leave makes a host leave gracefully; if it cannot, it remains.
func (w *world) leave(h *host) {
	h.leaving = true
	err := h.layer.Go(context.Background(), func(ctx context.Context) {
		_, err := h.Leave(ctx)
		h.leaving = false
		if err == nil {
			w.hosts = slices.DeleteFunc(w.hosts, func(other *host) bool { return other == h })
			h.path.flush()
			w.sim.At(0, h.sim.Crash) // the process ends
		}
	})
	if err != nil {
		panic(err)
	}
}

// separate partitions the given percentage of the hosts from the others.
func (w *world) separate(percent int) {
	n := max(1, len(w.hosts)*percent/100)
	for i, h := range w.hosts {
		var rules []faults.Rule
		for j, other := range w.hosts {
			if (i < n) != (j < n) {
				rules = append(rules, faults.Rule{Address: other.addr, Cut: true})
			}
		}
		w.set(h, rules)
	}
	w.partitioned = true
}

func (w *world) heal() {
	for _, h := range w.hosts {
		w.set(h, nil)
	}
	w.partitioned = false
}

func (w *world) set(h *host, rules []faults.Rule) {
	if err := h.layer.Set(rules); err != nil {
		panic(err)
	}
}

// ideal reports whether the pointers of the members on the ring are ideal, by their own memory.
func (w *world) ideal() bool {
	var states []chord.State
	for _, m := range w.members() {
		if s := m.Status(); s == chordevent.StatusActive || s == chordevent.StatusLeaving {
			states = append(states, m.State())
		}
	}
	return len(states) > 0 && chord.Observe(states).Ideal(w.hosts[0].Space())
}

// settled reports whether the members form an ideal ring, according to their own memory.
func (w *world) settled() bool {
	var states []chord.State
	for _, m := range w.members() {
		if m.Status() != chordevent.StatusActive || !m.Keys().Ownership().Owns {
			return false
		}
		states = append(states, m.State())
	}
	return len(states) > 0 && chord.Observe(states).Ideal(w.hosts[0].Space())
}

// put writes a key through a host.
func (w *world) put(h *host, n int) {
	m := h.Any()
	if m == nil || m.Status() != chordevent.StatusActive {
		return
	}
	k := keeperOf(m)
	_ = h.layer.Go(context.Background(), func(ctx context.Context) { // a host that has ended does nothing
		_, _ = k.Put(ctx, fmt.Appendf(nil, "key-%d", n), []byte("value"), 0) // whether it succeeds is another test's matter
	})
}
