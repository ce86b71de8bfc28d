package service_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"chordconductor/internal/polltest"
	"chordconductor/node/env/faults"
	"chordconductor/node/env/grpcenv"
	"chordconductor/node/kv"
	"chordconductor/node/member"
	"chordconductor/node/nodepb"
	"chordconductor/node/service"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serving starts a host with three members and both services, and returns it with a connection to it.
func serving(t *testing.T, token string, join ...string) (*member.Host, *grpc.ClientConn) {
	t.Helper()
	return servingBehind(t, nil, token, join...)
}

func servingBehind(t *testing.T, gate service.Gate, token string, join ...string) (*member.Host, *grpc.ClientConn) {
	t.Helper()
	e, err := grpcenv.Listen(grpcenv.Options{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	layer := faults.New(e, e.Address())
	h, err := member.NewHost(member.Config{Stabilize: 50 * time.Millisecond, Replicas: 1, Join: join}, e.Address(), layer, member.Telemetry{})
	if err != nil {
		t.Fatal(err)
	}
	e.Serve(h, h, layer.Serve, func(s grpc.ServiceRegistrar) {
		nodepb.RegisterKVServer(s, service.NewKV(h, "test"))
		nodepb.RegisterHostServer(s, service.NewControl(h, e, layer, gate, token))
	})
	cc, err := grpc.NewClient("passthrough:///"+e.Address(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cc.Close()
		h.Crash()
		e.Close()
	})
	if _, err := h.Start(3); err != nil {
		t.Fatal(err)
	}
	polltest.Until(t, "all members are active", func() bool { return active(h) == 3 })
	return h, cc
}

func active(h *member.Host) (n int) {
	for _, m := range h.Members() {
		if m.Status() == "active" && m.Keys().Ownership().Owns {
			n++
		}
	}
	return n
}

func TestKV(t *testing.T) {
	h, cc := serving(t, "")
	client, ctx := nodepb.NewKVClient(cc), t.Context()
	if _, err := client.Get(ctx, &nodepb.GetRequest{Key: []byte("tide")}); status.Code(err) != codes.NotFound {
		t.Errorf("get of nothing: %v", err)
	}
	if a, err := client.Put(ctx, &nodepb.PutRequest{Key: []byte("tide"), Value: []byte("high")}); err != nil || a.Copies != 1 || a.Lookup.GetOwner().GetAddress() != h.Address() {
		t.Errorf("put: %v, %v", a, err)
	}
	if a, err := client.Get(ctx, &nodepb.GetRequest{Key: []byte("tide")}); err != nil || string(a.Value) != "high" {
		t.Errorf("get: %v, %v", a, err)
	}
	if _, err := client.Delete(ctx, &nodepb.DeleteRequest{Key: []byte("tide")}); err != nil {
		t.Errorf("delete: %v", err)
	}
	if _, err := client.Get(ctx, &nodepb.GetRequest{Key: []byte("tide")}); status.Code(err) != codes.NotFound {
		t.Errorf("get of a deleted key: %v", err)
	}
	a, err := client.Status(ctx, &nodepb.StatusRequest{})
	if err != nil || len(a.Members) != 3 || a.Version != "test" || a.Bits != 160 {
		t.Errorf("status: %v, %v", a, err)
	}
}

func TestKVBadInput(t *testing.T) {
	_, cc := serving(t, "")
	client, ctx := nodepb.NewKVClient(cc), t.Context()
	long := make([]byte, kv.MaxKey+1)
	for name, call := range map[string]func() error{
		"empty key": func() error { _, err := client.Put(ctx, &nodepb.PutRequest{}); return err },
		"long key":  func() error { _, err := client.Get(ctx, &nodepb.GetRequest{Key: long}); return err },
		"long value": func() error {
			_, err := client.Put(ctx, &nodepb.PutRequest{Key: []byte("k"), Value: make([]byte, kv.MaxValue+1)})
			return err
		},
		"negative TTL": func() error {
			_, err := client.Put(ctx, &nodepb.PutRequest{Key: []byte("k"), TtlMillis: -1})
			return err
		},
		"endless TTL": func() error {
			_, err := client.Put(ctx, &nodepb.PutRequest{Key: []byte("k"), TtlMillis: 1 << 62})
			return err
		},
		"no key": func() error { _, err := client.Lookup(ctx, &nodepb.LookupRequest{}); return err },
		"mode": func() error {
			_, err := client.Lookup(ctx, &nodepb.LookupRequest{Key: []byte("k"), Mode: "sideways"})
			return err
		},
		"short identifier": func() error { _, err := client.Lookup(ctx, &nodepb.LookupRequest{KeyId: []byte{1}}); return err },
		"both": func() error {
			_, err := client.Lookup(ctx, &nodepb.LookupRequest{KeyId: long[:20], Key: []byte("k")})
			return err
		},
	} {
		if err := call(); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := client.Lookup(ctx, &nodepb.LookupRequest{Key: []byte("k"), From: long[:20]}); status.Code(err) != codes.NotFound {
		t.Errorf("start at an unknown member: %v", err)
	}
}

func TestLookup(t *testing.T) {
	h, cc := serving(t, "")
	for _, mode := range []string{"", "recursive", "iterative"} {
		for _, m := range h.Members() {
			self := m.Self().ID
			a, err := nodepb.NewKVClient(cc).Lookup(t.Context(), &nodepb.LookupRequest{Key: []byte("tide"), Mode: mode, From: self[:]})
			if err != nil {
				t.Fatal(err)
			}
			path := a.Lookup.Path
			if string(path[0].Peer.Id) != string(self[:]) || string(path[len(path)-1].Peer.Id) != string(a.Lookup.Owner.Id) || a.Lookup.Mode == "" {
				t.Errorf("%v", a.Lookup)
			}
		}
	}
}

func TestControl(t *testing.T) {
	first, _ := serving(t, "") // receives what a leaver hands off
	h, cc := serving(t, "", first.Address())
	ctl, ctx := nodepb.NewHostClient(cc), t.Context()
	started, err := ctl.StartMembers(ctx, &nodepb.StartMembersRequest{Count: 2})
	if err != nil || len(started.Members) != 2 {
		t.Fatal(started, err)
	}
	polltest.Until(t, "the new members are active", func() bool { return active(h) == 5 })
	if _, err := ctl.StopMember(ctx, &nodepb.StopMemberRequest{Id: started.Members[0].Id}); err != nil {
		t.Errorf("leave: %v", err)
	}
	if _, err := ctl.StopMember(ctx, &nodepb.StopMemberRequest{Id: started.Members[1].Id, Crash: true}); err != nil {
		t.Errorf("crash: %v", err)
	}
	if n := len(h.Members()); n != 3 {
		t.Errorf("%d members", n)
	}
	if _, err := ctl.SetFaults(ctx, &nodepb.SetFaultsRequest{Faults: []*nodepb.Fault{{Address: "*", Cut: true}}}); err != nil {
		t.Errorf("faults: %v", err)
	}
	for name, test := range map[string]struct {
		call func() error
		want codes.Code
	}{
		"none":                               {func() error { _, err := ctl.StartMembers(ctx, &nodepb.StartMembersRequest{}); return err }, codes.InvalidArgument},
		"too many":                           {func() error { _, err := ctl.StartMembers(ctx, &nodepb.StartMembersRequest{Count: 65}); return err }, codes.InvalidArgument},
		"too many with those that are there": {func() error { _, err := ctl.StartMembers(ctx, &nodepb.StartMembersRequest{Count: 64}); return err }, codes.FailedPrecondition},
		"short id":                           {func() error { _, err := ctl.StopMember(ctx, &nodepb.StopMemberRequest{Id: []byte{1}}); return err }, codes.InvalidArgument},
		"not here": {func() error {
			_, err := ctl.StopMember(ctx, &nodepb.StopMemberRequest{Id: make([]byte, 20)})
			return err
		}, codes.NotFound},
		"bad fault": {func() error {
			_, err := ctl.SetFaults(ctx, &nodepb.SetFaultsRequest{Faults: []*nodepb.Fault{{}}})
			return err
		}, codes.InvalidArgument},
		"bad delay": {func() error {
			_, err := ctl.SetFaults(ctx, &nodepb.SetFaultsRequest{Faults: []*nodepb.Fault{{Address: "*", JitterMicros: 1 << 62}}})
			return err
		}, codes.InvalidArgument},
		"bad lease": {func() error {
			_, err := ctl.SetFaults(ctx, &nodepb.SetFaultsRequest{LeaseMillis: -1})
			return err
		}, codes.InvalidArgument},
	} {
		if err := test.call(); status.Code(err) != test.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// gate records whether telemetry is held back.
type gate struct{ held atomic.Bool }

func (g *gate) Hold(held bool) bool { return g.held.Swap(held) && !held }

// Faults last until they are cleared, or until the lease ends; a paused host is silent only to peers.
func TestFaultsAndTheirLease(t *testing.T) {
	g := new(gate)
	h, cc := servingBehind(t, g, "")
	ctl, ring, ctx := nodepb.NewHostClient(cc), nodepb.NewRingClient(cc), t.Context()
	set := func(q *nodepb.SetFaultsRequest) {
		t.Helper()
		if _, err := ctl.SetFaults(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	answers := func(within time.Duration) bool {
		ctx, cancel := context.WithTimeout(ctx, within)
		defer cancel()
		_, err := ring.Ping(ctx, &nodepb.PingRequest{Call: &nodepb.Call{Ring: h.Config().Ring, Bits: uint32(h.Config().Bits),
			Successors: uint32(h.Config().Successors), Replicas: uint32(h.Config().Replicas)}})
		return status.Code(err) != codes.DeadlineExceeded
	}
	set(&nodepb.SetFaultsRequest{Paused: true, TelemetryHeld: true})
	const soon, late = 200 * time.Millisecond, time.Minute // a paused host never answers, any other answers in the end
	if answers(soon) || !g.held.Load() {
		t.Errorf("paused: it answers, or telemetry is not held: %v", g.held.Load())
	}
	set(&nodepb.SetFaultsRequest{})
	if !answers(late) || g.held.Load() {
		t.Errorf("well again: it does not answer, or telemetry is held: %v", g.held.Load())
	}
	set(&nodepb.SetFaultsRequest{Paused: true, LeaseMillis: 50}) // set again before it ends, and without an end
	set(&nodepb.SetFaultsRequest{Paused: true, TelemetryHeld: true})
	if answers(soon) {
		t.Error("the lease of an order that was replaced has ended the one that followed")
	}
	set(&nodepb.SetFaultsRequest{Paused: true, TelemetryHeld: true, LeaseMillis: 50})
	polltest.Until(t, "the lease has ended", func() bool { return !g.held.Load() })
	if !answers(late) {
		t.Error("it does not answer though the lease has ended")
	}
}
