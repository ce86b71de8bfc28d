package simtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"chordconductor/node/kv"
	"chordconductor/node/member"
)

// TestCommandThenSignals: one host is commanded to leave, and all others get the signal to end a moment later. The
// command succeeds, or is refused and nothing is lost; all end soon.
func TestCommandThenSignals(t *testing.T) {
	for _, c := range []struct{ hosts, virtual, replicas int }{{3, 4, 3}, {3, 2, 1}, {5, 1, 1}, {4, 2, 1}} {
		refused := 0
		for gap := time.Duration(0); gap <= 60*time.Millisecond; gap += 2 * time.Millisecond {
			p := departurePlan{
				seed: uint64(gap/time.Millisecond) + 1, successors: 8, replicas: c.replicas, keys: 60, value: 16,
				delay: delay{kind: "fixed", a: 2 * time.Millisecond},
			}
			for i := range c.hosts {
				at := gap
				if i == 1 {
					at = never
				}
				p.virtual, p.crashes, p.signals = append(p.virtual, c.virtual), append(p.crashes, never), append(p.signals, at)
			}
			r := p.form(t)
			commanded := r.hosts[1]
			done, refusal, longest, ends := false, error(nil), time.Duration(0), 0
			begin := r.w.Elapsed()
			if err := commanded.layer.Go(context.Background(), func(ctx context.Context) {
				_, refusal = commanded.Leave(ctx)
				done = true
				longest = max(longest, r.w.Elapsed()-begin)
			}); err != nil {
				t.Fatal(err)
			}
			for i, h := range append([]*host{}, r.hosts...) {
				if i == 1 {
					continue
				}
				r.w.At(gap, func() {
					r.end(h, func(_ member.Ending, err error) {
						ends++
						if longest = max(longest, r.w.Elapsed()-begin-gap); err != nil {
							t.Errorf("%v: %s: %v", p, h.addr, err)
						}
					})
				})
			}
			r.w.RunUntil(2*time.Minute, time.Millisecond, func() bool { return done && ends == c.hosts-1 })
			if !done || ends != c.hosts-1 || longest > 3*time.Second {
				t.Errorf("%v: command over: %t, %d hosts ended, the longest leave took %v", p, done, ends, longest)
			}
			if refusal != nil {
				if refused++; !errors.Is(refusal, kv.ErrLastHost) {
					t.Errorf("%v: the command was refused: %v", p, refusal)
				}
				r.hosts = []*host{commanded}
				p.verify(t, r, nil)
			}
			r.w.Close()
		}
		t.Logf("%+v: the command was refused in %d of 31 rings", c, refused)
	}
}

// TestCommandAndSignalsAtOneHost: a host is commanded to leave, and a moment later it and all others
// get the signal to end. All keys end, and the signalled hosts count them, whichever of the two made
// a host's members leave.
func TestCommandAndSignalsAtOneHost(t *testing.T) {
	for _, virtual := range []int{1, 2, 4} {
		for gap := time.Duration(0); gap <= 60*time.Millisecond; gap += 2 * time.Millisecond {
			p := departurePlan{
				seed: uint64(gap/time.Millisecond) + 1, successors: 8, replicas: 1, keys: 60, value: 16,
				delay: delay{kind: "fixed", a: 2 * time.Millisecond},
			}
			for range 3 {
				p.virtual, p.crashes, p.signals = append(p.virtual, virtual), append(p.crashes, never), append(p.signals, gap)
			}
			r := p.form(t)
			commanded := r.hosts[1]
			if err := commanded.layer.Go(context.Background(), func(ctx context.Context) {
				if e, err := commanded.Leave(ctx); err != nil && !errors.Is(err, kv.ErrLastHost) || err == nil && e.Members > 0 && !e.Ring {
					t.Errorf("%v: the command: %+v, %v", p, e, err)
				}
			}); err != nil {
				t.Fatal(err)
			}
			p.verify(t, r, p.run(t, r))
			r.w.Close()
		}
	}
}
