package member_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/node/simenv"
)

// A hintWatch notes the hints that a host receives.
type hintWatch struct {
	nodepb.RingServer
	note func(*nodepb.HintRequest)
}

func (h hintWatch) Hint(ctx context.Context, q *nodepb.HintRequest) (*nodepb.HintResponse, error) {
	h.note(q)
	return h.RingServer.Hint(ctx, q)
}

// A joiner becomes its successor's predecessor. The predecessor that it replaces must receive a hint of the joiner, and
// no hint may claim that a member of this ring is of another ring.
func TestHintsOfAJoin(t *testing.T) {
	for seed := range uint64(5) {
		w := newSimWorld(t, simenv.Config{Seed: seed})
		w.hosts = 10 * int(seed) // other names, other identifiers
		var hints []*nodepb.HintRequest
		w.wrap = func(s nodepb.RingServer) nodepb.RingServer {
			return hintWatch{s, func(q *nodepb.HintRequest) { hints = append(hints, q) }}
		}
		f := newFleet(t, w, ringOnly, 5)
		f.ideal(time.Minute)
		f.rest(10 * base)
		hints = nil
		f.add(1)
		f.ideal(time.Minute)
		f.rest(10 * base)
		joiner := f.hosts[5].Members()[0].Self()
		ring := f.byID()
		at := slices.Index(ring, f.hosts[5])
		before := ring[(at+5)%6].Members()[0].Self()
		nearer := 0
		for _, q := range hints {
			switch q.Kind {
			case nodepb.HintRequest_KIND_NEARER_SUCCESSOR:
				nearer++
				if id := chord.ID(q.Contact.Id); id != joiner.ID || chord.ID(q.Call.Target) != before.ID {
					t.Errorf("seed %d: %x receives a hint of %x, want %v of %v", seed, q.Call.Target, q.Contact.Id, before, joiner)
				}
			case nodepb.HintRequest_KIND_OTHER_RING:
				if from := q.Call.From.Id; q.HopsLeft == 0 && !slices.Equal(from, q.Contact.Id) { // probes introduce members to each other, and pass that on
					t.Errorf("seed %d: %x takes %x for a member of another ring", seed, from, q.Contact.Id)
				}
			}
		}
		if nearer == 0 {
			t.Errorf("seed %d: no hint of a nearer successor", seed)
		}
	}
}
