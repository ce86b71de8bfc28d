package main

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"chordconductor/internal/freeport"
	"chordconductor/node/nodepb"
)

// A host whose only member was crashed by command is not healthy but accepts commands, and is
// healthy again once another member has started.
func TestHealthFollowsTheMembers(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "true")
	a, b := freeport.Address(t), freeport.Address(t)
	start(t, "--listen", a, "--stabilize", "50ms")
	untilActive(t, a, 1)
	start(t, "--listen", b, "--join", a, "--stabilize", "50ms")
	untilActive(t, b, 1)
	for _, addr := range []string{a, b} { // the founder, too, finds its ring
		cc, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		defer cc.Close()
		host, kv := nodepb.NewHostClient(cc), nodepb.NewKVClient(cc)
		status, err := kv.Status(t.Context(), &nodepb.StatusRequest{})
		if err != nil || len(status.Members) != 1 {
			t.Fatalf("status: %v, %v", status, err)
		}
		if _, err := host.StopMember(t.Context(), &nodepb.StopMemberRequest{Id: status.Members[0].Self.Id, Crash: true}); err != nil {
			t.Fatal(err)
		}
		if _, err := execute(t.Context(), "health", "--addr", addr); err == nil {
			t.Errorf("%s is healthy without a member", addr)
		}
		if _, err := host.StartMembers(t.Context(), &nodepb.StartMembersRequest{Count: 2}); err != nil {
			t.Fatal(err)
		}
		untilActive(t, addr, 2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := execute(ctx, "health", "--addr", addr, "--wait", "50s"); err != nil {
			t.Errorf("%s is not healthy with two members: %v", addr, err)
		}
	}
}
