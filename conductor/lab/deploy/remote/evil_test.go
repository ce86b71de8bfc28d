package remote

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/judge/groundtruth"
	"chordconductor/conductor/ring"
	"chordconductor/internal/cutproxy"
	"chordconductor/internal/polltest"
	"chordconductor/node/chord"
	"chordconductor/node/hostauth"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

const (
	strongToken = "4f9c2b7d1e8a6035c7d2e9b1f4a80c36"
	secretKey   = "a key that is private"
	secretValue = "a value that is private"
)

// An evilHost is an HTTP/2 server that any sender of telemetry can make the conductor call. It keeps everything that is
// sent to it.
type evilHost struct {
	address string
	mu      sync.Mutex
	paths   map[string]int // guarded by mu
	seen    bytes.Buffer   // guarded by mu: headers and bodies
}

// A reply is an evil host's answer to a challenge: a gRPC status and a message; nil: none.
type reply func(*nodepb.ChallengeRequest) (status string, message []byte)

func newEvilHost(t *testing.T, listener net.Listener, answer reply) *evilHost {
	t.Helper()
	e := &evilHost{address: listener.Addr().String(), paths: make(map[string]int)}
	server := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20)) // a client that disconnected has sent no more
		e.mu.Lock()
		e.paths[r.URL.Path]++
		fmt.Fprintf(&e.seen, "%s %v\n%s\n", r.URL, r.Header, body)
		e.mu.Unlock()
		q := new(nodepb.ChallengeRequest)
		if len(body) > 5 {
			_ = proto.Unmarshal(body[5:], q)
		}
		status, message := answer(q)
		if status == "" {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		w.WriteHeader(http.StatusOK)
		if message != nil {
			frame := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
			_, _ = w.Write(append(frame, message...))
		}
		w.Header().Set("Grpc-Status", status)
	})}
	server.Protocols.SetUnencryptedHTTP2(true)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // until it is closed
	}()
	t.Cleanup(func() {
		server.Close()
		<-served
	})
	return e
}

func loopbackListener(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// learnsNothing fails the test if an evil host was sent more than challenges.
func (e *evilHost) learnsNothing(t *testing.T) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for path := range e.paths {
		if path != nodepb.Host_Challenge_FullMethodName {
			t.Errorf("it was called at %s", path)
		}
	}
	for _, secret := range []string{strongToken, secretKey, secretValue, "uthorization", "earer"} {
		if strings.Contains(e.seen.String(), secret) {
			t.Errorf("it has seen %q: %q", secret, e.seen.String())
		}
	}
}

// pretended returns a view that names hosts at addresses, as the telemetry of any sender may.
func pretended(addresses ...string) *ring.View {
	v := &ring.View{Bits: 32, Replicas: 3}
	for i, address := range addresses {
		v.Members = append(v.Members, &ring.Member{
			ID: chord.ID{19: byte(i + 1)}, Incarnation: 1, Status: ring.Active, Host: chordevent.Host{ID: "evil", Address: address},
		})
	}
	return v
}

// everything gives a host each command that a fleet has. It returns the errors by the name of the command.
func everything(ctx context.Context, f *Fleet, address string, id chord.ID) map[string]error {
	errs := make(map[string]error)
	try := func(what string, err error) { errs[what] = err }
	_, err := f.Start(ctx, 1, address)
	try("start", err)
	try("crash", f.Stop(ctx, id, deploy.Crash))
	try("leave", f.Stop(ctx, id, deploy.Leave))
	try("faults", f.SetFaults(ctx, address, &nodepb.SetFaultsRequest{Paused: true}))
	try("end of faults", f.SetFaults(ctx, address, &nodepb.SetFaultsRequest{}))
	c := f.Client(address)
	if c == nil {
		try("client", errors.New("none"))
		return errs
	}
	_, err = c.Put(ctx, &nodepb.PutRequest{Key: []byte(secretKey), Value: []byte(secretValue)})
	try("put", err)
	_, err = c.Get(ctx, &nodepb.GetRequest{Key: []byte(secretKey)})
	try("get", err)
	_, err = c.Delete(ctx, &nodepb.DeleteRequest{Key: []byte(secretKey)})
	try("delete", err)
	_, err = c.Lookup(ctx, &nodepb.LookupRequest{Key: []byte(secretKey)})
	try("lookup", err)
	return errs
}

// A host that telemetry names and that does not hold the token is sent only a challenge, whatever it answers.
func TestEvilHost(t *testing.T) {
	honest := remoteHostAs(t, "", strongToken)
	if _, err := honest.Start(1); err != nil {
		t.Fatal(err)
	}
	honestConn, err := grpc.NewClient("passthrough:///"+honest.Address(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer honestConn.Close()
	relay := func(q *nodepb.ChallengeRequest) (string, []byte) {
		a, err := nodepb.NewHostClient(honestConn).Challenge(context.Background(), q)
		if err != nil {
			return "16", nil
		}
		return "0", encoded(t, a)
	}
	ended := make(chan struct{})
	defer close(ended)
	earlier := struct {
		sync.Mutex
		answer []byte
	}{}
	for name, test := range map[string]struct {
		answer reply
		text   string
	}{
		"evilhost.js: status 0, and no message": {func(*nodepb.ChallengeRequest) (string, []byte) { return "0", nil }, "did not prove"},
		"an empty message":                      {func(*nodepb.ChallengeRequest) (string, []byte) { return "0", []byte{} }, "did not prove"},
		"an older version":                      {func(*nodepb.ChallengeRequest) (string, []byte) { return "12", nil }, "update the host"},
		"asks for the token":                    {func(*nodepb.ChallengeRequest) (string, []byte) { return "16", nil }, "did not prove"},
		"not a message":                         {func(*nodepb.ChallengeRequest) (string, []byte) { return "0", []byte("\xff\xffgarbage") }, ""},
		"the nonce for a proof": {func(q *nodepb.ChallengeRequest) (string, []byte) {
			return "0", encoded(t, &nodepb.ChallengeResponse{Nonce: q.Nonce, Instance: "i", Mac: q.Nonce})
		}, "did not prove"},
		"another token": {func(q *nodepb.ChallengeRequest) (string, []byte) {
			h := hostauth.NewHost("guessed", q.Address, "i", time.Now, func() uint64 { return 4 })
			nonce, mac, _ := h.Challenge(q.Nonce, q.Address)
			return "0", encoded(t, &nodepb.ChallengeResponse{Nonce: nonce, Instance: "i", Mac: mac})
		}, "did not prove"},
		"relayed to an honest host": {relay, "did not prove"},
		"relayed as if it were the honest host": {func(q *nodepb.ChallengeRequest) (string, []byte) {
			q.Address = honest.Address()
			return relay(q)
		}, "did not prove"},
		"an earlier proof of the honest host": {func(q *nodepb.ChallengeRequest) (string, []byte) {
			earlier.Lock()
			defer earlier.Unlock()
			if earlier.answer == nil {
				q.Address = honest.Address()
				_, earlier.answer = relay(q)
			}
			return "0", earlier.answer
		}, "did not prove"},
		"does not answer": {func(*nodepb.ChallengeRequest) (string, []byte) { <-ended; return "16", nil }, ""},
		"answers at length": {func(*nodepb.ChallengeRequest) (string, []byte) {
			return "0", encoded(t, &nodepb.ChallengeResponse{Instance: strings.Repeat("i", 1<<20)})
		}, "did not prove"},
		"hangs up": {func(*nodepb.ChallengeRequest) (string, []byte) { return "", nil }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			evil := newEvilHost(t, loopbackListener(t), test.answer)
			view := pretended(evil.address)
			fleet := New(func() *ring.View { return view }, strongToken, nil)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			defer fleet.Close(ctx)
			for what, err := range everything(ctx, fleet, evil.address, view.Members[0].ID) {
				if err == nil {
					t.Errorf("%s: it was done", what)
				} else if !strings.Contains(err.Error(), evil.address) || !strings.Contains(err.Error(), test.text) {
					t.Errorf("%s: %v", what, err)
				}
			}
			if truth := groundtruth.Source(fleet, true)(ctx); len(truth) != 0 {
				t.Errorf("its answer is used: %v", truth)
			}
			evil.learnsNothing(t)
			if n := len(honest.Members()); n != 1 {
				t.Errorf("the honest host was commanded: %d members", n)
			}
		})
	}
}

func encoded(t *testing.T, m proto.Message) []byte {
	data, err := proto.Marshal(m)
	if err != nil {
		t.Error(err)
	}
	return data
}

// A host's proof is valid for one connection: a host that takes over the address must give a proof of its own.
func TestProofIsForOneConnection(t *testing.T) {
	front := cutproxy.Listen(t)
	honest, behind := remoteHostBehind(t, front.Address(), strongToken)
	if _, err := honest.Start(1); err != nil {
		t.Fatal(err)
	}
	polltest.Until(t, "the host is on the ring", func() bool {
		return honest.Members()[0].Status() == chordevent.StatusActive && honest.Members()[0].Keys().Ownership().Owns
	})
	evilBehind := loopbackListener(t)
	evil := newEvilHost(t, evilBehind, func(*nodepb.ChallengeRequest) (string, []byte) { return "0", nil })
	front.To(behind)

	view := viewOf(honest)
	fleet := New(func() *ring.View { return view }, strongToken, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	defer fleet.Close(ctx)
	put := func() error {
		_, err := fleet.Client(honest.Address()).Put(ctx, &nodepb.PutRequest{Key: []byte(secretKey), Value: []byte(secretValue)})
		return err
	}
	if err := put(); err != nil {
		t.Fatalf("the honest host: %v", err)
	}
	front.To(evil.address)
	front.Cut()
	for what, err := range everything(ctx, fleet, honest.Address(), view.Members[0].ID) {
		if err == nil {
			t.Errorf("%s at the host that took over the address: it was done", what)
		}
	}
	evil.learnsNothing(t)
	front.To(behind)
	front.Cut()
	polltest.Until(t, "the honest host is used again", func() bool { return put() == nil })
}

// Two conductors with one token command one host at the same time, many commands each.
func TestTwoConductors(t *testing.T) {
	h := remoteHostAs(t, "", strongToken)
	if _, err := h.Start(1); err != nil {
		t.Fatal(err)
	}
	view := viewOf(h)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const each = 20
	var tasks sync.WaitGroup
	for range 2 {
		fleet := New(func() *ring.View { return view }, strongToken, nil)
		defer fleet.Close(ctx)
		for i := range each {
			tasks.Go(func() {
				if i%4 == 0 {
					if _, err := fleet.Start(ctx, 1, ""); err != nil {
						t.Errorf("start: %v", err)
					}
				}
				if err := fleet.SetFaults(ctx, h.Address(), &nodepb.SetFaultsRequest{}); err != nil {
					t.Errorf("faults: %v", err)
				}
			})
		}
	}
	tasks.Wait()
	if n := len(h.Members()); n != 1+2*each/4 {
		t.Errorf("%d members", n)
	}
}

// Without a token nothing is sent off loopback, and commands to hosts on loopback are sent without a signature.
func TestRemoteWithoutToken(t *testing.T) {
	h := remoteHostAs(t, "", "")
	if _, err := h.Start(1); err != nil {
		t.Fatal(err)
	}
	view := viewOf(h)
	far := pretended("192.0.2.1:7001")
	view.Members = append(view.Members, far.Members...)
	fleet := New(func() *ring.View { return view }, "", nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	defer fleet.Close(ctx)
	if _, err := fleet.Start(ctx, 1, h.Address()); err != nil || len(h.Members()) != 2 {
		t.Errorf("on loopback: %v", err)
	}
	for what, err := range everything(ctx, fleet, "192.0.2.1:7001", far.Members[0].ID) {
		if !errors.Is(err, deploy.ErrUnavailable) || !strings.Contains(err.Error(), "--token") {
			t.Errorf("%s off loopback: %v", what, err)
		}
	}
	if fleet.conns["192.0.2.1:7001"].dialled.Load() {
		t.Error("the host off loopback was called")
	}
	withToken := New(func() *ring.View { return view }, strongToken, nil)
	defer withToken.Close(ctx)
	if _, err := withToken.Start(ctx, 1, h.Address()); !errors.Is(err, deploy.ErrUnavailable) || !strings.Contains(err.Error(), "--control-token") {
		t.Errorf("with a token, at a host without one: %v", err)
	}
}

// The text of an unproven host, with any status and of any length, is truncated where it is quoted.
func TestTextOfAnEvilHostIsCut(t *testing.T) {
	random := rand.New(rand.NewPCG(12, 5))
	for range 40 {
		code, size := 1+random.IntN(16), 1<<random.IntN(20)
		server := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Grpc-Status", strconv.Itoa(code))
			w.Header().Set("Grpc-Message", strings.Repeat("x", size))
		})}
		server.Protocols.SetUnencryptedHTTP2(true)
		l := loopbackListener(t)
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = server.Serve(l) // until it is closed
		}()
		view := pretended(l.Addr().String())
		fleet := New(func() *ring.View { return view }, strongToken, nil)
		err := fleet.Stop(t.Context(), view.Members[0].ID, deploy.Crash)
		if err == nil || len(err.Error()) > 2*maxQuoted {
			t.Errorf("status %d with %d bytes: an error of %d bytes", code, size, len(fmt.Sprint(err)))
		}
		fleet.Close(t.Context())
		server.Close()
		<-served
	}
}

// A leave is not begun at a host that has not proven that it holds the token, however late it answers, or if it never
// does: the error is returned, and not lost in the background.
func TestALeaveBeginsAtProvenHosts(t *testing.T) {
	for _, way := range []deploy.Departure{deploy.Leave, deploy.ForcedLeave} {
		ended := make(chan struct{})
		evil := newEvilHost(t, loopbackListener(t), func(*nodepb.ChallengeRequest) (string, []byte) { <-ended; return "16", nil })
		view := pretended(evil.address)
		fleet := New(func() *ring.View { return view }, strongToken, nil)
		if err := fleet.Stop(t.Context(), view.Members[0].ID, way); err == nil {
			t.Errorf("way %d: it is said to have begun", way)
		}
		close(ended)
		evil.learnsNothing(t)
		fleet.Close(t.Context())
	}
}
