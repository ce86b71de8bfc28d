package member

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/simenv"
	"chordconductor/otel/chordevent"
)

// TestRefusedLeaveChangesNothing: a leave that is refused because some members of the host are joining makes no member a
// leaver, whatever their number and order; once these are active all become leavers.
func TestRefusedLeaveChangesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := simenv.New(simenv.Config{Seed: 1})
		defer w.Close()
		e, err := w.Host("host:1")
		if err != nil {
			rt.Fatal(err)
		}
		h, err := NewHost(Config{RingOnly: true, LeaveLimit: time.Second}, "host:1", e, Telemetry{})
		if err != nil {
			rt.Fatal(err)
		}
		phases := rapid.SliceOfN(rapid.SampledFrom([]phase{looking, asking, active}), 1, 8).Draw(rt, "phases")
		d := &departure{h: h, deadline: h.env.Now().Add(h.cfg.LeaveLimit)}
		joining := 0
		for i, p := range phases {
			m := newMember(h, h.space.MemberID("host:1", i), i)
			m.edit(func(s *snapshot) { s.phase = p })
			d.others = append(d.others, m)
			if p != active {
				joining++
			}
		}
		members := append([]*Member(nil), d.others...)
		if err := e.Go(context.Background(), func(ctx context.Context) {
			err := d.begin(ctx)
			if refused := err != nil && strings.Contains(err.Error(), "still joining"); refused != (joining > 0) {
				rt.Errorf("%d are joining, and the leave of all: %v", joining, err)
			}
			for i, m := range members {
				if s := m.now.Load(); joining > 0 && (s.leaving || s.mayEnd || s.phase != phases[i]) {
					rt.Errorf("the leave was refused, and member %d is %s", i, m.Status())
				}
				m.edit(func(s *snapshot) { s.phase = active })
			}
			if err := d.begin(ctx); err != nil {
				rt.Error(err)
			}
		}); err != nil {
			rt.Fatal(err)
		}
		w.Run(time.Second)
		for i, m := range members {
			if m.Status() != chordevent.StatusLeaving {
				rt.Errorf("all are active, and after the begin of a leave member %d is %s", i, m.Status())
			}
		}
		if len(d.leads) != len(members) || len(d.others) != 0 {
			rt.Errorf("%d lead, %d others", len(d.leads), len(d.others))
		}
	})
}

// TestLeaverDepartsWhereverItsReceiverIs: a leaver that has handed everything over departs immediately, without waiting
// for other leavers, wherever on the circle the only member that stays is, even right before the leaver, beyond the end
// of the leaver's successor list.
func TestLeaverDepartsWhereverItsReceiverIs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := simenv.New(simenv.Config{Seed: 1})
		defer w.Close()
		cfg := Config{Bits: 16, Replicas: 1, Stabilize: 100 * time.Millisecond, Successors: rapid.IntRange(1, 4).Draw(rt, "successors"), RingOnly: true}
		var members []*Member
		for i := range rapid.IntRange(2, 8).Draw(rt, "hosts") {
			addr := fmt.Sprintf("host%d:1", i)
			e, err := w.Host(addr)
			if err != nil {
				rt.Fatal(err)
			}
			h, err := NewHost(cfg, addr, e, Telemetry{})
			if err != nil {
				rt.Fatal(err)
			}
			e.Serve(h, h, nil)
			started, err := h.Start(1)
			if err != nil {
				rt.Fatal(err)
			}
			cfg.Join = []string{"host0:1"}
			members = append(members, started...)
		}
		ideal := func() bool {
			var states []chord.State
			for _, m := range members {
				if m.Status() != chordevent.StatusActive {
					return false
				}
				states = append(states, m.State())
			}
			return chord.Observe(states).Ideal(members[0].host.space)
		}
		if !w.RunUntil(time.Minute, 100*time.Millisecond, ideal) {
			rt.Fatal("the ring is not ideal")
		}
		at := rapid.IntRange(0, len(members)-1).Draw(rt, "stays")
		stays, leaver := members[at], members[(at+rapid.IntRange(1, len(members)-1).Draw(rt, "leaver, after it"))%len(members)]
		var err error
		if started := leaver.host.env.Go(context.Background(), func(ctx context.Context) {
			for _, m := range members {
				if m != stays {
					m.beginLeave(ctx, &departure{})
				}
			}
			err = leaver.splice(ctx, leaver.State().Head(), stays.self)
		}); started != nil {
			rt.Fatal(started)
		}
		w.Run(time.Second)
		if err != nil || !leaver.gone() {
			rt.Errorf("%s stays, %s cannot depart: %v", stays.hex, leaver.hex, err)
		}
	})
}
