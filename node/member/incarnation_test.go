package member_test

import (
	"context"
	"testing"
	"time"

	"chordconductor/node/member"
	"chordconductor/node/nodepb"
	"chordconductor/node/simenv"
)

const base = 100 * time.Millisecond

// ringOnly is the configuration of tests of the ring alone.
var ringOnly = member.Config{Stabilize: base, CallLimit: 250 * time.Millisecond, RingOnly: true}

func TestCrash(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		f := newFleet(t, w, ringOnly, 16)
		f.ideal(20 * time.Second)
		f.crash(f.hosts[5])
		f.ideal(20 * time.Second)
		f.checkLookups(member.Recursive, 2)
	})
}

// As many adjacent members as the successor list tolerates die at the same time.
func TestAdjacentCrash(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		f := newFleet(t, w, ringOnly, 16)
		f.ideal(20 * time.Second)
		f.crash(f.byID()[3:10]...)
		f.ideal(20 * time.Second)
		f.checkLookups(member.Iterative, 2)
	})
}

func TestLeave(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		f := newFleet(t, w, ringOnly, 12)
		f.ideal(20 * time.Second)
		f.leave(f.hosts[3])
		f.ideal(20 * time.Second)
		f.leave(f.byID()[4:8]...) // adjacent, at the same time
		f.ideal(20 * time.Second)
		f.checkLookups(member.Recursive, 2)
		f.leave(f.hosts[1:]...) // all but one
		f.ideal(20 * time.Second)
	})
}

// From its first Depart to its end, a leaver answers BUSY to queries for its pointers, which are about to be wrong. The
// model checker finds a broken ring without that.
func TestSplicingLeaverIsBusy(t *testing.T) {
	w := newSimWorld(t, simenv.Config{Seed: 5})
	var during []nodepb.Reply_Status
	var asked func() nodepb.Reply_Status
	w.wrap = func(r nodepb.RingServer) nodepb.RingServer {
		return departWatch{r, func() { during = append(during, asked()) }}
	}
	f := newFleet(t, w, ringOnly, 8)
	f.ideal(20 * time.Second)
	leaver, other := f.hosts[3], f.hosts[0]
	call := other.Any().Call(leaver.Any().Self())
	asked = func() nodepb.Reply_Status {
		a, err := leaver.Neighbors(t.Context(), &nodepb.NeighborsRequest{Call: call})
		if err != nil {
			t.Fatal(err)
		}
		return a.Reply.Status
	}
	w.until(t, 10*time.Second, "the leaver answers", func() bool { return asked() == nodepb.Reply_STATUS_OK })
	f.leave(leaver)
	if len(during) < 2 {
		t.Fatalf("it sent Depart to %d neighbors", len(during))
	}
	for _, status := range during {
		if status != nodepb.Reply_STATUS_BUSY {
			t.Errorf("while it splices itself out it answers %v", status)
		}
	}
	if status := asked(); status != nodepb.Reply_STATUS_NOT_MEMBER {
		t.Errorf("after that it answers %v", status)
	}
}

type departWatch struct {
	nodepb.RingServer
	seen func()
}

func (d departWatch) Depart(ctx context.Context, q *nodepb.DepartRequest) (*nodepb.DepartResponse, error) {
	d.seen()
	return d.RingServer.Depart(ctx, q)
}

// A host crashes and comes back under the same address and identifier, with another incarnation.
func TestRestart(t *testing.T) {
	w := newSimWorld(t, simenv.Config{Seed: 3})
	f := newFleet(t, w, ringOnly, 12)
	f.ideal(20 * time.Second)
	old := f.hosts[4]
	was := old.Members()[0].Self()
	f.crash(old)
	cfg := ringOnly
	cfg.Join = []string{f.hosts[0].Address()}
	h := w.hostAt(t, cfg, old.Address())
	f.hosts = append(f.hosts, h)
	if _, err := h.Start(1); err != nil {
		t.Fatal(err)
	}
	f.ideal(20 * time.Second)
	if is := h.Members()[0].Self(); is.ID != was.ID || is.Incarnation <= was.Incarnation {
		t.Errorf("came back as %v, was %v", is, was)
	}
	f.checkLookups(member.Recursive, 2)
}

// During a partition each of the two groups becomes a ring of its own; after the partition they become one ring again.
func TestPartition(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		f := newFleet(t, w, ringOnly, 20)
		f.ideal(20 * time.Second)
		a, b := f.hosts[:6], f.hosts[6:]
		f.partition(a, b, true)
		space := f.hosts[0].Space()
		f.w.until(t, 60*time.Second, "both sides are ideal", func() bool { return part(a).Ideal(space) && part(b).Ideal(space) })
		f.heal()
		f.ideal(60 * time.Second)
		f.checkLookups(member.Recursive, 2)
	})
}

// For a while some hosts' messages to others get lost, while they receive theirs.
func TestOneWayPartition(t *testing.T) {
	w := newSimWorld(t, simenv.Config{Seed: 5})
	f := newFleet(t, w, ringOnly, 16)
	f.ideal(20 * time.Second)
	f.partition(f.hosts[2:4], f.hosts[4:], false)
	f.rest(5 * time.Second)
	f.heal()
	f.ideal(60 * time.Second)
}

// A host pauses for longer than all time limits of its peers, and resumes with outdated state.
func TestPause(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		f := newFleet(t, w, ringOnly, 12)
		f.ideal(20 * time.Second)
		sleeper := f.hosts[7]
		sleeper.faults.Pause()
		others := append(append([]*host(nil), f.hosts[:7]...), f.hosts[8:]...)
		space := f.hosts[0].Space()
		f.w.until(t, 20*time.Second, "the others go on without it", func() bool { return part(others).Ideal(space) })
		sleeper.faults.Resume()
		f.ideal(60 * time.Second)
		f.checkLookups(member.Recursive, 1)
	})
}

// 500 members join an ideal ring of 64 at the same time.
func TestFlashCrowd(t *testing.T) {
	w := newSimWorld(t, simenv.Config{Seed: 7, Delay: simenv.Uniform(time.Millisecond, 5*time.Millisecond)})
	cfg := ringOnly
	cfg.Stabilize = 500 * time.Millisecond
	settled, crowd := 64, 500
	if raceDetector {
		settled, crowd = 12, 60
	}
	f := newFleet(t, w, cfg, settled)
	f.ideal(2 * time.Minute)
	f.rest(5 * time.Second)
	start := w.Elapsed()
	f.add(crowd)
	f.ideal(30 * cfg.Stabilize)
	t.Logf("ideal after %.1f base intervals", float64(w.Elapsed()-start)/float64(cfg.Stabilize))
	f.checkLookups(member.Recursive, 1)
}
