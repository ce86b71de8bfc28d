package access_test

import (
	"net"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"chordconductor/internal/certtest"
	"chordconductor/node/env/access"
	"chordconductor/node/nodepb"
)

// A client's flags, in all combinations: they are refused exactly if a host would go unverified, a token would be sent
// without TLS or serve two purposes, or two flags exclude each other.
func TestClientSettings(t *testing.T) {
	authority := certtest.New(t)
	files := authority.Issue("alice")
	secrets, err := access.ParseRingSecrets("--ring-secret", secretA)
	if err != nil {
		t.Fatal(err)
	}
	pin, err := secrets[0].Pin()
	if err != nil {
		t.Fatal(err)
	}
	names := access.FlagNames{Cert: "--tls-cert", Key: "--tls-key", CA: "--tls-ca", Pin: "--server-pin", RingSecret: "--ring-secret", Token: "--client-token"}
	for choice := range 1 << 6 {
		has := func(i int) bool { return choice>>i&1 == 1 }
		s := access.ClientSettings{Names: names}
		if has(0) {
			s.CertFile = files.Cert
		}
		if has(1) {
			s.KeyFile = files.Key
		}
		if has(2) {
			s.CAFile = authority.File
		}
		if has(3) {
			s.ServerPin = pin.String()
		}
		if has(4) {
			s.RingSecret = secretA
		}
		if has(5) {
			s.Token = token
		}
		cert, verifies := has(0), has(2) || has(3) || has(4)
		bad := has(0) != has(1) || cert && !has(2) && !has(3) || has(4) && (cert || has(2)) || has(5) && !verifies
		c, err := access.NewClient(s)
		if (err != nil) != bad {
			t.Errorf("%+v: %v", s, err)
		}
		if err != nil {
			oneLine(t, err)
		} else if c.Plain() == verifies {
			t.Errorf("%+v: plain %v", s, c.Plain())
		}
	}
	for name, test := range map[string]struct {
		s    access.ClientSettings
		want string
	}{
		"the token is the secret": {access.ClientSettings{RingSecret: secretA, Token: secretA}, "is the ring secret"},
		"a weak token":            {access.ClientSettings{ServerPin: pin.String(), Token: "tide"}, "got at most 18"},
		"a weak secret":           {access.ClientSettings{RingSecret: "tide"}, "got at most 18"},
		"no pin":                  {access.ClientSettings{ServerPin: secretA}, "--server-pin: pin 1"},
		"no such file":            {access.ClientSettings{CAFile: "/no/such.pem"}, "/no/such.pem"},
		"no certificate":          {access.ClientSettings{CAFile: files.Key}, "no certificate"},
	} {
		test.s.Names = names
		if _, err := access.NewClient(test.s); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		} else {
			oneLine(t, err)
		}
	}
}

// The client token is sent with calls of KV, with all of them, and with no others.
func TestTokenIsForKVAlone(t *testing.T) {
	h, err := access.NewHost(access.Settings{RingSecret: secretA}, "127.0.0.1:7001")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var sent []string
	server := grpc.NewServer(grpc.Creds(h.ServerCredentials()), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		md, _ := metadata.FromIncomingContext(stream.Context())
		mu.Lock()
		defer mu.Unlock()
		sent = md.Get("authorization")
		return status.Error(codes.Unimplemented, "")
	}))
	defer server.Stop()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(l)
	pin, _ := h.Pin()
	c, err := access.NewClient(access.ClientSettings{ServerPin: pin.String(), Token: token})
	if err != nil {
		t.Fatal(err)
	}
	cc, err := grpc.NewClient("passthrough:///"+l.Addr().String(), append(c.DialOptions(), grpc.WithNoProxy())...)
	if err != nil {
		t.Fatal(err)
	}
	defer cc.Close()
	for _, m := range methods(t) {
		if err := cc.Invoke(credential{}.context(t), "/"+m.service+"/"+m.name, m.request("127.0.0.1:7001"), new(empty)); status.Code(err) != codes.Unimplemented {
			t.Fatalf("%s/%s: %v", m.service, m.name, err)
		}
		mu.Lock()
		if isKV := m.service == nodepb.KV_ServiceDesc.ServiceName; isKV != (len(sent) == 1 && sent[0] == "Bearer "+token) || !isKV && len(sent) > 0 {
			t.Errorf("%s/%s: the header is %q", m.service, m.name, sent)
		}
		mu.Unlock()
	}
}
