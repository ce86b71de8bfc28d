// Package groundtruth asks nodes how they are, to judge how far the view, which is rebuilt from telemetry alone, is
// from it. It is the only package of the conductor that may: package sim calls it for its measure of drift, and nothing of
// an answer reaches the view. Tests of package deptest hold that no other package of the conductor has the requests.
package groundtruth

import (
	"context"

	"google.golang.org/grpc"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// A State is what a member says of itself.
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

// idOf is the identifier of a peer that is one: a gap in a successor list has no address.
func idOf(p *nodepb.Peer) (id chord.ID, ok bool) {
	return id, p.GetAddress() != "" && copy(id[:], p.GetId()) == len(id)
}
