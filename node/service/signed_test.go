package service_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"chordconductor/node/env/faults"
	"chordconductor/node/env/grpcenv"
	"chordconductor/node/hostauth"
	"chordconductor/node/nodepb"
	"chordconductor/node/service"
)

const token = "4f9c2b7d1e8a6035c7d2e9b1f4a80c36"

// session challenges a host with a token, as a controller does.
func session(t *testing.T, cc *grpc.ClientConn, address, token string) (*hostauth.Session, error) {
	t.Helper()
	nonce := make([]byte, hostauth.NonceBytes)
	rand.Read(nonce)
	a, err := nodepb.NewHostClient(cc).Challenge(t.Context(), &nodepb.ChallengeRequest{Nonce: nonce, Address: address})
	if err != nil {
		return nil, err
	}
	return hostauth.NewKey(token).Prove(nonce, address, a.Nonce, a.Instance, a.Mac)
}

func signed(t *testing.T, s *hostauth.Session, method string, request proto.Message) *nodepb.CommandRequest {
	t.Helper()
	data, err := proto.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	nonce, counter, mac := s.Sign(method, data)
	return &nodepb.CommandRequest{Nonce: nonce, Counter: counter, Method: method, Request: data, Mac: mac}
}

// Every command works signed, and in no other way: not by a bearer token, from loopback, or by its own method.
func TestSignedCommands(t *testing.T) {
	h, cc := serving(t, token)
	ctl := nodepb.NewHostClient(cc)
	s, err := session(t, cc, h.Address(), token)
	if err != nil {
		t.Fatal(err)
	}
	victim := h.Members()[0].Self().ID
	for _, test := range []struct {
		method   string
		request  proto.Message
		unsigned func(context.Context) error
		want     codes.Code
		done     func() bool
	}{
		{nodepb.Host_StartMembers_FullMethodName, &nodepb.StartMembersRequest{Count: 1}, func(ctx context.Context) error {
			_, err := ctl.StartMembers(ctx, &nodepb.StartMembersRequest{Count: 1})
			return err
		}, codes.OK, func() bool { return len(h.Members()) == 4 }},
		{nodepb.Host_StopMember_FullMethodName, &nodepb.StopMemberRequest{Id: victim[:], Crash: true}, func(ctx context.Context) error {
			_, err := ctl.StopMember(ctx, &nodepb.StopMemberRequest{Id: victim[:], Crash: true})
			return err
		}, codes.OK, func() bool { return h.Member(victim) == nil }},
		{nodepb.Host_SetFaults_FullMethodName, &nodepb.SetFaultsRequest{LeaseMillis: -1}, func(ctx context.Context) error {
			_, err := ctl.SetFaults(ctx, &nodepb.SetFaultsRequest{})
			return err
		}, codes.InvalidArgument, func() bool { return true }},
		{nodepb.KV_Put_FullMethodName, &nodepb.PutRequest{Key: []byte("k")}, nil, codes.Unimplemented, func() bool { return true }},
		{"", &nodepb.PutRequest{}, nil, codes.Unimplemented, func() bool { return true }},
	} {
		for header, want := range map[string]string{"": "only signed commands", "Bearer " + token: "no bearer token", "Bearer wrong": "no bearer token", token: "no bearer token"} {
			if test.unsigned == nil {
				continue
			}
			ctx := t.Context()
			if header != "" {
				ctx = metadata.AppendToOutgoingContext(ctx, "authorization", header)
			}
			if err := test.unsigned(ctx); status.Code(err) != codes.Unauthenticated || !strings.Contains(err.Error(), want) {
				t.Errorf("%s unsigned, authorization %q: %v", test.method, header, err)
			}
		}
		if n := len(h.Members()); n < 3 {
			t.Fatalf("an unsigned command was carried out: %d members", n)
		}
		_, err := ctl.Command(t.Context(), signed(t, s, test.method, test.request))
		if status.Code(err) != test.want || !test.done() {
			t.Errorf("%s signed: %v", test.method, err)
		}
	}
	if _, err := ctl.Command(t.Context(), func() *nodepb.CommandRequest {
		nonce, counter, mac := s.Sign(nodepb.Host_SetFaults_FullMethodName, []byte{0xff})
		return &nodepb.CommandRequest{Nonce: nonce, Counter: counter, Method: nodepb.Host_SetFaults_FullMethodName, Request: []byte{0xff}, Mac: mac}
	}()); status.Code(err) != codes.InvalidArgument {
		t.Errorf("bytes that are no request: %v", err)
	}
}

// Commands not signed for this host, now, in this order and with these bytes have no effect.
func TestCommandsOfNoUse(t *testing.T) {
	h, cc := serving(t, token)
	other, otherCC := serving(t, token)
	ctl := nodepb.NewHostClient(cc)
	fresh := func() *hostauth.Session {
		s, err := session(t, cc, h.Address(), token)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	start := &nodepb.StartMembersRequest{Count: 1}
	command := func(s *hostauth.Session) *nodepb.CommandRequest {
		return signed(t, s, nodepb.Host_StartMembers_FullMethodName, start)
	}
	refused := func(name string, c nodepb.HostClient, q *nodepb.CommandRequest) {
		t.Helper()
		before := len(h.Members()) + len(other.Members())
		if _, err := c.Command(t.Context(), q); status.Code(err) != codes.Unauthenticated {
			t.Errorf("%s: %v", name, err)
		}
		if after := len(h.Members()) + len(other.Members()); after != before {
			t.Errorf("%s: carried out", name)
		}
	}
	s := fresh()
	q := command(s)
	if _, err := ctl.Command(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	refused("replayed", ctl, q)
	first, second := command(s), command(s)
	if _, err := ctl.Command(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	refused("overtaken", ctl, first)
	refused("relayed to another host", nodepb.NewHostClient(otherCC), command(fresh()))
	refused("empty", ctl, &nodepb.CommandRequest{})
	for name, change := range map[string]func(*nodepb.CommandRequest){
		"altered request": func(q *nodepb.CommandRequest) { q.Request[len(q.Request)-1]++ },
		"altered method":  func(q *nodepb.CommandRequest) { q.Method = nodepb.Host_SetFaults_FullMethodName },
		"altered counter": func(q *nodepb.CommandRequest) { q.Counter++ },
		"altered MAC":     func(q *nodepb.CommandRequest) { q.Mac = bytes.Repeat([]byte{7}, len(q.Mac)) },
		"no MAC":          func(q *nodepb.CommandRequest) { q.Mac = nil },
		"nonce of ours":   func(q *nodepb.CommandRequest) { q.Nonce = bytes.Repeat([]byte{7}, len(q.Nonce)) },
		"longer request":  func(q *nodepb.CommandRequest) { q.Request = append(q.Request, 8, 9) },
	} {
		q := command(fresh())
		change(q)
		refused(name, ctl, q)
	}
	if _, err := session(t, cc, h.Address(), "another token"); err == nil {
		t.Error("the host has proven a token that it does not hold")
	}
	if _, err := session(t, cc, other.Address(), token); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("proof for another host's address: %v", err)
	}
}

// A host without a token accepts commands from loopback only, whatever credentials they carry.
func TestWithoutToken(t *testing.T) {
	h, cc := serving(t, "")
	if _, err := session(t, cc, h.Address(), ""); status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "--control-token") {
		t.Errorf("challenge: %v", err)
	}
	if _, err := nodepb.NewHostClient(cc).Command(t.Context(), &nodepb.CommandRequest{}); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("command: %v", err)
	}
	e, err := grpcenv.Listen(grpcenv.Options{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	ctl := service.NewControl(h, e, faults.New(e, e.Address()), nil, "")
	for address, want := range map[string]codes.Code{
		"127.0.0.1": codes.OK, "::1": codes.OK, "127.9.9.9": codes.OK,
		"10.0.0.1": codes.Unauthenticated, "192.168.0.9": codes.Unauthenticated, "2001:db8::1": codes.Unauthenticated, "0.0.0.0": codes.Unauthenticated,
	} {
		ctx := peer.NewContext(t.Context(), &peer.Peer{Addr: &net.TCPAddr{IP: net.ParseIP(address), Port: 1}})
		if _, err := ctl.SetFaults(ctx, &nodepb.SetFaultsRequest{}); status.Code(err) != want {
			t.Errorf("from %s: %v", address, err)
		}
	}
	if _, err := ctl.SetFaults(t.Context(), &nodepb.SetFaultsRequest{}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("from nowhere: %v", err)
	}
}
