package simtest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"chordconductor/internal/polltest"
	"chordconductor/node/chord"
	"chordconductor/node/env/faults"
	"chordconductor/node/env/grpcenv"
	"chordconductor/node/kv"
	"chordconductor/node/member"
)

// A realHost is a host over gRPC and loopback: the same members and keepers in the real environment.
type realHost struct {
	*member.Host
	env   *grpcenv.Env
	layer *faults.Layer
}

func startReal(t *testing.T, join ...*realHost) *realHost {
	t.Helper()
	e, err := grpcenv.Listen(grpcenv.Options{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	// A call may take long: the machine may have other work, and here no host is silent except in a partition.
	cfg := member.Config{Replicas: 3, Successors: 5, Stabilize: 50 * time.Millisecond, CallLimit: time.Second}
	for _, other := range join {
		cfg.Join = append(cfg.Join, other.Address())
	}
	h := &realHost{env: e, layer: faults.New(e, e.Address())}
	if h.Host, err = member.NewHost(cfg, e.Address(), h.layer, member.Telemetry{}); err != nil {
		t.Fatal(err)
	}
	e.Serve(h, h, h.layer.Serve, nil)
	t.Cleanup(h.crash)
	if _, err := h.Start(1); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *realHost) crash() {
	h.Crash()
	h.env.Close()
}

func (h *realHost) keeper() *kv.Keeper { return keeperOf(h.Any()) }

// inOrder reports whether every host owns the range after the previous one.
func inOrder(hosts []*realHost) bool {
	list := slices.Clone(hosts)
	for _, h := range list {
		if h.Any() == nil {
			return false
		}
	}
	slices.SortFunc(list, func(a, b *realHost) int { return a.Any().Self().ID.Compare(b.Any().Self().ID) })
	for i, h := range list {
		own, before := h.keeper().Ownership(), list[(i+len(list)-1)%len(list)].Any().Self().ID
		if !own.Owns || own.From != before || h.Any().State().Pred.ID != before {
			return false
		}
		succ := h.Any().State().Succ
		for k := 1; k < len(list); k++ { // the hosts of its replicas, and the fallback for one of them
			if len(succ) < k || succ[k-1].ID != list[(i+k)%len(list)].Any().Self().ID {
				return false
			}
		}
	}
	return true
}

// TestKeysOverGRPC runs a ring through joins, a leave, a crash and a partition in the real environment.
func TestKeysOverGRPC(t *testing.T) {
	const keys = 200
	hosts := []*realHost{startReal(t)}
	add := func() {
		hosts = append(hosts, startReal(t, hosts...))
		polltest.Until(t, "the ring is in order", func() bool { return inOrder(hosts) })
	}
	check := func(when string) {
		t.Helper()
		for n := range keys {
			if got, err := hosts[n%len(hosts)].keeper().Get(t.Context(), keyName(n)); err != nil || !bytes.Equal(got.Value, valueOf(n)) {
				t.Fatalf("%s: get of key %d: %q, %v", when, n, got.Value, err)
			}
		}
	}
	for range 4 {
		add()
	}
	for n := range keys {
		if got, err := hosts[n%len(hosts)].keeper().Put(t.Context(), keyName(n), valueOf(n), 0); err != nil || got.ReplicaCount != 3 {
			t.Fatalf("put of key %d: %d replicas, %v", n, got.ReplicaCount, err)
		} else if on := hostsOf(got.Replicas); len(on) != 3 || len(got.Replicas) != 3 || got.Replicas[0] != got.Owner {
			t.Fatalf("put of key %d at %s: held by %v", n, got.Owner.Addr, got.Replicas)
		}
	}
	check("after the puts")
	add()
	check("after a join")
	if _, err := hosts[1].Leave(context.Background()); err != nil {
		t.Fatalf("leave: %v", err)
	}
	hosts[1].env.Close()
	hosts = slices.Delete(hosts, 1, 2)
	check("after a leave")
	hosts[2].crash()
	hosts = slices.Delete(hosts, 2, 3)
	check("after a crash")
	polltest.Until(t, "the ring is in order", func() bool { return inOrder(hosts) })

	for i, h := range hosts {
		var rules []faults.Rule
		for j, other := range hosts {
			if (i < 2) != (j < 2) {
				rules = append(rules, faults.Rule{Address: other.Address(), Cut: true})
			}
		}
		if err := h.layer.Set(rules); err != nil {
			t.Fatal(err)
		}
	}
	polltest.Until(t, "each side is a ring", func() bool { return inOrder(hosts[:2]) && inOrder(hosts[2:]) })
	for side, h := range []*realHost{hosts[0], hosts[3]} {
		if _, err := h.keeper().Put(t.Context(), fmt.Appendf(nil, "side %d", side), []byte("here"), 0); err != nil {
			t.Errorf("put on side %d: %v", side, err)
		}
	}
	for _, h := range hosts {
		if err := h.layer.Set(nil); err != nil {
			t.Fatal(err)
		}
	}
	polltest.Until(t, "the sides are one ring", func() bool { return inOrder(hosts) })
	check("after a partition")
	for side := range 2 {
		if got, err := hosts[1].keeper().Get(t.Context(), fmt.Appendf(nil, "side %d", side)); err != nil || string(got.Value) != "here" {
			t.Errorf("what was put on side %d: %q, %v", side, got.Value, err)
		}
	}
}

func hostsOf(peers []chord.Peer) map[string]bool {
	on := map[string]bool{}
	for _, p := range peers {
		on[p.Addr] = true
	}
	return on
}
