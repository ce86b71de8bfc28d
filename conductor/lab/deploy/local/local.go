package local

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/runtime"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/internal/assertion"
	"chordconductor/node/chord"
	faultlayer "chordconductor/node/env/faults"
	"chordconductor/node/kv"
	"chordconductor/node/member"
	"chordconductor/node/nodepb"
	"chordconductor/node/service"
	"chordconductor/otel"
	"chordconductor/otel/chordevent"
)

// seeds is the number of addresses that a new host is given to join through.
const seeds = 3

// looksFresh is how long a list of hosts may be used again. Within that time only the information which of them have
// joined can become outdated.
const looksFresh = 50 * time.Millisecond

// A hostSlot is the environment of one host.
type hostSlot struct {
	layer   *faultlayer.Layer
	address string
	serve   func(*member.Host)
	close   func() // ends all tasks of the host
	blocks  bool   // close waits for calls being served
}

// Fleet is the hosts of a ring in this process, each a failure domain of its own.
type Fleet struct {
	scenario  *scenario.Scenario
	runtime   runtime.Runtime
	telemetry *otel.Telemetry
	slot      func() (hostSlot, error)
	log       *slog.Logger
	flush     func(context.Context) // exports the last events, at the end
	callLimit time.Duration         // limit if the scenario sets none; 0: the members' own default
	broken    assertion.Counts      // of the members

	starting sync.Mutex // serializes starts, so that exactly one host founds the ring

	mu      sync.Mutex
	hosts   map[string]*host        // guarded by mu; by address, at most scenario.MaxMembers
	stopped map[*member.Member]bool // guarded by mu; stopped, and not gone yet
	list    []deploy.Host           // guarded by mu; what Hosts returned last
	listed  time.Time               // guarded by mu; when; zero: out of date
	closed  bool                    // guarded by mu
	serial  uint64                  // guarded by mu; draws seeds
	ending  sync.WaitGroup          // hosts being closed
}

// localHost is one host.
type host struct {
	*member.Host
	slot   hostSlot
	gate   *otel.HoldGate
	kv     deploy.Client
	forget func() // ends the subscription to recovered telemetry
}

func newFleet(s *scenario.Scenario, w runtime.Runtime, t *otel.Telemetry, p func() (hostSlot, error)) *Fleet {
	l := &Fleet{
		scenario: s, runtime: w, telemetry: t, slot: p, log: slog.New(slog.DiscardHandler),
		flush: func(context.Context) {},
		hosts: make(map[string]*host), stopped: make(map[*member.Member]bool),
	}
	l.broken.Print = func(line string) { l.log.Error(line) }
	_ = member.EmitAssertions(t.Meters, &l.broken) // name and unit are constants of a table that tests check
	return l
}

// Start starts members: on the named host, or on new hosts, each with as many members as the scenario's virtual nodes.
func (l *Fleet) Start(_ context.Context, count int, host string) ([]chord.ID, error) {
	l.starting.Lock()
	defer l.starting.Unlock()
	if all, _ := deploy.CountMembers(l.Hosts()); all+count > scenario.MaxMembers {
		return nil, deploy.Refuse(deploy.ErrConflict, "the ring has %d members; %d more would exceed the limit of %d", all, count, scenario.MaxMembers)
	}
	if host != "" {
		h := l.find(host)
		if h == nil {
			return nil, deploy.Refuse(deploy.ErrUnknown, "no host %q", host)
		}
		return l.startOn(h, count)
	}
	var ids []chord.ID
	var able []string // looked up once there are any: a join burst of thousands does not change which hosts can be joined through
	for count > 0 {
		if len(able) == 0 {
			able = l.joinable()
		}
		n := min(count, l.scenario.Ring.VirtualNodes)
		h, err := l.open(able)
		if err != nil {
			return ids, err
		}
		started, err := l.startOn(h, n)
		ids = append(ids, started...)
		if err != nil {
			return ids, err
		}
		count -= n
	}
	return ids, nil
}

func (l *Fleet) startOn(h *host, count int) ([]chord.ID, error) {
	started, err := h.Host.Start(count)
	ids := make([]chord.ID, len(started))
	for i, m := range started {
		ids[i] = m.Self().ID
	}
	l.outdated()
	return ids, err
}

// open makes a host, which joins through some of the able hosts, and starts to serve its calls.
func (l *Fleet) open(able []string) (*host, error) {
	p, err := l.slot()
	if err != nil {
		return nil, fmt.Errorf("cannot set up the environment of a new host: %w", err)
	}
	h := &host{slot: p, gate: otel.NewGate(l.telemetry)}
	r, t := l.scenario.Ring, l.scenario.Timing
	cfg := member.Config{
		Ring: deploy.RingName, Join: l.someSeeds(able), Bits: r.Bits, Successors: r.Successors, Replicas: r.Replicas,
		Stabilize: t.Stabilize, CallLimit: cmp.Or(t.CallLimit, l.callLimit), Lookup: member.Mode(r.Lookup), Keyframe: t.Keyframe,
	}
	h.Host, err = member.NewHost(cfg, p.address, p.layer, member.Telemetry{
		Tracer: l.telemetry.Tracers, Events: h.gate, Meter: l.telemetry.Meters, Lost: h.gate.Lost, Assertions: &l.broken,
	})
	if err != nil {
		p.close()
		return nil, err
	}
	h.kv = service.NewKV(h.Host, "")
	h.forget = l.telemetry.OnRecovery(h.Recovered)
	p.serve(h.Host)
	l.mu.Lock()
	closed := l.closed
	if !closed {
		l.hosts[p.address] = h
	}
	l.mu.Unlock()
	if closed {
		h.forget()
		p.close()
		return nil, deploy.Refuse(deploy.ErrUnavailable, "the ring is being stopped")
	}
	return h, nil
}

// joinable lists the addresses of the hosts that have joined, so that others can join through them.
func (l *Fleet) joinable() (able []string) {
	for _, h := range l.Hosts() {
		if h.Joined() {
			able = append(able, h.Address)
		}
	}
	return able
}

// someSeeds chooses hosts to join through: from those in able, or from all hosts if able is empty.
func (l *Fleet) someSeeds(able []string) []string {
	able = slices.Clone(able)
	if len(able) == 0 {
		for _, h := range l.Hosts() {
			able = append(able, h.Address)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	chosen := make([]string, 0, seeds)
	for len(chosen) < seeds && len(able) > 0 {
		l.serial = l.serial*6364136223846793005 + l.scenario.Seed | 1
		at := int(l.serial>>33) % len(able)
		chosen = append(chosen, able[at])
		able = slices.Delete(able, at, at+1)
	}
	return chosen
}

func (l *Fleet) find(idOrAddress string) *host {
	l.mu.Lock()
	defer l.mu.Unlock()
	for address, h := range l.hosts {
		if address == idOrAddress || h.Config().HostID == idOrAddress {
			return h
		}
	}
	return nil
}

// Hosts lists the hosts with their members.
func (l *Fleet) Hosts() []deploy.Host {
	now := l.runtime.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.listed.IsZero() && now.Sub(l.listed) < looksFresh {
		return l.list
	}
	list := make([]deploy.Host, 0, len(l.hosts))
	for address, h := range l.hosts {
		host := deploy.Host{ID: h.Config().HostID, Address: address}
		for _, m := range h.Members() {
			if !l.stopped[m] {
				host.Members = append(host.Members, deploy.Member{ID: m.Self().ID, Joined: m.Status() == chordevent.StatusActive})
			}
		}
		list = append(list, host)
	}
	slices.SortFunc(list, func(a, b deploy.Host) int { return cmp.Compare(a.Address, b.Address) })
	l.list, l.listed = list, now
	return list
}

func (l *Fleet) outdated() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listed = time.Time{}
}

// Stop makes a member leave or crash. A host without members is closed.
func (l *Fleet) Stop(ctx context.Context, id chord.ID, way deploy.Departure) error {
	crash := way == deploy.Crash
	h, m := l.memberOf(id)
	if m == nil {
		return deploy.UnknownMember(id)
	}
	if !crash && m.Status() != chordevent.StatusActive {
		return deploy.Refuse(deploy.ErrConflict, "member %x is %s: only an active member can leave", id[:], m.Status())
	}
	if way == deploy.Leave && m.KeepsLastKeys() {
		return deploy.Refuse(deploy.ErrConflict, "%v; to end the ring and its keys, force the leave", kv.ErrLastHost)
	}
	l.mu.Lock()
	if !crash && l.stopped[m] {
		l.mu.Unlock()
		return deploy.Refuse(deploy.ErrConflict, "member %x is leaving already", id[:])
	}
	l.stopped[m] = true
	l.listed = time.Time{}
	l.mu.Unlock()
	if crash {
		m.Crash()
		l.gone(h, m)
		return nil
	}
	return l.runtime.Go(ctx, func(ctx context.Context) {
		leave := m.Leave
		if way == deploy.ForcedLeave {
			leave = m.End
		}
		_, err := leave(context.WithoutCancel(ctx))
		if err != nil && slices.Contains(h.Members(), m) {
			l.mu.Lock()
			delete(l.stopped, m) // the member stays
			l.listed = time.Time{}
			l.mu.Unlock()
			l.log.Warn("a member could not leave and stays on the ring", "host", h.slot.address, "error", err)
			return
		}
		l.gone(h, m)
	})
}

func (l *Fleet) memberOf(id chord.ID) (*host, *member.Member) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.hosts {
		if m := h.Member(id); m != nil {
			return h, m
		}
	}
	return nil, nil
}

// gone removes a member that has stopped, and closes its host if it was the host's last member.
func (l *Fleet) gone(h *host, m *member.Member) {
	l.mu.Lock()
	delete(l.stopped, m)
	l.listed = time.Time{}
	empty := len(h.Members()) == 0 && l.hosts[h.slot.address] == h
	if empty {
		delete(l.hosts, h.slot.address)
	}
	l.mu.Unlock()
	if empty {
		l.end(h)
	}
}

// Client gives access to a host.
func (l *Fleet) Client(address string) deploy.Client {
	if h := l.at(address); h != nil {
		return h.kv
	}
	return nil
}

// Replicas returns R of the scenario's ring.
func (l *Fleet) Replicas() int { return l.scenario.Ring.Replicas }

// States returns the pointers and ranges of the active members, read from their memory.
func (l *Fleet) States() (all []chord.State) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.hosts {
		for _, m := range h.Members() {
			if m.Status() == chordevent.StatusActive {
				all = append(all, m.State())
			}
		}
	}
	return all
}

// Close ends all members without a handoff: the ring ends as a whole. Then it exports their last events.
func (l *Fleet) Close(ctx context.Context) {
	l.mu.Lock()
	l.closed = true
	hosts := l.hosts
	l.hosts = make(map[string]*host)
	l.listed = time.Time{}
	l.mu.Unlock()
	for _, h := range hosts {
		for _, m := range h.Members() {
			m.Emit(ctx, chordevent.Left{}) // so that no peer has to detect the end
		}
		h.Crash()
	}
	for _, h := range hosts {
		l.end(h)
	}
	l.ending.Wait()
	l.flush(ctx)
}

// end closes a host. If that can block, a separate task does so.
func (l *Fleet) end(h *host) {
	h.forget()
	if h.slot.blocks {
		l.ending.Go(h.slot.close)
	} else {
		h.slot.close()
	}
}

// SetFaults replaces all faults of a host.
func (l *Fleet) SetFaults(_ context.Context, address string, q *nodepb.SetFaultsRequest) error {
	h := l.at(address)
	if h == nil {
		return deploy.Refuse(deploy.ErrUnknown, "no host at %s", address)
	}
	if err := service.Inflict(h.slot.layer, q); err != nil {
		return deploy.Refuse(deploy.ErrInvalid, "%v", err)
	}
	if h.gate.Hold(q.GetTelemetryHeld()) {
		h.Recovered()
	}
	return nil
}

func (l *Fleet) at(address string) *host {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hosts[address]
}
