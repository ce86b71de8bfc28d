package access_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"chordconductor/internal/certtest"
	"chordconductor/node/env/access"
	"chordconductor/node/env/exchange"
	"chordconductor/node/env/grpcenv"
	"chordconductor/node/nodepb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// unimplemented implements all services, and answers every call that reaches it with UNIMPLEMENTED.
type unimplemented struct {
	nodepb.UnimplementedRingServer
	nodepb.UnimplementedKeysServer
	nodepb.UnimplementedKVServer
	nodepb.UnimplementedHostServer
}

// refusalLog collects a host's refusals.
type refusalLog struct {
	mu   sync.Mutex
	list []access.Refusal
}

func (l *refusalLog) add(r *access.Refusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, *r)
}

func (l *refusalLog) take() []access.Refusal {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.list
	l.list = nil
	return list
}

// serve starts a host on 127.0.0.1 with all services.
func serve(t *testing.T, s access.Settings, log *refusalLog) *grpcenv.Env {
	t.Helper()
	h, err := access.NewHost(s, "127.0.0.1:7001")
	if err != nil {
		t.Fatal(err)
	}
	e, err := grpcenv.Listen(grpcenv.Options{Listen: "127.0.0.1:0", Access: h, Refused: log.add})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	e.Serve(unimplemented{}, unimplemented{}, nil, func(r grpc.ServiceRegistrar) {
		nodepb.RegisterKVServer(r, unimplemented{})
		nodepb.RegisterHostServer(r, unimplemented{})
	})
	return e
}

// A method is a method of a service, and a request to it.
type method struct {
	service, name string
	request       func(from string) proto.Message
	streamed      bool // called over a stream, as hosts do
}

// callable lists each method of methods, and those of hosts a second time, to be called over a stream.
func callable(t *testing.T) []method {
	all := methods(t)
	for _, m := range all {
		if m.service == nodepb.Ring_ServiceDesc.ServiceName || m.service == nodepb.Keys_ServiceDesc.ServiceName {
			m.streamed = true
			all = append(all, m)
		}
	}
	return all
}

// call calls the method, and returns the answer's status.
func (m method) call(ctx context.Context, cc *grpc.ClientConn, request proto.Message) error {
	full := "/" + m.service + "/" + m.name
	if !m.streamed {
		return cc.Invoke(ctx, full, request, new(empty))
	}
	streams := exchange.NewCaller(func(ctx context.Context) (exchange.Stream, error) { return nodepb.NewExchangeClient(cc).Calls(ctx) }, nil)
	defer streams.Close()
	return streams.Call(ctx, time.Minute, full, request, new(empty), nil)
}

// methods lists every unary method of the services on a host's port, from their descriptors, so that a new one is
// included.
func methods(t *testing.T) (all []method) {
	t.Helper()
	services := map[string]bool{}
	for _, file := range []protoreflect.FileDescriptor{nodepb.File_ring_proto, nodepb.File_keys_proto, nodepb.File_service_proto, grpc_health_v1.File_grpc_health_v1_health_proto} {
		for i := range file.Services().Len() {
			s := file.Services().Get(i)
			services[string(s.FullName())] = true
			for j := range s.Methods().Len() {
				m := s.Methods().Get(j)
				if m.IsStreamingServer() || m.IsStreamingClient() {
					if name := string(s.FullName()); name == nodepb.Ring_ServiceDesc.ServiceName || name == nodepb.Keys_ServiceDesc.ServiceName {
						t.Errorf("%s has streams, whose messages nothing compares with the sender's certificate", name)
					}
					continue
				}
				kind, err := protoregistry.GlobalTypes.FindMessageByName(m.Input().FullName())
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, method{service: string(s.FullName()), name: string(m.Name()), request: func(from string) proto.Message {
					q := kind.New()
					if call := m.Input().Fields().ByName("call"); call != nil {
						q.Set(call, protoreflect.ValueOfMessage((&nodepb.Call{From: member(from)}).ProtoReflect()))
					}
					return q.Interface()
				}})
			}
		}
	}
	if len(services) != 5 || len(all) < 20 {
		t.Fatalf("%d services with %d methods", len(services), len(all))
	}
	return all
}

func member(address string) *nodepb.Peer {
	return &nodepb.Peer{Id: make([]byte, 20), Address: address, Incarnation: 1}
}

// A credential is what a caller presents: TLS or not, and a header.
type credential struct {
	tls    *tls.Config
	bearer string
}

func (c credential) dial(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	creds := insecure.NewCredentials()
	if c.tls != nil {
		creds = credentials.NewTLS(c.tls)
	}
	cc, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(creds), grpc.WithNoProxy())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cc.Close() })
	return cc
}

func (c credential) context(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	if c.bearer != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+c.bearer)
	}
	return ctx
}

// ringCertificate is a certificate with the key that a secret derives: what a host of the ring presents.
func clientTLS(t *testing.T, files *certtest.Files) *tls.Config {
	t.Helper()
	c := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13} // the test is about what a caller presents, not what it trusts
	if files != nil {
		pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
		if err != nil {
			t.Fatal(err)
		}
		// Sent even if the server does not name its authority.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return c
}

// For every kind of host, every credential and every method of every service: which calls are accepted. The table is
// the one in docs/operations.md.
func TestAuthorization(t *testing.T) {
	authority, foreign := certtest.New(t), certtest.New(t)
	host := authority.Issue("host", "127.0.0.1", "localhost")
	other, person := authority.Issue("other host", "127.0.0.2"), authority.Issue("alice")
	forged := foreign.Issue("host", "127.0.0.1", "localhost")
	certs := access.Settings{CertFile: host.Cert, KeyFile: host.Key, CAFile: authority.File}
	with := func(s access.Settings, clientToken string) access.Settings {
		s.ClientToken, s.ControlToken = clientToken, control
		return s
	}
	ring := func(secrets string) access.Settings { return access.Settings{RingSecret: secrets} }

	const peers, kv, host1, health = "Ring Keys", "KV", "Host", "Health"
	const all = peers + " " + kv + " " + host1 + " " + health
	credentialsOf := map[string]credential{
		"no TLS":                           {},
		"no TLS, token":                    {bearer: token},
		"TLS":                              {tls: clientTLS(t, nil)},
		"client token":                     {tls: clientTLS(t, nil), bearer: token},
		"control token":                    {tls: clientTLS(t, nil), bearer: control},
		"ring secret as token":             {tls: clientTLS(t, nil), bearer: secretA},
		"half the token":                   {tls: clientTLS(t, nil), bearer: token[:len(token)/2]},
		"own certificate":                  {tls: clientTLS(t, &host)},
		"other's certificate":              {tls: clientTLS(t, &other)},
		"client certificate":               {tls: clientTLS(t, &person)},
		"untrusted certificate":            {tls: clientTLS(t, &forged)},
		"untrusted certificate with token": {tls: clientTLS(t, &forged), bearer: token},
		"ring key A":                       {tls: ringTLS(t, secretA)},
		"ring key B":                       {tls: ringTLS(t, secretB)},
		"ring key C":                       {tls: ringTLS(t, secretC)},
	}
	// The services that each credential opens; none if it is not named. The caller calls as a member of 127.0.0.1.
	for name, test := range map[string]struct {
		s     access.Settings
		opens map[string]string
	}{
		"plain":    {access.Settings{}, map[string]string{"no TLS": all, "no TLS, token": all}},
		"insecure": {access.Settings{Insecure: true}, map[string]string{"no TLS": all, "no TLS, token": all}},
		"certificates": {certs, map[string]string{
			"own certificate": all, "other's certificate": kv + " Host Health", "client certificate": kv + " Host Health",
		}},
		"certificates and client token": {with(certs, token), map[string]string{
			"own certificate": all, "other's certificate": kv + " Host Health", "client certificate": kv + " Host Health",
			"TLS": health, "client token": kv + " Health", "control token": health, "ring secret as token": health, "half the token": health,
		}},
		"secret": {with(ring(secretA), ""), ringOpens(health+" Host", all, "")},
		"secret and client token": {with(ring(secretA), token),
			ringOpens(health+" Host", all, kv+" Health Host")},
		"two secrets": {with(ring(secretB+","+secretA), token), func() map[string]string {
			o := ringOpens(health+" Host", all, kv+" Health Host")
			o["ring key B"] = all
			return o
		}()},
	} {
		t.Run(name, func(t *testing.T) {
			log := &refusalLog{}
			e := serve(t, test.s, log)
			for name, c := range credentialsOf {
				cc := c.dial(t, e.Address())
				ctx := c.context(t)
				for _, m := range callable(t) {
					log.take()
					err := m.call(ctx, cc, m.request("127.0.0.1:7001"))
					admitted := err == nil || status.Code(err) == codes.Unimplemented
					short := m.service[strings.LastIndex(m.service, ".")+1:]
					if want := contains(strings.Fields(test.opens[name]), short); admitted != want {
						t.Errorf("%s, %s/%s: admitted %v, expected %v: %v", name, short, m.name, admitted, want, err)
					}
					refused := slices.DeleteFunc(log.take(), func(r access.Refusal) bool { // of a second stream before
						return !m.streamed && r.Method == nodepb.Exchange_Calls_FullMethodName
					})
					if got := status.Code(err); (got == codes.Unauthenticated || got == codes.PermissionDenied) != (len(refused) > 0) || !m.streamed && len(refused) > 1 {
						t.Errorf("%s, %s/%s: %v, %d refusals counted", name, short, m.name, err, len(refused))
					}
					for _, r := range refused {
						if r.Speaker != "127.0.0.1" || !strings.Contains(r.Text, "127.0.0.1:") {
							t.Errorf("the refusal does not name the speaker: %+v", r)
						}
						oneLine(t, fmt.Errorf("%s", r.Text))
					}
					if err != nil {
						oneLine(t, err)
					}
				}
			}
		})
	}
}

// ringOpens returns what credentials open at a host with a ring secret A: for any caller that has completed the
// handshake, for peers, and for the bearer of the client token.
func ringOpens(anyTLS, peers, client string) map[string]string {
	opens := map[string]string{"ring key A": peers}
	for _, name := range []string{"TLS", "control token", "ring secret as token", "half the token", "own certificate", "other's certificate", "client certificate", "untrusted certificate", "ring key B", "ring key C"} {
		opens[name] = anyTLS
	}
	for _, name := range []string{"client token", "untrusted certificate with token"} {
		opens[name] = anyTLS
		if client != "" {
			opens[name] = client
		}
	}
	return opens
}

// A caller without credentials is refused before a message is read, whatever its size: the call's headers suffice.
func TestRefusedBeforeReading(t *testing.T) {
	e := serve(t, access.Settings{RingSecret: secretA, ClientToken: token}, &refusalLog{})
	c := credential{tls: clientTLS(t, nil)}
	cc := c.dial(t, e.Address())
	for _, name := range []string{nodepb.KV_Put_FullMethodName, nodepb.Keys_Replicate_FullMethodName, nodepb.Ring_Ping_FullMethodName, "/chord.v1.Unknown/Call"} {
		stream, err := cc.NewStream(c.context(t), &grpc.StreamDesc{}, name)
		if err == nil {
			err = stream.RecvMsg(new(empty)) // nothing has been sent
		}
		if status.Code(err) != codes.Unauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// empty accepts any answer.
type empty = nodepb.StatusRequest

// ringTLS presents the key that a secret derives, as a client with the secret does.
func ringTLS(t *testing.T, secret string) *tls.Config {
	t.Helper()
	pair := access.CertificateForTest(t, secret)
	c := clientTLS(t, nil)
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return c
}

// Streams, and a service that the table does not list, are guarded too.
func TestStreams(t *testing.T) {
	authority := certtest.New(t)
	files := authority.Issue("host", "127.0.0.1")
	for _, s := range []access.Settings{
		{RingSecret: secretA, ClientToken: token},
		{CertFile: files.Cert, KeyFile: files.Key, CAFile: authority.File, ClientToken: token},
	} {
		e := serve(t, s, &refusalLog{})
		c := credential{tls: clientTLS(t, nil), bearer: token}
		cc := c.dial(t, e.Address())
		for name, want := range map[string]codes.Code{
			"/grpc.health.v1.Health/Watch":                                   codes.OK,
			"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo":      codes.Unauthenticated,
			"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": codes.Unauthenticated,
		} {
			ctx, cancel := context.WithCancel(c.context(t))
			stream, err := cc.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, name)
			if err != nil {
				t.Fatal(err)
			}
			// A refused stream accepts no message (io.EOF), and only its end has the reason.
			if err = stream.SendMsg(new(grpc_health_v1.HealthCheckRequest)); err == nil {
				err = stream.CloseSend()
			}
			if err == nil || err == io.EOF {
				err = stream.RecvMsg(new(grpc_health_v1.HealthCheckResponse))
			}
			if status.Code(err) != want {
				t.Errorf("%s with the client token: %v, expected %v", name, err, want)
			}
			cancel()
		}
	}
}
