package groundtruth

import (
	"context"
	"maps"
	"sync"
	"time"

	"google.golang.org/grpc"

	"chordconductor/node/chord"
)

const (
	askLimit = 500 * time.Millisecond // on all hosts' answers
	askCalls = 16                     // at once
)

// Members is a fleet that has the states of its active members in this process's memory.
type Members interface {
	States() []chord.State
}

// Hosts is a fleet whose members run elsewhere.
type Hosts interface {
	// Visit calls a function for every host that can be reached, at most atOnce at a time, and returns when all calls
	// have returned.
	Visit(ctx context.Context, atOnce int, ask func(ctx context.Context, host grpc.ClientConnInterface))
}

// Source returns the function that reads the ground truth of a fleet: the states of its active members, or of those
// that answer in time. It returns nil if the fleet has no such states, or should not be asked: members of this process
// are always asked, hosts elsewhere only if askHosts is true.
func Source(fleet any, askHosts bool) func(ctx context.Context) map[chord.ID]State {
	switch f := fleet.(type) {
	case Members:
		return func(context.Context) map[chord.ID]State { return remember(f) }
	case Hosts:
		if askHosts {
			return func(ctx context.Context) map[chord.ID]State { return askAll(ctx, f) }
		}
	}
	return nil
}

// remember returns the states of members in this process's memory.
func remember(f Members) map[chord.ID]State {
	all := make(map[chord.ID]State)
	for _, s := range f.States() {
		all[s.Self.ID] = Of(s)
	}
	return all
}

// Of returns the part of a member's state that the view is compared with.
func Of(s chord.State) State {
	t := State{Incarnation: s.Self.Incarnation, Predecessor: s.Pred.ID}
	for _, p := range s.Live() {
		t.Successors = append(t.Successors, p.ID)
	}
	return t
}

// askAll asks every host for the states of its members. It leaves out the members of a host that does not answer in
// time; these are not compared this time.
func askAll(ctx context.Context, f Hosts) map[chord.ID]State {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	var mu sync.Mutex
	all := make(map[chord.ID]State)
	f.Visit(ctx, askCalls, func(ctx context.Context, host grpc.ClientConnInterface) {
		members, err := Ask(ctx, host)
		if err != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		maps.Copy(all, members)
	})
	return all
}
