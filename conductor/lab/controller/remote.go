package controller

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"chordconductor/conductor/lab/judge/groundtruth"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
	"chordconductor/node/env/access"
	"chordconductor/node/hostauth"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// Remote is the hosts that run elsewhere, known only through their telemetry: the view names the address of a member's
// host, which serves chord.v1.Host and chord.v1.KV. Any sender of telemetry can name any address, so commands, keys and
// values go only to hosts that have proven, on that connection, that they hold the token (node/hostauth). The token
// itself is never sent. Without a token there is nothing to prove, and only hosts on loopback are used.
type Remote struct {
	view  func() *ring.View
	token string
	key   hostauth.Key // of the token
	way   *access.Client

	mu     sync.Mutex
	seen   *ring.View           // guarded by mu: the view that hosts was made of
	hosts  []Host               // guarded by mu
	conns  map[string]*hostConn // guarded by mu; one per host that is in the view, or has faults
	faulty map[string]bool      // guarded by mu: addresses of hosts with faults in force, which are sent their end
	gone   map[chord.ID]int64   // guarded by mu: incarnations stopped by command, which the view may still show for a while
}

// NewRemote returns the fleet of the hosts in a view, reached through a client (nil: without TLS). The token may be
// empty.
func NewRemote(view func() *ring.View, token string, way *access.Client) *Remote {
	return &Remote{
		view: view, token: token, key: hostauth.NewKey(token), way: way, faulty: make(map[string]bool),
		conns: make(map[string]*hostConn), gone: make(map[chord.ID]int64),
	}
}

// Hosts lists the hosts of all members that are not known to be gone, and those that report to be empty.
func (r *Remote) Hosts() []Host {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refresh()
}

// refresh brings hosts up to date with the newest view. r.mu is held.
func (r *Remote) refresh() []Host {
	v := r.view()
	if v == r.seen {
		return r.hosts
	}
	r.seen = v
	byAddress := make(map[string]*Host)
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
			h = &Host{ID: m.Host.ID, Address: m.Host.Address}
			byAddress[m.Host.Address] = h
		}
		if m.Status != ring.Leaving {
			h.Members = append(h.Members, Member{m.ID, m.Status == ring.Active})
		}
	}
	for _, h := range v.Hosts {
		if h.Status == chordevent.HostEmpty && h.Address != "" && byAddress[h.Address] == nil { // it can be given members
			byAddress[h.Address] = &Host{ID: h.ID, Address: h.Address}
		}
	}
	r.hosts = make([]Host, 0, len(byAddress)) // a new slice: readers keep the old one
	for _, h := range byAddress {
		r.hosts = append(r.hosts, *h)
	}
	slices.SortFunc(r.hosts, func(a, b Host) int { return cmp.Compare(a.Address, b.Address) })
	for id := range r.gone {
		if !present[id] {
			delete(r.gone, id)
		}
	}
	for address, c := range r.conns {
		if byAddress[address] == nil && !r.faulty[address] {
			c.close() // it is of no further use
			delete(r.conns, address)
		}
	}
	return r.hosts
}

const maxAnswer = 8 << 20 // a value and its path, with room

// explain adds to an error the host that it is about.
func explain(address string, err error) error {
	if err == nil {
		return nil
	}
	if r := (*refusal)(nil); errors.As(err, &r) {
		return err // names the host itself
	}
	st := status.Convert(err)
	if st.Code() == codes.Unauthenticated || st.Code() == codes.PermissionDenied {
		return refuse(ErrUnavailable, "host %s does not let this conductor in: %s", address, st.Message())
	}
	return status.Errorf(st.Code(), "host %s: %s", address, st.Message())
}

// Start starts members on a host, or evenly on all of them.
func (r *Remote) Start(ctx context.Context, count int, host string) ([]chord.ID, error) {
	hosts := r.Hosts()
	if host != "" {
		hosts = slices.DeleteFunc(slices.Clone(hosts), func(h Host) bool { return h.Address != host && h.ID != host })
		if len(hosts) == 0 {
			return nil, refuse(ErrUnknown, "no host %q", host)
		}
	}
	if len(hosts) == 0 {
		return nil, refuse(ErrUnavailable, "no host is known")
	}
	hosts, err := r.reachable(ctx, hosts)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(hosts, func(a, b Host) int { return len(a.Members) - len(b.Members) })
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
			if id, ok := idOf(p); ok {
				ids = append(ids, id)
			}
		}
		if err != nil {
			return ids, err
		}
	}
	return ids, nil
}

const (
	reachLimit = 3 * time.Second        // on the search for hosts that can take a command
	reachOne   = 500 * time.Millisecond // on one of them
	reachCalls = 32                     // at once
)

// reachable returns those of several hosts that can be connected to, and that have proven themselves where they must: the
// telemetry may name hosts that have ended, or that never were, and thousands of them. So those that have proven
// themselves before come first, and the others in random order: no name can be chosen so as to come before an honest
// host's. What the time does not suffice for is left out. If there is none, the error is that of the first in the list
// that was asked.
func (r *Remote) reachable(ctx context.Context, hosts []Host) (found []Host, _ error) {
	if len(hosts) == 1 {
		return slices.Clone(hosts), nil // the command itself gives the more exact error
	}
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	order := slices.Clone(hosts)
	rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	slices.SortStableFunc(order, func(a, b Host) int { return cmp.Compare(r.rank(a.Address), r.rank(b.Address)) })
	var (
		mu    sync.Mutex                           // guards found and errs
		errs  = make(map[string]error, len(order)) // of those that failed, by address
		asked sync.WaitGroup
		turns = make(chan struct{}, reachCalls)
	)
	for _, h := range order {
		turns <- struct{}{} // each has its limit
		if ctx.Err() != nil {
			break
		}
		asked.Go(func() {
			defer func() { <-turns }()
			err := r.reach(ctx, h.Address)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				found = append(found, h)
			} else {
				errs[h.Address] = err
			}
		})
	}
	asked.Wait()
	if len(found) > 0 {
		return found, nil
	}
	for _, h := range hosts {
		if err := errs[h.Address]; err != nil {
			return nil, err
		}
	}
	return nil, status.FromContextError(ctx.Err()).Err() // none was asked
}

// rank is 0 for a host that has proven itself on the connection that there is, and 1 for others.
func (r *Remote) rank(address string) int {
	r.mu.Lock()
	c := r.conns[address]
	r.mu.Unlock()
	if c == nil || c.lost.Load() {
		return 1
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.proven {
		return 0
	}
	return 1
}

// reach connects to a host, and has it prove itself. No connection stays to one that does not.
func (r *Remote) reach(ctx context.Context, address string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, reachOne)
	defer cancel()
	defer func() {
		if err != nil {
			r.drop(address)
		}
	}()
	cc, err := r.proven(ctx, address)
	if err != nil {
		return err
	}
	cc.Connect()
	for state := cc.GetState(); state != connectivity.Ready; state = cc.GetState() {
		if state == connectivity.TransientFailure || !cc.WaitForStateChange(ctx, state) {
			return refuse(ErrUnavailable, "host %s cannot be connected to", address)
		}
	}
	return nil
}

// drop closes the connection to a host that has not proven itself.
func (r *Remote) drop(address string) {
	if r.rank(address) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.conns[address]; c != nil {
		c.close()
		delete(r.conns, address)
	}
}

// leaveLimit is how long a leave may take before it is given up.
const leaveLimit = time.Minute

// Stop makes a member leave or crash. The leave continues after Stop has returned; only an error within the first
// moment is returned.
func (r *Remote) Stop(ctx context.Context, id chord.ID, way Departure) error {
	h, ok := hostOf(r.Hosts(), id)
	if !ok {
		return unknownMember(id)
	}
	stop := func(ctx context.Context) error {
		q := &nodepb.StopMemberRequest{Id: id[:], Crash: way == Crash, Force: way == ForcedLeave}
		return r.command(ctx, h.Address, nodepb.Host_StopMember_FullMethodName, q, &nodepb.StopMemberResponse{})
	}
	if way == Crash {
		err := stop(ctx)
		if err == nil {
			r.forget(id)
		}
		return err
	}
	if _, err := r.proven(ctx, h.Address); err != nil { // which may take longer than a moment, and would be lost
		return err
	}
	return inBackground(ctx, stop)
}

// inBackground starts a task that may take long, and waits a moment for an error that comes at once.
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

// forget leaves a crashed member out, although the view shows it until a peer has detected the crash.
func (r *Remote) forget(id chord.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.view().Member(id); m != nil {
		r.gone[id] = m.Incarnation
	}
	r.seen = nil
}

// SetFaults replaces all faults of a host, for a lease. As long as it has any, the host can be commanded although the
// view no longer has it: its members may be paused, and taken for dead.
func (r *Remote) SetFaults(ctx context.Context, address string, q *nodepb.SetFaultsRequest) error {
	hurt := q.GetPaused() || q.GetTelemetryHeld() || len(q.GetFaults()) > 0
	if hurt {
		q = proto.CloneOf(q)
		q.LeaseMillis = faultLease.Milliseconds()
		r.setFaulty(address, true)
	}
	ctx, cancel := context.WithTimeout(ctx, faultLimit)
	defer cancel()
	err := r.command(ctx, address, nodepb.Host_SetFaults_FullMethodName, q, &nodepb.SetFaultsResponse{})
	if !hurt {
		r.setFaulty(address, false) // if it could not be reached, the lease will end
	}
	return err
}

const (
	faultLease = 30 * time.Second // three renewals: two may be lost
	faultLimit = 3 * time.Second  // on one host, while others wait for their orders
)

func (r *Remote) setFaulty(address string, hurt bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if hurt {
		r.faulty[address] = true
	} else {
		delete(r.faulty, address)
		r.seen = nil // its connection may be one to a host that is gone
	}
}

const (
	truthLimit = 500 * time.Millisecond // on all hosts' answers
	truthCalls = 16                     // at once
)

// Truth asks every host. One that does not answer in time is left out: its members are not judged then.
func (r *Remote) Truth(ctx context.Context) map[chord.ID]groundTruth {
	ctx, cancel := context.WithTimeout(ctx, truthLimit)
	defer cancel()
	var (
		mu    sync.Mutex
		all   = make(map[chord.ID]groundTruth)
		asked sync.WaitGroup
		turns = make(chan struct{}, truthCalls)
	)
	for _, h := range r.Hosts() {
		turns <- struct{}{}
		asked.Go(func() {
			defer func() { <-turns }()
			c, err := r.proven(ctx, h.Address)
			if err != nil {
				return
			}
			members, err := groundtruth.Ask(ctx, c)
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(all, members)
		})
	}
	asked.Wait()
	return all
}

// idOf is a peer's identifier; not ok: a placeholder in a successor list, which has no address.
func idOf(p *nodepb.Peer) (id chord.ID, ok bool) {
	return id, p.GetAddress() != "" && copy(id[:], p.GetId()) == len(id)
}

// Replicas is the view's figure.
func (r *Remote) Replicas() int { return r.view().Replicas }

// Client gives access to a host's key service.
func (r *Remote) Client(address string) Client {
	if _, err := r.conn(address); err != nil {
		return nil
	}
	return remoteClient{r, address}
}

// Close closes the connections. The hosts keep running: this process did not start them.
func (r *Remote) Close(context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for address, c := range r.conns {
		c.close()
		delete(r.conns, address)
	}
}

// callLimit bounds an operation on a remote host, which has limits of its own below it.
const callLimit = 12 * time.Second

type remoteClient struct {
	fleet   *Remote
	address string
}

func remoteCall[Q, A any](ctx context.Context, c remoteClient, writes bool, call func(nodepb.KVClient, context.Context, Q, ...grpc.CallOption) (A, error), q Q) (A, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	var answer A
	cc, err := c.fleet.proven(ctx, c.address)
	if err != nil && !errors.Is(err, context.Canceled) {
		return answer, &unsent{err} // it names the host
	}
	if err == nil {
		answer, err = call(nodepb.NewKVClient(cc), ctx, q)
		if writes && !errors.Is(err, context.Canceled) {
			err = unsure(err)
		}
	}
	if errors.Is(err, context.Canceled) {
		return answer, err
	}
	return answer, explain(c.address, err)
}

// An unsent operation failed before anything of it was sent: its host cannot be connected to, or did not prove itself.
// Another host may be asked.
type unsent struct{ error }

func (u *unsent) Unwrap() error { return u.error }

// GRPCStatus keeps the status's text free of what gRPC adds to that of a wrapped one.
func (u *unsent) GRPCStatus() *status.Status { return status.Convert(u.error) }

func (c remoteClient) Put(ctx context.Context, q *nodepb.PutRequest) (*nodepb.PutResponse, error) {
	return remoteCall(ctx, c, true, nodepb.KVClient.Put, q)
}

func (c remoteClient) Get(ctx context.Context, q *nodepb.GetRequest) (*nodepb.GetResponse, error) {
	return remoteCall(ctx, c, false, nodepb.KVClient.Get, q)
}

func (c remoteClient) Delete(ctx context.Context, q *nodepb.DeleteRequest) (*nodepb.DeleteResponse, error) {
	return remoteCall(ctx, c, true, nodepb.KVClient.Delete, q)
}

func (c remoteClient) Lookup(ctx context.Context, q *nodepb.LookupRequest) (*nodepb.LookupResponse, error) {
	return remoteCall(ctx, c, false, nodepb.KVClient.Lookup, q)
}
