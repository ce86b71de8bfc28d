package load

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/conductor/lab/scenario"
	"chordconductor/node/nodepb"
)

// refusalCodes are the codes which mean that a write has not happened.
var refusalCodes = []codes.Code{codes.InvalidArgument, codes.ResourceExhausted, codes.FailedPrecondition, codes.AlreadyExists}

// failing lists errors: one of each code, one of a code that gRPC does not define, and one without a code.
func failing() (list []error) {
	for code := codes.Canceled; code <= codes.Unauthenticated+1; code++ {
		list = append(list, status.Error(code, "no"))
	}
	return append(list, errors.New("no status"), context.DeadlineExceeded)
}

// A store that answers puts with an error and keeps the values nevertheless breaks its promise if the code means a
// refusal, and with no other code.
func TestRefusedAndUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, err := range failing() {
			refusal := slices.Contains(refusalCodes, status.Code(err))
			for _, keep := range []bool{false, true} {
				m := &liar{memory: memory{delay: time.Millisecond}, answer: err, keep: keep}
				d := m.drive(t)
				c, v := d.Phases()[1], d.Verdict()
				if c.Refused > 0 != refusal || c.Failed > 0 == refusal || c.Refused+c.Failed < 50 {
					t.Errorf("%v: %d refused, %d failed", err, c.Refused, c.Failed)
				}
				if v.Refused > 0 != (refusal && keep) || v.Lost > 0 || c.Corrupt > 0 {
					t.Errorf("%v, kept %v: %+v, %d corrupt", err, keep, v, c.Corrupt)
				}
			}
		}
	})
}

// A put whose first attempt may have been carried out is not refused as a whole, whatever the answer to its last
// attempt. The write of a last attempt that was refused is a refused one.
func TestRefusedAfterUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &liar{answer: status.Error(codes.Unavailable, ""), then: status.Error(codes.ResourceExhausted, "")}
		d := m.drive(t)
		if c := d.Phases()[1]; c.Refused != 0 || c.Failed < 50 {
			t.Errorf("%d refused, %d failed", c.Refused, c.Failed)
		}
		if n := len(d.oracle.refusals.refused); n < 50 {
			t.Errorf("%d refused writes are remembered", n)
		}
	})
}

// liar is a memory that answers puts with errors during the second half of the time, alternating if there are two, and
// may keep the values nevertheless.
type liar struct {
	memory
	on           sync.Mutex
	lies         bool
	answer, then error
	keep         bool
}

func (l *liar) Put(ctx context.Context, q *nodepb.PutRequest) (*nodepb.PutResponse, error) {
	l.on.Lock()
	lies, err := l.lies, l.answer
	if lies && l.then != nil {
		l.answer, l.then = l.then, l.answer
	}
	l.on.Unlock()
	if lies && !l.keep {
		return nil, err
	}
	a, kept := l.memory.Put(ctx, q)
	if lies {
		return nil, err
	}
	return a, kept
}

func (l *liar) drive(t *testing.T) *Driver {
	t.Helper()
	l.values = make(map[string]*nodepb.GetResponse)
	b := &bubble{}
	d := New(Config{
		Runtime: b, Workload: scenario.Workload{Rate: 10, Reads: 0.5, Keys: 5, ValueMin: 64, ValueMax: 128}, Seed: 7, Replicas: 3,
		Pick: func(uint64) (Store, bool) { return l, true },
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.Run()
	}()
	time.Sleep(20 * time.Second)
	d.SetPhase(1)
	l.on.Lock()
	l.lies = true
	l.on.Unlock()
	time.Sleep(20 * time.Second)
	d.Stop()
	<-done
	if err := d.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
	b.all.Wait()
	return d
}

// The oracle is compared with a model that keeps every write, within the bound.
func TestRefusals(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 5))
		o := newOracle(1, 1)
		running, refused, shown := map[uint64]bool{}, map[uint64]bool{}, map[uint64]bool{}
		last := uint64(0)
		for range 500 {
			switch r.IntN(3) {
			case 0:
				last++
				o.begin(last)
				running[last] = true
			case 1:
				if all := slices.Sorted(maps.Keys(running)); len(all) > 0 {
					w, no := all[r.IntN(len(all))], r.IntN(2) == 0
					o.end(w, no)
					delete(running, w)
					if no {
						refused[w] = true
					}
				}
			default:
				for _, set := range []map[uint64]bool{running, refused} {
					if all := slices.Sorted(maps.Keys(set)); len(all) > 0 {
						w := all[r.IntN(len(all))]
						o.shown(w)
						shown[w] = true
					}
				}
				o.shown(1 << 50) // of another run
			}
			want := 0
			for w := range refused {
				if shown[w] {
					want++
				}
			}
			if got := o.Verdict().Refused; got != want {
				t.Fatalf("seed %d: %d refused writes are found, want %d", seed, got, want)
			}
		}
	}
}

// The number of refused writes that are kept is bounded: the oldest is dropped.
func TestRefusalsAreBounded(t *testing.T) {
	o := newOracle(1, 1)
	for w := range uint64(2*maxRefusals + 10) {
		o.begin(w)
		o.end(w, true)
	}
	s := &o.refusals
	if len(s.refused) != maxRefusals || len(s.order) != maxRefusals || len(s.running) != 0 {
		t.Errorf("%d refused, %d in order, %d running", len(s.refused), len(s.order), len(s.running))
	}
	o.shown(maxRefusals + 9)
	if o.Verdict().Refused != 0 {
		t.Error("one that was to be forgotten is known")
	}
	o.shown(maxRefusals + 10)
	o.shown(2*maxRefusals + 9)
	if o.Verdict().Refused != 2 {
		t.Errorf("%d found of the two that are remembered", o.Verdict().Refused)
	}
}
