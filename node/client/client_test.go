package client_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"

	"chordconductor/internal/certtest"
	"chordconductor/internal/freeport"
	"chordconductor/node/client"
	"chordconductor/node/env/access"
	"chordconductor/node/env/grpcenv"
	"chordconductor/node/nodepb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A store is a key service that stores the bytes that it receives. While err is set every call
// fails with it.
type store struct {
	nodepb.UnimplementedRingServer
	nodepb.UnimplementedKeysServer
	nodepb.UnimplementedKVServer

	mu     sync.Mutex
	err    error
	values map[string][]byte
	last   *nodepb.PutRequest
}

var written = &nodepb.Lookup{Owner: &nodepb.Peer{Address: "192.0.2.1:7001"}}

func (s *store) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *store) Put(_ context.Context, q *nodepb.PutRequest) (*nodepb.PutResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values == nil {
		s.values = map[string][]byte{}
	}
	s.last, s.values[string(q.Key)] = q, q.Value
	return &nodepb.PutResponse{Lookup: written, Copies: 3, Version: 7}, s.err
}

func (s *store) Get(_ context.Context, q *nodepb.GetRequest) (*nodepb.GetResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if value, there := s.values[string(q.Key)]; there || s.err != nil {
		return &nodepb.GetResponse{Lookup: written, Value: value}, s.err
	}
	return nil, status.Error(codes.NotFound, "no such key")
}

func (s *store) Delete(_ context.Context, q *nodepb.DeleteRequest) (*nodepb.DeleteResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.values, string(q.Key))
	return &nodepb.DeleteResponse{Lookup: written, Copies: 2, Version: 8}, s.err
}

func (s *store) Lookup(context.Context, *nodepb.LookupRequest) (*nodepb.LookupResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &nodepb.LookupResponse{Lookup: written}, s.err
}

// serve serves a store with a host's access rules, and returns its address.
func serve(t *testing.T, s *store, settings access.Settings) string {
	t.Helper()
	h, err := access.NewHost(settings, "127.0.0.1:7001")
	if err != nil {
		t.Fatal(err)
	}
	e, err := grpcenv.Listen(grpcenv.Options{Listen: "127.0.0.1:0", Access: h})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	e.Serve(s, s, nil, func(r grpc.ServiceRegistrar) { nodepb.RegisterKVServer(r, s) })
	return e.Address()
}

func connect(t *testing.T, cfg client.Config) *client.Client {
	t.Helper()
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// operations calls each operation once.
func operations(ctx context.Context, k client.Keys) map[string]error {
	_, put := k.Put(ctx, []byte("tide"), []byte("high"), 0)
	_, get := k.Get(ctx, []byte("tide"))
	_, del := k.Delete(ctx, []byte("tide"))
	_, lookup := k.Lookup(ctx, []byte("tide"))
	return map[string]error{"put": put, "get": get, "delete": del, "lookup": lookup}
}

var kinds = map[codes.Code]error{
	codes.NotFound: client.ErrNotFound, codes.InvalidArgument: client.ErrInvalid, codes.ResourceExhausted: client.ErrExhausted,
	codes.Unavailable: client.ErrUnavailable, codes.Unauthenticated: client.ErrUnauthenticated,
	codes.DeadlineExceeded: context.DeadlineExceeded, codes.Canceled: context.Canceled,
}

// Whatever error a host answers with, every operation returns it as an *Error of one line, which
// errors.Is matches with the kind of its code and no other. Over a connection the line begins with
// the host's address.
func TestErrors(t *testing.T) {
	s := &store{}
	addr := serve(t, s, access.Settings{})
	c := connect(t, client.Config{Address: addr})
	rapid.Check(t, func(t *rapid.T) {
		code := codes.Code(rapid.IntRange(1, 16).Draw(t, "code"))
		s.fail(status.Error(code, rapid.StringOf(rapid.SampledFrom([]rune("ab :\n\r\t\"="))).Draw(t, "text")))
		for where, keys := range map[string]client.Keys{addr + ": ": c.Keys, "": client.InProcess(s)} {
			for name, err := range operations(t.Context(), keys) {
				e := &client.Error{}
				if !errors.As(err, &e) || e.Code != code || status.Code(err) != code || strings.ContainsAny(err.Error(), "\n\r") || !strings.HasPrefix(err.Error(), where) {
					t.Fatalf("%s: %v", name, err)
				}
				for other, kind := range kinds {
					if errors.Is(err, kind) != (other == code) {
						t.Fatalf("%s: %v (%v): is %v: %v", name, err, code, kind, other != code)
					}
				}
			}
		}
	})
}

func TestOperations(t *testing.T) {
	s := &store{}
	c := connect(t, client.Config{Address: serve(t, s, access.Settings{})})
	for name, keys := range map[string]client.Keys{"remote": c.Keys, "in process": client.InProcess(s)} {
		if _, err := keys.Get(t.Context(), []byte("tide")); !errors.Is(err, client.ErrNotFound) {
			t.Errorf("%s: get of no key: %v", name, err)
		}
		for ttl, millis := range map[time.Duration]int64{0: 0, 1: 1, time.Microsecond: 1, time.Millisecond: 1, 1500 * time.Microsecond: 1, time.Minute: 60_000, -time.Second: -1000} {
			w, err := keys.Put(t.Context(), []byte("tide"), []byte("high"), ttl)
			if want := (client.Written{Owner: "192.0.2.1:7001", Replicas: 3, Version: 7}); err != nil || w != want || s.last.TtlMillis != millis {
				t.Errorf("%s: put with TTL %v: %+v, %v, sent %d ms", name, ttl, w, err, s.last.TtlMillis)
			}
		}
		if value, err := keys.Get(t.Context(), []byte("tide")); err != nil || string(value) != "high" {
			t.Errorf("%s: get: %q, %v", name, value, err)
		}
		if w, err := keys.Delete(t.Context(), []byte("tide")); err != nil || w != (client.Written{Owner: "192.0.2.1:7001", Replicas: 2, Version: 8}) {
			t.Errorf("%s: delete: %+v, %v", name, w, err)
		}
		if l, err := keys.Lookup(t.Context(), []byte("tide")); err != nil || l.GetOwner().GetAddress() != "192.0.2.1:7001" {
			t.Errorf("%s: lookup: %v, %v", name, l, err)
		}
	}
	if a, err := grpc_health_v1.NewHealthClient(c.Conn()).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Errorf("health: %v, %v", a, err)
	}
}

// The caller and the store share no bytes: what one of them changes after an operation does not
// change for the other.
func TestBytesAreTheCallers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &store{}
		keys := client.InProcess(s)
		key, value := rapid.SliceOfN(rapid.Byte(), 1, 10).Draw(t, "key"), rapid.SliceOfN(rapid.Byte(), 0, 10).Draw(t, "value")
		keyWas, valueWas := bytes.Clone(key), bytes.Clone(value)
		if _, err := keys.Put(t.Context(), key, value, 0); err != nil {
			t.Fatal(err)
		}
		spoil := func(b []byte) {
			for i := range b {
				b[i]++
			}
		}
		spoil(value)
		first, err := keys.Get(t.Context(), key)
		if err != nil || !bytes.Equal(first, valueWas) {
			t.Fatalf("after a change of the value that was put: %x, %v; want %x", first, err, valueWas)
		}
		spoil(first)
		spoil(key)
		if string(s.last.Key) != string(keyWas) {
			t.Fatalf("the store's key was %x, and is %x", keyWas, s.last.Key)
		}
		if again, err := keys.Get(t.Context(), keyWas); err != nil || !bytes.Equal(again, valueWas) {
			t.Fatalf("after a change of a value that was read: %x, %v; want %x", again, err, valueWas)
		}
	})
}

const secret, token = "3f9c1d7e5b8a2046c7d1e09f5a6b8c43", "a-client-token-of-some-length"

// Each kind of credential of a client works with the hosts that accept this kind, and with no
// others.
func TestCredentials(t *testing.T) {
	authority := certtest.New(t)
	host, person := authority.Issue("host", "127.0.0.1"), authority.Issue("alice")
	pins, err := access.ParseRingSecrets("", secret)
	if err != nil {
		t.Fatal(err)
	}
	pin, err := access.Pins(pins)
	if err != nil {
		t.Fatal(err)
	}
	right, wrong := pin[0].String(), "sha256:"+strings.Repeat("0", 64)
	settings := map[string]access.Settings{
		"plain":        {},
		"secret":       {RingSecret: secret, ClientToken: token},
		"certificates": {CertFile: host.Cert, KeyFile: host.Key, CAFile: authority.File, ClientToken: token},
	}
	const refused, unreachable = "refused", "unreachable" // otherwise it works
	for name, test := range map[string]struct {
		cfg  client.Config
		want map[string]string
	}{
		"none":             {client.Config{}, map[string]string{"secret": unreachable, "certificates": unreachable}},
		"pin":              {client.Config{ServerPin: right}, map[string]string{"plain": unreachable, "secret": refused, "certificates": unreachable}},
		"pin, token":       {client.Config{ServerPin: right, Token: token}, map[string]string{"plain": unreachable, "certificates": unreachable}},
		"wrong pin, token": {client.Config{ServerPin: wrong, Token: token}, map[string]string{"plain": unreachable, "secret": unreachable, "certificates": unreachable}},
		"two pins, token":  {client.Config{ServerPin: wrong + "," + right, Token: token}, map[string]string{"plain": unreachable, "certificates": unreachable}},
		"secret":           {client.Config{RingSecret: secret}, map[string]string{"plain": unreachable, "certificates": unreachable}},
		"authority":        {client.Config{CAFile: authority.File}, map[string]string{"plain": unreachable, "secret": unreachable, "certificates": refused}},
		"authority, token": {client.Config{CAFile: authority.File, Token: token}, map[string]string{"plain": unreachable, "secret": unreachable}},
		"certificate":      {client.Config{CAFile: authority.File, CertFile: person.Cert, KeyFile: person.Key}, map[string]string{"plain": unreachable, "secret": unreachable}},
	} {
		for mode, s := range settings {
			cfg := test.cfg
			cfg.Address = serve(t, &store{}, s)
			c := connect(t, cfg)
			for operation, err := range operations(t.Context(), c.Keys) {
				got := ""
				switch {
				case errors.Is(err, client.ErrUnavailable):
					got = unreachable
				case errors.Is(err, client.ErrUnauthenticated):
					got = refused
				case errors.Is(err, client.ErrNotFound) && operation == "get":
				case err != nil:
					got = err.Error()
				}
				if got != test.want[mode] && !(operation == "get" && got == "") {
					t.Errorf("client with %s, host with %s: %s: %v; want %q", name, mode, operation, err, test.want[mode])
				}
				if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), token)) {
					t.Errorf("an error shows a secret: %v", err)
				}
			}
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	for want, cfg := range map[string]client.Config{
		`Address "": expected HOST:PORT`:            {},
		`Address "7001": expected`:                  {Address: "7001"},
		`Address ":7001": names no host`:            {Address: ":7001"},
		`Address "a:0": "0" is not a port`:          {Address: "a:0"},
		"CertFile and KeyFile must be set together": {Address: "a:1", CertFile: "x"},
		"RingSecret and CAFile exclude":             {Address: "a:1", RingSecret: secret, CAFile: "x"},
		"ServerPin: pin 1":                          {Address: "a:1", ServerPin: "x"},
		"Token is sent only over TLS":               {Address: "a:1", Token: token},
		"no/such.pem":                               {Address: "a:1", CAFile: "no/such.pem"},
		"--client-token is the ring secret":         {Address: "a:1", RingSecret: secret, Token: secret, Names: client.Names{Token: "--client-token"}},
	} {
		if c, err := client.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s, got %v, %v", want, c, err)
		}
	}
}

// For a host that cannot be reached the error contains the system's text; for a silent host it is
// the deadline; for a caller that no longer waits, the cancellation.
func TestUnreachable(t *testing.T) {
	unused := freeport.Address(t)
	_, err := connect(t, client.Config{Address: unused}).Get(t.Context(), []byte("tide"))
	if !errors.Is(err, client.ErrUnavailable) || !strings.Contains(err.Error(), "connection refused") || strings.Contains(err.Error(), "desc =") {
		t.Errorf("nothing listens: %v", err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c := connect(t, client.Config{Address: silent.Addr().String()})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Get(ctx, []byte("tide")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a silent host: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := c.Get(ctx, []byte("tide")); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that has given up: %v", err)
	}
	tls := serve(t, &store{}, access.Settings{RingSecret: secret})
	if _, err := connect(t, client.Config{Address: tls}).Get(t.Context(), []byte("tide")); err == nil || !strings.Contains(err.Error(), "give ServerPin, CAFile or RingSecret") {
		t.Errorf("a host with TLS: %v", err)
	}
}
