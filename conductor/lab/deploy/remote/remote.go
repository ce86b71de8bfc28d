package remote

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
	"chordconductor/node/env/access"
	"chordconductor/node/hostauth"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// Fleet is the hosts that run elsewhere, known only through their telemetry: the view names the address of a member's
// host, which serves chord.v1.Host and chord.v1.KV. Any sender of telemetry can name any address, so commands, keys and
// values go only to hosts that have proven, on the same connection, that they hold the token (node/hostauth). The token
// itself is never sent. Without a token no proof is possible, and only hosts on loopback are used.
type Fleet struct {
	view  func() *ring.View
	token string
	key   hostauth.Key // of the token
	way   *access.Client

	mu     sync.Mutex
	seen   *ring.View           // guarded by mu: the view that hosts was made of
	hosts  []deploy.Host        // guarded by mu
	conns  map[string]*hostConn // guarded by mu; one per host that is in the view, or has faults
	faulty map[string]bool      // guarded by mu: addresses of hosts with faults in force, to which the end of the faults must be sent
	gone   map[chord.ID]int64   // guarded by mu: incarnations stopped by command, which the view may still show for a while
	proofs map[string]proof     // guarded by mu; by address, of hosts that are in the view
	closed bool                 // guarded by mu
}

// New returns the fleet of the hosts in a view. Connections use the client way (nil: without TLS). The token may be
// empty.
func New(view func() *ring.View, token string, way *access.Client) *Fleet {
	return &Fleet{
		view: view, token: token, key: hostauth.NewKey(token), way: way, faulty: make(map[string]bool),
		conns: make(map[string]*hostConn), gone: make(map[chord.ID]int64), proofs: make(map[string]proof),
	}
}

// Hosts lists the hosts of all members that are not known to be gone, and those that report to have no members.
func (r *Fleet) Hosts() []deploy.Host {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refresh()
}

// refresh updates the hosts from the newest view. The caller holds r.mu.
func (r *Fleet) refresh() []deploy.Host {
	v := r.view()
	if v == r.seen {
		return r.hosts
	}
	r.seen = v
	byAddress := make(map[string]*deploy.Host)
	present := make(map[chord.ID]bool)
	for _, m := range v.Members {
		switch m.Status {
		case ring.Joining, ring.Active, ring.Leaving, ring.Silent:
		default:
			continue
		}
		present[m.ID] = true
		if m.Host.Address == "" || r.gone[m.ID] >= m.Incarnation {
			continue
		}
		h := byAddress[m.Host.Address]
		if h == nil {
			h = &deploy.Host{ID: m.Host.ID, Address: m.Host.Address}
			byAddress[m.Host.Address] = h
		}
		if m.Status != ring.Leaving {
			h.Members = append(h.Members, deploy.Member{ID: m.ID, Joined: m.Status == ring.Active})
		}
	}
	for _, h := range v.Hosts {
		if h.Status == chordevent.HostEmpty && h.Address != "" && byAddress[h.Address] == nil { // members can be started on it
			byAddress[h.Address] = &deploy.Host{ID: h.ID, Address: h.Address}
		}
	}
	r.hosts = make([]deploy.Host, 0, len(byAddress)) // a new slice, since readers keep the old one
	for _, h := range byAddress {
		h.Unproven = !r.trusted(h.Address) && !r.proofs[h.Address].ok
		r.hosts = append(r.hosts, *h)
	}
	for address := range r.proofs {
		if byAddress[address] == nil {
			delete(r.proofs, address)
		}
	}
	slices.SortFunc(r.hosts, func(a, b deploy.Host) int { return cmp.Compare(a.Address, b.Address) })
	for id := range r.gone {
		if !present[id] {
			delete(r.gone, id)
		}
	}
	for address, c := range r.conns {
		if byAddress[address] == nil && !r.faulty[address] {
			c.close() // the connection is no longer needed
			delete(r.conns, address)
		}
	}
	return r.hosts
}

const maxAnswer = 8 << 20 // bytes: a value and its path, with spare room

// explain adds to an error the address of the host that it concerns.
func explain(address string, err error) error {
	if err == nil {
		return nil
	}
	if deploy.IsRefusal(err) {
		return err // names the host itself
	}
	st := status.Convert(err)
	if st.Code() == codes.Unauthenticated || st.Code() == codes.PermissionDenied {
		return deploy.Refuse(deploy.ErrUnavailable, "host %s does not let this conductor in: %s", address, st.Message())
	}
	return status.Errorf(st.Code(), "host %s: %s", address, st.Message())
}

// Start starts members on the given host, or, if host is empty, evenly on all hosts.
func (r *Fleet) Start(ctx context.Context, count int, host string) ([]chord.ID, error) {
	hosts := r.Hosts()
	if host != "" {
		hosts = slices.DeleteFunc(slices.Clone(hosts), func(h deploy.Host) bool { return h.Address != host && h.ID != host })
		if len(hosts) == 0 {
			return nil, deploy.Refuse(deploy.ErrUnknown, "no host %q", host)
		}
	}
	if len(hosts) == 0 {
		return nil, deploy.Refuse(deploy.ErrUnavailable, "no host is known")
	}
	hosts, err := r.reachable(ctx, hosts)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(hosts, func(a, b deploy.Host) int { return len(a.Members) - len(b.Members) })
	var ids []chord.ID
	for i, h := range hosts {
		n := count / len(hosts)
		if i < count%len(hosts) {
			n++
		}
		if n == 0 {
			break
		}
		answer := &nodepb.StartMembersResponse{}
		err := r.command(ctx, h.Address, nodepb.Host_StartMembers_FullMethodName, &nodepb.StartMembersRequest{Count: int32(n)}, answer)
		for _, p := range answer.GetMembers() {
			if id, ok := chord.IDFromBytes(p.GetId()); ok {
				ids = append(ids, id)
			}
		}
		if err != nil {
			return ids, err
		}
	}
	return ids, nil
}

// leaveLimit is how long a leave may take; after that the command ends, and its outcome is not known.
const leaveLimit = time.Minute

// Stop makes a member leave or crash. The leave continues after Stop has returned; only an error within the first
// moment is returned.
func (r *Fleet) Stop(ctx context.Context, id chord.ID, way deploy.Departure) error {
	h, ok := deploy.HostOf(r.Hosts(), id)
	if !ok {
		return deploy.UnknownMember(id)
	}
	stop := func(ctx context.Context) error {
		q := &nodepb.StopMemberRequest{Id: id[:], Crash: way == deploy.Crash, Force: way == deploy.ForcedLeave}
		return r.command(ctx, h.Address, nodepb.Host_StopMember_FullMethodName, q, &nodepb.StopMemberResponse{})
	}
	if way == deploy.Crash {
		err := stop(ctx)
		if err == nil {
			r.forget(id)
		}
		return err
	}
	if _, err := r.proven(ctx, h.Address); err != nil { // proving may take longer than a moment, and its error would be lost in the background
		return err
	}
	return inBackground(ctx, stop)
}

// inBackground starts a task that may take long. It waits a moment, and returns an error that occurs within it.
func inBackground(ctx context.Context, task func(context.Context) error) error {
	const moment = 250 * time.Millisecond
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveLimit)
		defer cancel()
		done <- task(ctx)
	}()
	timer := time.NewTimer(moment)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return nil
	}
}

// forget leaves out a member that a command has stopped by a crash. The view shows the member until a peer has detected
// the crash.
func (r *Fleet) forget(id chord.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.view().Member(id); m != nil {
		r.gone[id] = m.Incarnation
	}
	r.seen = nil
}

// SetFaults replaces all faults of a host, for a lease. While the host has faults, it can be commanded even if the view
// no longer has it: its members may be paused, and be taken for dead.
func (r *Fleet) SetFaults(ctx context.Context, address string, q *nodepb.SetFaultsRequest) error {
	faulty := q.GetPaused() || q.GetTelemetryHeld() || len(q.GetFaults()) > 0
	if faulty {
		q = proto.CloneOf(q)
		q.LeaseMillis = faultLease.Milliseconds()
		r.setFaulty(address, true)
	}
	ctx, cancel := context.WithTimeout(ctx, faultLimit)
	defer cancel()
	err := r.command(ctx, address, nodepb.Host_SetFaults_FullMethodName, q, &nodepb.SetFaultsResponse{})
	if !faulty {
		r.setFaulty(address, false) // if the host could not be reached, its lease will end
	}
	return err
}

const (
	faultLease = 30 * time.Second // three renewals: two may be lost
	faultLimit = 3 * time.Second  // on one host, while others wait for their orders
)

func (r *Fleet) setFaulty(address string, faulty bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if faulty {
		r.faulty[address] = true
	} else {
		delete(r.faulty, address)
		r.seen = nil // the host's connection may be one to a host that is gone
	}
}

// Visit calls a function for every host that can be reached and, where that is required, has proven that it holds the
// token: for at most atOnce hosts at a time. It returns when all calls have returned.
func (r *Fleet) Visit(ctx context.Context, atOnce int, call func(ctx context.Context, host grpc.ClientConnInterface)) {
	var visited sync.WaitGroup
	turns := make(chan struct{}, atOnce)
	for _, h := range r.Hosts() {
		turns <- struct{}{}
		visited.Go(func() {
			defer func() { <-turns }()
			if c, err := r.proven(ctx, h.Address); err == nil {
				call(ctx, c)
			}
		})
	}
	visited.Wait()
}

// Replicas returns R of the ring, as the ring view has it.
func (r *Fleet) Replicas() int { return r.view().Replicas }

// Close closes the connections. The hosts keep running: this process did not start them.
func (r *Fleet) Close(context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for address, c := range r.conns {
		c.close()
		delete(r.conns, address)
	}
}
