// Package groundtruth asks nodes for their state, to judge the accuracy of the view, which is rebuilt from telemetry
// alone. It is the only package of the conductor that may: package controller calls it to measure the view's accuracy, and no
// answer reaches the view. Tests of package deptest hold that no other package of the conductor has the requests.
package groundtruth

import (
	"context"

	"google.golang.org/grpc"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// A State is a member's own state.
type State struct {
	Incarnation int64
	Predecessor chord.ID
	Successors  []chord.ID
}

// Ask adds the active members of a host.
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

// idOf is a peer's identifier; not ok: a placeholder in a successor list, which has no address.
func idOf(p *nodepb.Peer) (id chord.ID, ok bool) {
	return id, p.GetAddress() != "" && copy(id[:], p.GetId()) == len(id)
}
