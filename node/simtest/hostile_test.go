package simtest

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/kv"
	"chordconductor/node/kv/hlc"
	"chordconductor/node/member"
	"chordconductor/node/nodepb"
)

var (
	hostileSeeds = flag.Int("hostile-seeds", several(8), "rings to run with a hostile peer")
	hostileSeed  = flag.Uint64("hostile-seed", 0, "the only such ring to run")
)

// A hostilePeer calls members in the name of made-up owners, with the most harmful numbers. It also answers calls,
// while it is there.
type hostilePeer struct {
	nodepb.UnimplementedKeysServer
	r      *ring
	random *rand.Rand
	header *nodepb.Call // a member's, except for target and sender
	last   int64        // greatest epoch received in answers, as a start for greater ones
	once   bool         // one message with 2^60 to every member, and no more
}

const hostileAddr = "hostile:7000"

func (x *hostilePeer) id() []byte {
	id := x.r.hosts[0].Space().FromUint64(x.random.Uint64() >> (64 - x.r.plan.bits))
	return id[:]
}

// epoch is small, far away, at the very end, or as far above the received ones as is accepted.
func (x *hostilePeer) epoch() int64 {
	switch x.random.IntN(6) {
	case 0:
		return 1 + x.random.Int64N(100)
	case 1:
		return 1 << x.random.IntN(63)
	case 2:
		return math.MaxInt64 - x.random.Int64N(3)
	}
	return x.last + 1<<20 - x.random.Int64N(2)
}

func (x *hostilePeer) ownership(owner *nodepb.Peer) *nodepb.Ownership {
	return &nodepb.Ownership{Owner: owner, From: x.id(), Epoch: x.epoch()}
}

// record is a record of one of the keys put afterwards, of a version that leaves them as little room as possible.
func (x *hostilePeer) record(to *nodepb.Call) *nodepb.Record {
	version := uint64(math.MaxUint64)
	switch x.random.IntN(4) {
	case 0: // the greatest that was once accepted
		version -= 1 << 40
	case 1: // the greatest that is accepted at the host's present clock: that of the year 10000, and the time since 1970
		year10000 := time.Date(10000, time.January, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
		version = uint64(year10000+to.ClockMillis+x.random.Int64N(2)*2*hlc.MaxDifference.Milliseconds()) << 16
	case 2:
		version >>= x.random.IntN(64)
	}
	id := x.id()
	return &nodepb.Record{Key: fmt.Append(nil, x.random.IntN(100)), Value: []byte("hostile"), Version: version - uint64(x.random.IntN(2)), Writer: id}
}

func (x *hostilePeer) received(o *nodepb.Ownership) {
	if o != nil {
		x.last = max(x.last, o.Epoch)
	}
}

// send makes one call to a member.
func (x *hostilePeer) send(ctx context.Context, keys nodepb.KeysClient, to chord.Peer) {
	call := proto.Clone(x.header).(*nodepb.Call)
	call.Target = to.ID[:]
	call.From = &nodepb.Peer{Id: x.id(), Address: hostileAddr, Incarnation: 1 + x.random.Int64N(3)}
	own := x.ownership(call.From)
	if x.once {
		own.Epoch = 1 << 60
		_, _ = keys.Replicate(ctx, &nodepb.ReplicateRequest{Call: call, Ownership: own})
		return
	}
	switch x.random.IntN(10) {
	case 8: // as orphaned replicas for the owner, whichever member that is
		_, _ = keys.Replicate(ctx, &nodepb.ReplicateRequest{Call: call, Records: []*nodepb.Record{x.record(call)}})
	case 9: // as replicas, from the owner of the whole ring
		own.From = own.Owner.Id
		if a, err := keys.Replicate(ctx, &nodepb.ReplicateRequest{Call: call, Ownership: own, Records: []*nodepb.Record{x.record(call)}}); err == nil {
			x.received(a.Conflict)
		}
	case 0, 1, 2:
		if a, err := keys.Replicate(ctx, &nodepb.ReplicateRequest{Call: call, Ownership: own}); err == nil {
			x.received(a.Conflict)
		}
	case 3, 4:
		if a, err := keys.Compare(ctx, &nodepb.CompareRequest{Call: call, Ownership: own}); err == nil {
			x.received(a.Conflict)
		}
	case 5:
		grant := &nodepb.Ownership{Owner: &nodepb.Peer{Id: to.ID[:], Address: to.Addr, Incarnation: to.Incarnation}, From: x.id(), Epoch: x.epoch()}
		_, _ = keys.Move(ctx, &nodepb.MoveRequest{
			Call: call, MoveId: fmt.Sprint(x.random.Uint64()), Phase: nodepb.MoveRequest_Phase(1 + x.random.IntN(5)),
			Grant: grant, RangeTo: to.ID[:], Reason: nodepb.MoveRequest_REASON_JOIN, Keys: math.MaxInt64, Bytes: math.MaxInt64,
		})
	case 6:
		if a, err := keys.Survey(ctx, &nodepb.SurveyRequest{Call: call, Point: x.id()}); err == nil {
			x.received(a.Ownership)
		}
	case 7:
		_, _ = keys.Apply(ctx, &nodepb.ApplyRequest{
			Call: call, RequestId: make([]byte, 16), Operation: nodepb.ApplyRequest_OPERATION_PUT, Key: keyName(0), Value: []byte("hostile"),
			Forwards: math.MinInt32, Floor: math.MaxUint64 - uint64(x.random.IntN(2)), Again: true, TtlMillis: x.random.Int64(),
		})
	}
}

// Survey answers members that verify its statements.
func (x *hostilePeer) Survey(_ context.Context, q *nodepb.SurveyRequest) (*nodepb.SurveyResponse, error) {
	self := &nodepb.Peer{Id: q.Call.Target, Address: hostileAddr, Incarnation: 1}
	a := &nodepb.SurveyResponse{Reply: &nodepb.Reply{Status: nodepb.Reply_STATUS_OK, Self: self, Clock: q.Call.Clock}, Ownership: x.ownership(self)}
	for range 8 {
		a.Claims = append(a.Claims, x.ownership(&nodepb.Peer{Id: x.id(), Address: hostileAddr, Incarnation: 1}))
	}
	return a, nil
}

// slowHostile are seeds that have failed: of their members nearly all lose their ranges to the peer. Owners that it has
// invented were asked one after the other, a handoff that it had begun was given up after that only, and a claim that it
// had accepted was repeated ten seconds later.
var slowHostile = []uint64{11, 76, 77, 83, 105, 106, 121, 146}

// TestHostileNumbers: ten seconds after a peer is gone that has sent arbitrary statements, every put succeeds.
func TestHostileNumbers(t *testing.T) {
	seeds := slices.Clone(slowHostile)
	for n := range uint64(*hostileSeeds) {
		seeds = append(seeds, n)
	}
	if *hostileSeed != 0 {
		seeds = []uint64{*hostileSeed}
	}
	for _, n := range seeds {
		rnd := rand.New(rand.NewPCG(n, 31))
		p := plan{hosts: 3 + rnd.IntN(5), replicas: 1 + rnd.IntN(3), virtual: 1 + rnd.IntN(2)}
		r := newRing(n, plan{bits: 32, successors: 6, hosts: p.hosts, replicas: p.replicas, virtual: p.virtual})
		for range p.hosts {
			r.add()
		}
		r.settle(t)
		sim, err := r.w.Host(hostileAddr)
		if err != nil {
			t.Fatal(err)
		}
		var members []*member.Member
		for _, h := range r.hosts {
			members = append(members, h.Members()...)
		}
		x := &hostilePeer{r: r, random: rnd, header: members[0].Call(members[0].Self()), last: 1, once: n == 0}
		sim.Serve(nodepb.UnimplementedRingServer{}, x, nil)
		length := time.Duration(5+rnd.IntN(30)) * time.Second
		calls := int(length / time.Millisecond)
		if x.once {
			calls = len(members)
		}
		for i := range calls {
			to := members[i%len(members)]
			r.w.At(time.Duration(i)*time.Millisecond, func() {
				call := to.Call(to.Self())
				x.header.Clock, x.header.ClockMillis = call.Clock, call.ClockMillis
				_ = sim.Go(context.Background(), func(ctx context.Context) {
					x.send(ctx, env.Keys(sim, to.Self().Addr, time.Second), to.Self())
				})
			})
		}
		r.w.Run(time.Duration(calls) * time.Millisecond)
		sim.Crash()
		r.w.Run(10 * time.Second)
		failed, done := 0, 0
		for i := range 100 {
			h := r.pick(rnd.IntN(1000))
			if err := h.layer.Go(context.Background(), func(ctx context.Context) {
				if k := h.keeper(0); k == nil {
					failed++
				} else if _, err := k.Put(ctx, fmt.Appendf(nil, "%d", i), valueOf(i), 0); err != nil {
					failed++
					t.Logf("seed %d: put %d: %v", n, i, err)
				}
				done++
			}); err != nil {
				t.Fatal(err)
			}
		}
		if !r.w.RunUntil(time.Minute, 100*time.Millisecond, func() bool { return done == 100 }) || failed > 0 {
			t.Errorf("seed %d (%v), %d calls: of 100 puts %d failed, %d ended; epochs up to %d: %s", n, p, calls, failed, done, x.last, r)
		}
		if !r.w.RunUntil(2*time.Minute, 100*time.Millisecond, r.settled) {
			t.Errorf("seed %d: not in order two minutes later: %s", n, r)
		}
		r.on(t, r.hosts[0], func(ctx context.Context, k *kv.Keeper) {
			for i := range 100 {
				// Such a peer may overwrite any key, also later on, by a record that it has left on a replica. But no
				// key is lost.
				if got, err := k.Get(ctx, fmt.Appendf(nil, "%d", i)); err != nil || string(got.Value) != string(valueOf(i)) && string(got.Value) != "hostile" {
					t.Errorf("seed %d: get %d: %q, %v", n, i, got.Value, err)
				}
			}
		})
		r.w.Close()
		if t.Failed() {
			return
		}
	}
}
