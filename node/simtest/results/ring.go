package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/member"
	"chordconductor/node/simenv"
	"chordconductor/otel/chordevent"
)

// A ring is running members in a simulated world, with their keepers, one on each host.
type ring struct {
	*simenv.World
	cfg    member.Config
	choose *rand.Rand // decides the experiment; the world has its own random source
	hosts  []*host    // those on the ring, by start
	made   int
}

type host struct {
	*member.Host
	sim     *simenv.Host
	leaving bool
}

func newRing(seed uint64, delay func(*rand.Rand) time.Duration, cfg member.Config) *ring {
	cfg.Keyframe = time.Hour // the experiments read no events
	return &ring{
		World: simenv.New(simenv.Config{Seed: seed, Delay: delay}),
		cfg:   cfg, choose: rand.New(rand.NewPCG(seed, 0xf19)),
	}
}

// join starts a host with a member, which joins through some of those on the ring.
func (r *ring) join() {
	cfg := r.cfg
	for range min(3, len(r.hosts)) {
		cfg.Join = append(cfg.Join, r.any().Address())
	}
	r.made++
	addr := fmt.Sprintf("host-%d:7001", r.made)
	sim, err := r.Host(addr)
	must(err)
	h, err := member.NewHost(cfg, addr, sim, member.Telemetry{})
	must(err)
	sim.Serve(h, h, nil)
	_, err = h.Start(1)
	must(err)
	r.hosts = append(r.hosts, &host{Host: h, sim: sim})
}

// grow starts n hosts one after the other.
func (r *ring) grow(n int) {
	for range n {
		r.join()
		r.Run(20 * time.Millisecond)
	}
}

// must panics on an error that only a mistake in an experiment causes.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func (r *ring) any() *host { return r.hosts[r.choose.IntN(len(r.hosts))] }

// crash ends a host without an announcement.
func (r *ring) crash(h *host) {
	r.hosts = slices.DeleteFunc(r.hosts, func(other *host) bool { return other == h })
	h.Crash()
	h.sim.Crash()
}

// leave lets a host leave gracefully. If it cannot, it stays.
func (r *ring) leave(h *host) {
	h.leaving = true
	must(h.sim.Go(context.Background(), func(ctx context.Context) {
		if _, err := h.Leave(ctx); err != nil {
			h.leaving = false
			return
		}
		r.At(0, func() { r.crash(h) })
	}))
}

// member is the host's member; nil if it has ended.
func (h *host) member() *member.Member { return h.Any() }

// onRing reports whether the host's member is on the ring, as its neighbours see it.
func (h *host) onRing() bool {
	m := h.member()
	return m != nil && m.Status() != chordevent.StatusJoining
}

// covers reports whether the host's member owns a key, by its register.
func (h *host) covers(key chord.ID) bool {
	m := h.member()
	if m == nil {
		return false
	}
	own := m.Keys().Ownership()
	return own.Owns && chord.Owns(own.From, key, m.Self().ID)
}

// states are all members' pointers, and whether all of them have joined.
func (r *ring) states() (list []chord.State, all bool) {
	for _, h := range r.hosts {
		if h.onRing() {
			list = append(list, h.member().State())
		}
	}
	return list, len(list) == len(r.hosts)
}

func (r *ring) ideal() bool {
	states, all := r.states()
	return all && chord.Observe(states).Ideal(circle)
}

// settled reports whether every member's pointers, fingers and register are those of a ring at rest.
func (r *ring) settled() bool {
	if !r.ideal() {
		return false
	}
	var peers []chord.Peer
	for _, h := range r.hosts {
		peers = append(peers, h.member().Self())
	}
	rest := newRest(circle, peers, min(r.hosts[0].Config().Successors, len(peers)-1))
	for _, h := range r.hosts {
		m := h.member()
		t := &rest.tables[rest.place[m.Self().ID]]
		own := m.Keys().Ownership()
		if !slices.Equal(m.Fingers().Runs(), t.fingers.Runs()) || !own.Owns || own.From != t.Pred.ID {
			return false
		}
	}
	return true
}

// settle runs the world until the ring is at rest.
func (r *ring) settle() error {
	base := r.hosts[0].Config().Stabilize
	if limit := 1000 * base; !r.RunUntil(limit, base, r.settled) {
		return fmt.Errorf("a ring of %d members is not at rest after %v", len(r.hosts), limit)
	}
	return nil
}
