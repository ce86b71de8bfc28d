package member

import (
	"context"
	"fmt"
	"testing"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/node/wire"
)

// leaving is a member about to leave that answers pings.
type leaving struct {
	nodepb.UnimplementedRingServer
	self *nodepb.Peer
}

func (l leaving) Ping(context.Context, *nodepb.PingRequest) (*nodepb.PingResponse, error) {
	return &nodepb.PingResponse{Reply: &nodepb.Reply{Status: ok, Self: l.self, Version: Version}, Leaving: true}, nil
}

// A member that has lost its ring pings contacts in each round of stabilize, and suspected peers between the rounds. Each
// takes a time limit. A live member that notifies it often becomes its predecessor all the same, soon.
func TestNoticesDoNotLapseBehindSlowRounds(t *testing.T) {
	w, hosts := smallRing(t, 1)
	m := hosts[0].Any()
	e, err := w.Host("leaver:1")
	if err != nil {
		t.Fatal(err)
	}
	e.Serve(leaving{self: wire.Ref(chord.Peer{ID: chord.ID{7}, Addr: "leaver:1", Incarnation: 1}, 0)}, nodepb.UnimplementedKeysServer{}, nil)
	notifier := chord.Peer{ID: chord.ID{8}, Addr: "notifier:1", Incarnation: 1}
	var took time.Duration
	inTask(t, w, hosts[0], func(ctx context.Context) {
		m.host.cfg.Join = []string{"leaver:1", "dead:1"}
		m.edit(func(s *snapshot) { s.alone = false })
		for i := range maxChecks {
			m.suspect(chord.Peer{ID: chord.ID{9, byte(i)}, Addr: fmt.Sprintf("dead%d:1", i), Incarnation: 1})
		}
		_ = m.env.Sleep(m.host.cfg.CallLimit) // the loop is busy
		for began := m.env.Now(); m.State().Pred != notifier && took < time.Minute; took = m.env.Now().Sub(began) {
			m.serveNotify(ctx, notifier)
			_ = m.env.Sleep(50 * time.Millisecond)
		}
	})
	// A pass of the loop is a round and a suspected peer: three time limits, and some for what was under way.
	if took > 6*m.host.cfg.CallLimit {
		t.Errorf("the notifier is its predecessor after %v", took)
	}
}
