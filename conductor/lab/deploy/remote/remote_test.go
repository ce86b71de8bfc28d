package remote

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/conductor/lab/controller"
	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/judge"
	"chordconductor/conductor/lab/judge/groundtruth"
	"chordconductor/conductor/lab/run"
	"chordconductor/conductor/ring"
	"chordconductor/internal/polltest"
	"chordconductor/node/chord"
	faultlayer "chordconductor/node/env/faults"
	"chordconductor/node/env/grpcenv"
	"chordconductor/node/member"
	"chordconductor/node/nodepb"
	"chordconductor/node/service"
	"chordconductor/otel/chordevent"
)

const controlToken = "t0ken"

// remoteHost is a real node host on a loopback port, as the node program makes it.
func remoteHost(t *testing.T, join ...string) *member.Host {
	t.Helper()
	return remoteHostAs(t, "", controlToken, join...)
}

// remoteHostAs is like remoteHost, with an address that the host advertises (empty: the one listened on), and a token.
func remoteHostAs(t *testing.T, advertised, token string, join ...string) *member.Host {
	t.Helper()
	h, _ := remoteHostBehind(t, advertised, token, join...)
	return h
}

// remoteHostBehind also returns the address listened on.
func remoteHostBehind(t *testing.T, advertised, token string, join ...string) (*member.Host, string) {
	t.Helper()
	e, err := grpcenv.Listen(grpcenv.Options{Listen: "127.0.0.1:0", Advertise: advertised})
	if err != nil {
		t.Fatal(err)
	}
	layer := faultlayer.New(e, e.Address())
	h, err := member.NewHost(member.Config{Join: join, Bits: 32, Successors: 2, Stabilize: 50 * time.Millisecond}, e.Address(), layer, member.Telemetry{})
	if err != nil {
		t.Fatal(err)
	}
	e.Serve(h, h, layer.Serve, func(s grpc.ServiceRegistrar) {
		nodepb.RegisterKVServer(s, service.NewKV(h, "test"))
		nodepb.RegisterHostServer(s, service.NewControl(h, e, layer, nil, token))
	})
	t.Cleanup(func() {
		h.Crash()
		e.Close()
	})
	return h, e.Listening()
}

// viewOf returns the view that the hosts' telemetry would give.
func viewOf(hosts ...*member.Host) *ring.View {
	v := &ring.View{Bits: 32, Replicas: 3}
	for _, h := range hosts {
		for _, m := range h.Members() {
			status := ring.Active
			if m.Status() == chordevent.StatusJoining {
				status = ring.Joining
			}
			v.Members = append(v.Members, &ring.Member{
				ID: m.Self().ID, Incarnation: m.Self().Incarnation, Status: status, Host: chordevent.Host{ID: "h@" + h.Address(), Address: h.Address()},
			})
		}
	}
	slices.SortFunc(v.Members, func(a, b *ring.Member) int { return a.ID.Compare(b.ID) })
	return v
}

// Remote hosts are found, commanded and used at the addresses in the view.
func TestRemoteFleet(t *testing.T) {
	a := remoteHost(t)
	b := remoteHost(t, a.Address())
	for _, h := range []*member.Host{a, b} {
		if _, err := h.Start(2); err != nil {
			t.Fatal(err)
		}
	}
	polltest.Until(t, "four members", func() bool {
		return !slices.ContainsFunc(append(slices.Clone(a.Members()), b.Members()...), func(m *member.Member) bool { return m.Status() != chordevent.StatusActive })
	})
	var view atomic.Pointer[ring.View]
	view.Store(viewOf(a, b))
	fleet := New(view.Load, controlToken, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	defer fleet.Close(ctx)

	if all, joined := deploy.CountMembers(fleet.Hosts()); len(fleet.Hosts()) != 2 || all != 4 || joined != 4 || fleet.Replicas() != 3 {
		t.Fatalf("hosts %+v", fleet.Hosts())
	}
	ids, err := fleet.Start(ctx, 3, "")
	if err != nil || len(ids) != 3 || len(a.Members())+len(b.Members()) != 7 {
		t.Fatalf("start: %v %v", ids, err)
	}
	if ids, err := fleet.Start(ctx, 1, "h@"+b.Address()); err != nil || b.Member(ids[0]) == nil {
		t.Errorf("start on a host by its ID: %v %v", ids, err)
	}
	if _, err := fleet.Start(ctx, 1, "nowhere:1"); !errors.Is(err, deploy.ErrUnknown) {
		t.Errorf("start nowhere: %v", err)
	}

	truth := groundtruth.Source(fleet, true)(ctx)
	for _, h := range []*member.Host{a, b} {
		for _, m := range h.Members() {
			id := m.Self().ID
			polltest.Until(t, "the ground truth is the member's pointers", func() bool {
				truth = groundtruth.Source(fleet, true)(ctx)
				s := m.State()
				return m.Status() == chordevent.StatusActive && reflect.DeepEqual(truth[id], groundtruth.Of(s)) && len(truth[id].Successors) == 2
			})
		}
	}
	if len(truth) != 8 {
		t.Errorf("%d members in the ground truth", len(truth))
	}

	victim := a.Members()[0].Self().ID
	if err := fleet.Stop(ctx, victim, deploy.Crash); err != nil || a.Member(victim) != nil {
		t.Errorf("crash: %v", err)
	}
	if all, _ := deploy.CountMembers(fleet.Hosts()); all != 3 { // the view is older
		t.Errorf("%d members after the crash of one of four", all)
	}
	if err := fleet.Stop(ctx, chord.ID{19: 1}, deploy.Crash); !errors.Is(err, deploy.ErrUnknown) {
		t.Errorf("crash of an unknown member: %v", err)
	}

	client := fleet.Client(b.Address())
	if _, err := client.Put(ctx, &nodepb.PutRequest{Key: []byte("k"), Value: []byte("v")}); err != nil {
		t.Errorf("put: %v", err)
	}
	if got, err := client.Get(ctx, &nodepb.GetRequest{Key: []byte("k")}); err != nil || string(got.GetValue()) != "v" {
		t.Errorf("get: %v %v", got, err)
	}
	if _, err := client.Get(ctx, &nodepb.GetRequest{Key: []byte("nothing")}); status.Code(err) != codes.NotFound || !strings.Contains(err.Error(), b.Address()) {
		t.Errorf("get of nothing: %v", err)
	}
	if _, err := client.Lookup(ctx, &nodepb.LookupRequest{Key: []byte("k")}); err != nil {
		t.Errorf("lookup: %v", err)
	}
	if err := fleet.SetFaults(ctx, b.Address(), &nodepb.SetFaultsRequest{Faults: []*nodepb.Fault{{Address: a.Address(), Cut: true}}}); err != nil {
		t.Errorf("faults: %v", err)
	}
	if err := fleet.SetFaults(ctx, b.Address(), &nodepb.SetFaultsRequest{}); err != nil {
		t.Errorf("healing: %v", err)
	}

	wrong := New(view.Load, "wrong", nil)
	defer wrong.Close(ctx)
	if err := wrong.SetFaults(ctx, b.Address(), &nodepb.SetFaultsRequest{}); !errors.Is(err, deploy.ErrUnavailable) || !strings.Contains(err.Error(), "did not prove that it holds the conductor's token") {
		t.Errorf("a wrong token: %v", err)
	}

	if err := fleet.SetFaults(ctx, a.Address(), &nodepb.SetFaultsRequest{Paused: true}); err != nil {
		t.Errorf("pause: %v", err)
	}
	view.Store(viewOf(b)) // host a is taken for dead
	if all, _ := deploy.CountMembers(fleet.Hosts()); all != len(b.Members()) {
		t.Errorf("%d members of %d", all, len(b.Members()))
	}
	if err := fleet.SetFaults(ctx, a.Address(), &nodepb.SetFaultsRequest{}); err != nil {
		t.Errorf("ending the pause of a host that is not in the view: %v", err)
	}
	if err := fleet.SetFaults(ctx, a.Address(), &nodepb.SetFaultsRequest{}); !errors.Is(err, deploy.ErrUnknown) {
		t.Errorf("ending it again: %v", err)
	}
	if fleet.Client(a.Address()) != nil || len(fleet.Hosts()) != 1 {
		t.Error("a host that is no longer in the view is used")
	}
	if n := len(fleet.conns); n != 1 {
		t.Errorf("%d connections to one host", n)
	}
}

// TestUnreachableHostsArePassedOver: hosts that only telemetry names, at addresses where none listens or where no proof
// is given, do not keep commands from the others; the members are started on those others.
func TestUnreachableHostsArePassedOver(t *testing.T) {
	good := remoteHost(t)
	if _, err := good.Start(1); err != nil {
		t.Fatal(err)
	}
	polltest.Until(t, "one member", func() bool { return good.Members()[0].Status() == chordevent.StatusActive })
	impostor, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer() // lets connections in, and proves nothing
	go server.Serve(impostor)
	defer server.Stop()
	view := viewOf(good)
	for i, address := range []string{"127.0.0.1:1", impostor.Addr().String()} {
		view.Members = append(view.Members, &ring.Member{ID: chord.ID{byte(i)}, Incarnation: 1, Status: ring.Active, Host: chordevent.Host{ID: "gone", Address: address}})
	}
	fleet := New(func() *ring.View { return view }, controlToken, nil)
	defer fleet.Close(t.Context())
	if ids, err := fleet.Start(t.Context(), 4, ""); err != nil || len(ids) != 4 || len(good.Members()) != 5 {
		t.Errorf("%v, %v", ids, err)
	}
	l := controller.New(controller.Config{Sources: run.Sources{View: func() *ring.View { return view }, Watch: judge.NewWatch()}, Remote: fleet})
	defer l.Close(t.Context())
	if _, err := l.Put(t.Context(), []byte("k"), []byte("v"), 0); err != nil { // none is sent its key either
		t.Errorf("put: %v", err)
	}
	for range 20 {
		if got, err := l.Get(t.Context(), []byte("k")); err != nil || string(got.Value) != "v" {
			t.Errorf("get: %v, %v", got, err)
		}
		if _, err := l.Lookup(t.Context(), []byte("k"), nil, ""); err != nil {
			t.Errorf("lookup: %v", err)
		}
	}
	without := *view
	without.Members = slices.DeleteFunc(slices.Clone(view.Members), func(m *ring.Member) bool { return m.Host.Address == good.Address() })
	none := New(func() *ring.View { return &without }, controlToken, nil)
	defer none.Close(t.Context())
	if ids, err := none.Start(t.Context(), 4, ""); err == nil || strings.Count(err.Error(), "host 127.0.0.1:1:") != 1 || len(ids) != 0 {
		t.Errorf("no host is there: %v, %v", ids, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if ids, err := none.Start(ended, 4, ""); err == nil {
		t.Errorf("nothing was asked: %v", ids)
	}
	for _, h := range none.Hosts() {
		_, err := none.Client(h.Address).Get(t.Context(), &nodepb.GetRequest{Key: []byte("k")})
		if text := status.Convert(err).Message(); !strings.HasPrefix(text, "host "+h.Address) || strings.Count(text, "host "+h.Address) != 1 {
			t.Errorf("a host that is not there: %q", text)
		}
	}
}

// TestManyNamedHosts: hundreds of addresses at which connections are accepted and nothing is answered do not keep
// commands from a host that has proven that it holds the token. Only a few of them are connected to at a time, and no
// connection to them stays.
func TestManyNamedHosts(t *testing.T) {
	good := remoteHost(t)
	if _, err := good.Start(1); err != nil {
		t.Fatal(err)
	}
	polltest.Until(t, "one member", func() bool { return good.Members()[0].Status() == chordevent.StatusActive })
	var open, most atomic.Int32
	var ended sync.WaitGroup
	view := viewOf(good)
	for i := range 300 {
		silent, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		address := silent.Addr().String()
		view.Members = append(view.Members, &ring.Member{ID: chord.ID{1, byte(i >> 8), byte(i)}, Incarnation: 1, Status: ring.Active, Host: chordevent.Host{ID: address, Address: address}})
		go func() {
			for {
				c, err := silent.Accept()
				if err != nil {
					return
				}
				now := open.Add(1)
				for was := most.Load(); now > was && !most.CompareAndSwap(was, now); was = most.Load() {
				}
				ended.Go(func() {
					_, _ = io.Copy(io.Discard, c)
					open.Add(-1)
					c.Close()
				})
			}
		}()
	}
	fleet := New(func() *ring.View { return view }, controlToken, nil)
	defer fleet.Close(t.Context())
	if _, err := fleet.Start(t.Context(), 1, good.Address()); err != nil { // it proves itself
		t.Fatal(err)
	}
	if ids, err := fleet.Start(t.Context(), 2, ""); err != nil || len(ids) != 2 {
		t.Errorf("%v, %v", ids, err)
	}
	fleet.mu.Lock()
	left := slices.Collect(maps.Keys(fleet.conns))
	fleet.mu.Unlock()
	if !slices.Equal(left, []string{good.Address()}) {
		t.Errorf("%d connections are left, want one to %s", len(left), good.Address())
	}
	polltest.Until(t, "no connection to the others", func() bool { return open.Load() == 0 })
	ended.Wait()
	if n := most.Load(); n == 0 || n > 2*reachCalls { // one that is closed may be seen open for a moment
		t.Errorf("%d hosts were connected to at once, want some %d", n, reachCalls)
	}
}
