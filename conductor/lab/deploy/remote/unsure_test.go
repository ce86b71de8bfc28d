package remote

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// muteHost accepts commands, and never answers.
type muteHost struct{ nodepb.UnimplementedHostServer }

func (muteHost) StartMembers(ctx context.Context, _ *nodepb.StartMembersRequest) (*nodepb.StartMembersResponse, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (muteHost) StopMember(ctx context.Context, _ *nodepb.StopMemberRequest) (*nodepb.StopMemberResponse, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (muteHost) SetFaults(ctx context.Context, _ *nodepb.SetFaultsRequest) (*nodepb.SetFaultsResponse, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// A command that was sent and not answered may have been carried out: the error reports that, and names the host.
func TestCommandsWithoutAnAnswer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	nodepb.RegisterHostServer(server, muteHost{})
	go server.Serve(listener)
	defer server.Stop()
	address := listener.Addr().String()
	view := &ring.View{Bits: 32, Members: []*ring.Member{{ID: chord.ID{19: 7}, Incarnation: 1, Status: ring.Active, Host: chordevent.Host{ID: "h", Address: address}}}}
	fleet := New(func() *ring.View { return view }, "", nil)
	defer fleet.Close(t.Context())
	for name, command := range map[string]func(context.Context) error{
		"start": func(ctx context.Context) error { _, err := fleet.Start(ctx, 2, ""); return err },
		"crash": func(ctx context.Context) error { return fleet.Stop(ctx, chord.ID{19: 7}, deploy.Crash) },
		"faults": func(ctx context.Context) error {
			return fleet.SetFaults(ctx, address, &nodepb.SetFaultsRequest{Paused: true})
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if err := command(ctx); err == nil || !strings.Contains(err.Error(), "whether the command was carried out is not known") || !strings.Contains(err.Error(), address) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
}
