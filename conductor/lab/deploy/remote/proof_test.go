package remote

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"pgregory.net/rapid"

	"chordconductor/conductor/lab/controller"
	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/judge"
	"chordconductor/conductor/lab/run"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/conductor/ring"
	"chordconductor/internal/cutproxy"
	"chordconductor/internal/polltest"
	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// Addresses that telemetry names and at which there is no host of the ring.
var impostors = map[string]func(t *testing.T) string{
	"refuses connections": func(t *testing.T) string {
		l := loopbackListener(t)
		defer l.Close()
		return l.Addr().String()
	},
	"accepts connections and does not answer": func(t *testing.T) string {
		l := loopbackListener(t)
		t.Cleanup(func() { l.Close() })
		return l.Addr().String()
	},
	"serves other services": func(t *testing.T) string {
		l := loopbackListener(t)
		s := grpc.NewServer()
		go s.Serve(l)
		t.Cleanup(s.Stop)
		return l.Addr().String()
	},
	"holds another token": func(t *testing.T) string {
		h := remoteHostAs(t, "", "another token")
		if _, err := h.Start(1); err != nil {
			t.Fatal(err)
		}
		return h.Address()
	},
}

// named adds a member of a host at an address to a view, as any sender of telemetry can.
func named(v *ring.View, address string) {
	n := len(v.Members)
	v.Members = append(v.Members, &ring.Member{ID: chord.ID{255, byte(n >> 8), byte(n)}, Incarnation: 1, Status: ring.Active, Host: chordevent.Host{ID: address, Address: address}})
}

// A scenario's load goes to the hosts that have proven that they hold the token, and the other hosts make none of its
// operations fail or be retried.
func TestLoadPassesOverUnprovenHosts(t *testing.T) {
	honest := remoteHostAs(t, "", strongToken)
	if _, err := honest.Start(1); err != nil {
		t.Fatal(err)
	}
	polltest.Until(t, "the host serves", func() bool {
		return honest.Members()[0].Status() == chordevent.StatusActive && honest.Members()[0].Keys().Ownership().Owns
	})
	view := viewOf(honest)
	for _, kind := range slices.Sorted(maps.Keys(impostors)) {
		for range 2 {
			named(view, impostors[kind](t))
		}
	}
	evil := newEvilHost(t, loopbackListener(t), func(*nodepb.ChallengeRequest) (string, []byte) { return "0", nil })
	named(view, evil.address)
	fleet := New(func() *ring.View { return view }, strongToken, nil)
	l := controller.New(controller.Config{Sources: run.Sources{View: func() *ring.View { return view }, Watch: judge.NewWatch()}, Remote: fleet})
	defer l.Close(t.Context())
	s, err := scenario.Parse("test", []byte("name: load\nworkload: {rate: 200/s, keys: 50}\nduration: 3s"))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.StartSimulation(s); err != nil {
		t.Fatal(err)
	}
	polltest.Until(t, "the end", func() bool { return !l.Simulation().Running })
	r := l.Result()
	if total := r.Total(); total.Done() == 0 || total.Failed > 0 || total.Retried > 0 || total.Unsent > 0 || r.Keys.Lost > 0 {
		t.Errorf("%d operations answered, %d failed, %d needed another host, %d never sent, %d keys lost", total.Done(), total.Failed, total.Retried, total.Unsent, r.Keys.Lost)
	}
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "the load goes to 1 of 10 hosts") {
		t.Errorf("notes %q", r.Notes)
	}
	evil.learnsNothing(t)
}

// Whatever is at the addresses of hosts, and in whatever order that changes: operations go to all hosts that prove that
// they hold the token, and to no others.
func TestWhichHostsServe(t *testing.T) {
	evilBehind := loopbackListener(t)
	evil := newEvilHost(t, evilBehind, func(*nodepb.ChallengeRequest) (string, []byte) { return "0", nil })
	none := impostors["refuses connections"](t)
	const hosts = 3
	var (
		view    = &ring.View{Bits: 32, Replicas: 3}
		behind  [hosts]string
		target  [hosts]*string
		front   [hosts]*cutproxy.Proxy
		address [hosts]string
	)
	for i := range hosts {
		front[i] = cutproxy.Listen(t)
		h, listening := remoteHostBehind(t, front[i].Address(), strongToken)
		if _, err := h.Start(1); err != nil {
			t.Fatal(err)
		}
		polltest.Until(t, "the host serves", func() bool {
			return h.Members()[0].Status() == chordevent.StatusActive && h.Members()[0].Keys().Ownership().Owns
		})
		view.Members = append(view.Members, viewOf(h).Members...)
		behind[i], address[i] = listening, h.Address()
	}
	var fixed []string
	for _, kind := range slices.Sorted(maps.Keys(impostors)) {
		if !strings.Contains(kind, "does not answer") { // each would take its limit, in each round
			fixed = append(fixed, impostors[kind](t))
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		seen := *view
		seen.Members = slices.Clone(view.Members)
		for _, address := range fixed {
			if rapid.Bool().Draw(rt, "impostor") {
				named(&seen, address)
			}
		}
		fleet := New(func() *ring.View { return &seen }, strongToken, nil)
		defer fleet.Close(t.Context())
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		put := func(n uint64) (err error) {
			c, ok := deploy.PickClient(fleet, n, deploy.Host.Serves)
			if !ok {
				return fmt.Errorf("no host serves")
			}
			_, err = c.Put(ctx, &nodepb.PutRequest{Key: []byte(secretKey), Value: []byte(secretValue)})
			return err
		}
		for range rapid.IntRange(1, 4).Draw(rt, "changes") {
			var up []string
			for i := range hosts {
				to := rapid.SampledFrom([]*string{&behind[i], &behind[i], &evil.address, &none}).Draw(rt, "what is at the address")
				if to == &behind[i] {
					up = append(up, address[i])
				}
				front[i].To(*to)
				if before := target[i]; before != to || rapid.Bool().Draw(rt, "connections are lost") {
					front[i].Cut()
				}
				target[i] = to
			}
			slices.Sort(up)
			polltest.Until(t, "exactly the hosts that prove themselves serve", func() bool {
				fleet.Prove(ctx)
				lost := false
				for n := range uint64(hosts) {
					err := put(n) // at a host whose connection was lost it fails, once
					lost = lost || err != nil && len(up) > 0
				}
				var serving []string
				for _, h := range fleet.Hosts() {
					if h.Serves() {
						serving = append(serving, h.Address)
					}
				}
				return !lost && slices.Equal(serving, up)
			})
			for n := range uint64(len(up)) {
				if err := put(n); err != nil {
					rt.Fatalf("an operation at a host that serves: %v", err)
				}
			}
		}
	})
	evil.learnsNothing(t)
}

// A host that is new in a view is challenged before those that failed earlier, however many they are.
func TestNewHostsAreChallengedFirst(t *testing.T) {
	silent := make([]net.Listener, 4*reachCalls)
	view := &ring.View{Bits: 32, Replicas: 3}
	for i := range silent {
		silent[i] = loopbackListener(t)
		defer silent[i].Close()
		named(view, silent[i].Addr().String())
	}
	var seen atomic.Pointer[ring.View]
	seen.Store(view)
	fleet := New(seen.Load, strongToken, nil)
	defer fleet.Close(t.Context())
	fleet.Prove(t.Context()) // all fail
	honest := remoteHostAs(t, "", strongToken)
	if _, err := honest.Start(1); err != nil {
		t.Fatal(err)
	}
	polltest.Until(t, "one member", func() bool { return honest.Members()[0].Status() == chordevent.StatusActive })
	grown := viewOf(honest)
	grown.Members = append(grown.Members, view.Members...)
	seen.Store(grown)
	ctx, cancel := context.WithTimeout(t.Context(), reachOne) // the time of the first
	defer cancel()
	fleet.Prove(ctx)
	if c, ok := deploy.PickClient(fleet, 0, deploy.Host.Serves); !ok || c.(hostClient).address != honest.Address() {
		t.Errorf("it is not used: %v, %v", c, ok)
	}
}
