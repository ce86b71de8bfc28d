package access_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"chordconductor/internal/certtest"
	"chordconductor/node/env"
	"chordconductor/node/env/access"
	"chordconductor/node/env/grpcenv"
	"chordconductor/node/nodepb"
)

// places are the fields in which a message of the peer services makes a statement in the sender's own name.
var places = []struct {
	name    string
	method  string
	request func(from, own *nodepb.Peer) proto.Message
}{
	{"caller", nodepb.Ring_Ping_FullMethodName, func(from, _ *nodepb.Peer) proto.Message {
		return &nodepb.PingRequest{Call: &nodepb.Call{From: from}}
	}},
	{"notifier", nodepb.Ring_Notify_FullMethodName, func(from, _ *nodepb.Peer) proto.Message {
		return &nodepb.NotifyRequest{Call: &nodepb.Call{From: from}}
	}},
	{"leaver", nodepb.Ring_Depart_FullMethodName, func(from, _ *nodepb.Peer) proto.Message {
		return &nodepb.DepartRequest{Call: &nodepb.Call{From: from}}
	}},
	{"owner that answers a lookup", nodepb.Ring_Answer_FullMethodName, func(from, own *nodepb.Peer) proto.Message {
		return &nodepb.AnswerRequest{Call: &nodepb.Call{From: from}, Owner: own}
	}},
	{"owner that replicates", nodepb.Keys_Replicate_FullMethodName, func(from, own *nodepb.Peer) proto.Message {
		return &nodepb.ReplicateRequest{Call: &nodepb.Call{From: from}, Ownership: &nodepb.Ownership{Owner: own}}
	}},
	{"owner that compares", nodepb.Keys_Compare_FullMethodName, func(from, own *nodepb.Peer) proto.Message {
		return &nodepb.CompareRequest{Call: &nodepb.Call{From: from}, Ownership: &nodepb.Ownership{Owner: own}}
	}},
	{"source of a move", nodepb.Keys_Move_FullMethodName, func(from, _ *nodepb.Peer) proto.Message {
		return &nodepb.MoveRequest{Call: &nodepb.Call{From: from}}
	}},
}

// A host's certificate, any names on it, and statements in the name of members of any address: accepted exactly if the
// address is of a name on the certificate; else refused and counted, with the speaker named.
func TestHostsSpeakForThemselves(t *testing.T) {
	authority := certtest.New(t)
	log := &refusalLog{}
	host := authority.Issue("host", "127.0.0.1")
	e := serve(t, access.Settings{CertFile: host.Cert, KeyFile: host.Key, CAFile: authority.File}, log)
	names := []string{"127.0.0.1", "127.0.0.2", "10.0.0.1", "::1", "2001:db8::7", "host-a.example", "host-b.example", "a", "localhost"}
	random := rand.New(rand.NewPCG(3, 4))
	address := func(name string) string {
		if random.IntN(4) == 0 {
			name = strings.ToUpper(name) // names have no case
		}
		return net.JoinHostPort(name, fmt.Sprint(1+random.IntN(65535)))
	}
	malformed := []string{"", ":7001", "127.0.0.1", "host-a.example", "*.example:7001", "host-a.example.:1:2", "[::1", "127.0.0.1:7001,10.0.0.1:7001", "\x00:1", strings.Repeat("a", 300) + ":1"}
	let, kept := 0, 0
	for range 60 {
		var own []string
		for _, name := range names {
			if random.IntN(3) == 0 {
				own = append(own, name)
			}
		}
		files := authority.Issue("speaker", own...)
		cc := credential{tls: clientTLS(t, &files)}.dial(t, e.Address())
		for range 10 {
			pick := func() (p *nodepb.Peer, honest bool) {
				if random.IntN(10) == 0 {
					return member(malformed[random.IntN(len(malformed))]), false
				}
				name := names[random.IntN(len(names))]
				return member(address(name)), contains(own, name)
			}
			place := places[random.IntN(len(places))]
			from, honest := pick()
			owner, honestOwner := pick()
			if random.IntN(2) == 0 {
				owner, honestOwner = nil, true
			}
			if strings.HasPrefix(place.name, "owner") {
				honest = honest && honestOwner
			}
			log.take()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			service, name, _ := strings.Cut(strings.TrimPrefix(place.method, "/"), "/")
			err := method{service: service, name: name, streamed: random.IntN(2) == 0}.call(ctx, cc, place.request(from, owner))
			cancel()
			refused := log.take()
			if honest {
				let++
				if status.Code(err) != codes.Unimplemented || len(refused) != 0 {
					t.Fatalf("%s, a certificate for %v, from %v, owner %v: %v", place.name, own, from, owner, err)
				}
				continue
			}
			kept++
			if status.Code(err) != codes.PermissionDenied || len(refused) != 1 || refused[0].Reason != access.Identity || refused[0].Speaker != "127.0.0.1" {
				t.Fatalf("%s, a certificate for %v, from %v, owner %v: %v, refusals %+v", place.name, own, from, owner, err, refused)
			}
			named := slices.ContainsFunc(own, func(name string) bool { return strings.Contains(refused[0].Text, name) })
			if !named && !strings.Contains(refused[0].Text, `"speaker"`) {
				t.Fatalf("the refusal names neither host nor subject of the certificate: %s", refused[0].Text)
			}
		}
		cc.Close()
	}
	if let < 50 || kept < 200 {
		t.Errorf("only %d let in and %d refused", let, kept)
	}
}

// liar answers calls in another member's name.
type liar struct {
	nodepb.UnimplementedRingServer
	nodepb.UnimplementedKeysServer
	self, owner string
}

func (l *liar) Ping(context.Context, *nodepb.PingRequest) (*nodepb.PingResponse, error) {
	return &nodepb.PingResponse{Reply: &nodepb.Reply{Self: member(l.self)}}, nil
}

func (l *liar) Survey(context.Context, *nodepb.SurveyRequest) (*nodepb.SurveyResponse, error) {
	return &nodepb.SurveyResponse{Reply: &nodepb.Reply{Self: member(l.self)}, Ownership: &nodepb.Ownership{Owner: member(l.owner)}}, nil
}

// An answer in the name of another host's member has no effect.
func TestHostsAnswerForThemselves(t *testing.T) {
	authority := certtest.New(t)
	files := authority.Issue("host", "127.0.0.1", "host-a.example")
	s := access.Settings{CertFile: files.Cert, KeyFile: files.Key, CAFile: authority.File}
	log := &refusalLog{}
	asker := serve(t, s, log)
	for _, test := range []struct {
		self, owner string
		honest      bool
	}{
		{"127.0.0.1:1", "127.0.0.1:1", true},
		{"host-a.example:9", "127.0.0.1:1", true},
		{"127.0.0.2:1", "127.0.0.1:1", false},
		{"127.0.0.1:1", "127.0.0.2:1", false},
		{"", "127.0.0.1:1", false},
		{"127.0.0.1", "127.0.0.1:1", false},
	} {
		h, err := access.NewHost(s, "127.0.0.1:1")
		if err != nil {
			t.Fatal(err)
		}
		e, err := grpcenv.Listen(grpcenv.Options{Listen: "127.0.0.1:0", Access: h})
		if err != nil {
			t.Fatal(err)
		}
		l := &liar{self: test.self, owner: test.owner}
		e.Serve(l, l, nil, nil)
		log.take()
		q := &nodepb.SurveyRequest{Call: &nodepb.Call{From: member("127.0.0.1:1")}}
		_, err = env.Keys(asker, e.Address(), time.Minute).Survey(t.Context(), q)
		if refused := log.take(); (err == nil) != test.honest || len(refused) == 0 != test.honest {
			t.Errorf("an answer of %q, owner %q: %v, %+v", test.self, test.owner, err, refused)
		}
		_, err = env.Ring(asker, e.Address(), time.Minute).Ping(t.Context(), &nodepb.PingRequest{Call: q.Call})
		if honest := strings.HasSuffix(test.self, ":1") && !strings.HasPrefix(test.self, "127.0.0.2") || test.self == "host-a.example:9"; (err == nil) != honest {
			t.Errorf("a ping answered by %q: %v", test.self, err)
		}
		e.Close()
	}
}

// Two hosts communicate exactly if each has a key that the other accepts; two in the middle of a rotation do. Neither
// end falls back to a connection without TLS, and a refusal names the other end.
func TestPeers(t *testing.T) {
	authority, foreign := certtest.New(t), certtest.New(t)
	certs := func(a *certtest.Authority) access.Settings {
		f := a.Issue("host", "127.0.0.1")
		return access.Settings{CertFile: f.Cert, KeyFile: f.Key, CAFile: a.File}
	}
	// The second is the set that a host accepts, the first the one that it presents.
	kinds := map[string]struct {
		s        access.Settings
		presents string
		accepts  string
	}{
		"plain":             {access.Settings{}, "nothing", "nothing"},
		"authority":         {certs(authority), "authority", "authority"},
		"another authority": {certs(foreign), "foreign", "foreign"},
		"A":                 {access.Settings{RingSecret: secretA}, "A", "A"},
		"A,B":               {access.Settings{RingSecret: secretA + "," + secretB}, "A", "A B"},
		"B,A":               {access.Settings{RingSecret: secretB + "," + secretA}, "B", "A B"},
		"B":                 {access.Settings{RingSecret: secretB}, "B", "B"},
		"C":                 {access.Settings{RingSecret: secretC}, "C", "C"},
	}
	hosts, logs := map[string]*grpcenv.Env{}, map[string]*refusalLog{}
	for name, k := range kinds {
		logs[name] = &refusalLog{}
		hosts[name] = serve(t, k.s, logs[name])
	}
	for from, a := range kinds {
		for to, b := range kinds {
			_, err := env.Ring(hosts[from], hosts[to].Address(), time.Minute).Ping(t.Context(), &nodepb.PingRequest{Call: &nodepb.Call{From: member("127.0.0.1:7001")}})
			talk := contains(strings.Fields(a.accepts), b.presents) && contains(strings.Fields(b.accepts), a.presents)
			if from == to { // a host's calls to itself do not leave the process
				talk = true
			}
			if reached := status.Code(err) == codes.Unimplemented; reached != talk {
				t.Errorf("from %s to %s: reached %v, expected %v: %v", from, to, reached, talk, err)
			}
			refused := logs[from].take()
			if !talk && len(refused) == 0 && len(logs[to].take()) == 0 && from != "plain" {
				t.Errorf("from %s to %s: no end reports why", from, to)
			}
			for _, r := range refused {
				if r.Reason != access.Handshake || r.Speaker != hosts[to].Address() || !strings.Contains(r.Text, hosts[to].Address()) {
					t.Errorf("from %s to %s: %+v", from, to, r)
				}
			}
		}
	}
}
