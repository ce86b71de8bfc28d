package groundtruth

import (
	"context"

	"google.golang.org/grpc"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// A State is the state of a member as the member itself reports it.
type State struct {
	Incarnation int64
	Predecessor chord.ID
	Successors  []chord.ID
}

// Ask returns the states of the active members of a host.
func Ask(ctx context.Context, host grpc.ClientConnInterface) (map[chord.ID]State, error) {
	answer, err := nodepb.NewKVClient(host).Status(ctx, &nodepb.StatusRequest{})
	if err != nil {
		return nil, err
	}
	all := make(map[chord.ID]State, len(answer.GetMembers()))
	for _, m := range answer.GetMembers() {
		if id, ok := idOf(m.GetSelf()); ok && m.GetStatus() == string(chordevent.StatusActive) {
			all[id] = stateOf(m)
		}
	}
	return all, nil
}

func stateOf(m *nodepb.MemberStatus) State {
	s := State{Incarnation: m.GetSelf().GetIncarnation()}
	s.Predecessor, _ = idOf(m.GetPredecessor())
	for _, p := range m.GetSuccessors() {
		if id, ok := idOf(p); ok {
			s.Successors = append(s.Successors, id)
		}
	}
	return s
}

// idOf returns a peer's identifier. It returns false for a placeholder in a successor list, which has no address.
func idOf(p *nodepb.Peer) (chord.ID, bool) {
	id, ok := chord.IDFromBytes(p.GetId())
	return id, ok && p.GetAddress() != ""
}
