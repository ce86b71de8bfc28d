package member

import (
	"context"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

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
