package remote

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"chordconductor/conductor/lab/deploy"
)

const (
	reachLimit = 3 * time.Second        // on the search for hosts that can take a command
	reachOne   = 500 * time.Millisecond // limit for one of these hosts
	reachCalls = 32                     // at once
)

// reachable returns the hosts that can be connected to and, where that is required, have proven that they hold the
// token. Telemetry may name thousands of hosts that have ended or never existed. So hosts that have proven it before
// are tried first, and the others in random order: no sender of telemetry can choose a name that is tried before the
// real hosts. Hosts that the time does not suffice for are left out. If none is reachable, the error is that of the
// first tried host in the list.
func (r *Fleet) reachable(ctx context.Context, hosts []deploy.Host) (found []deploy.Host, _ error) {
	if len(hosts) == 1 {
		return slices.Clone(hosts), nil // the command itself gives the more exact error
	}
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	order := shuffled(hosts)
	slices.SortStableFunc(order, func(a, b deploy.Host) int { return cmp.Compare(r.rank(a.Address), r.rank(b.Address)) })
	found, errs := r.reachAll(ctx, order)
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

func shuffled(hosts []deploy.Host) []deploy.Host {
	order := slices.Clone(hosts)
	rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	return order
}

// reachAll connects to hosts in the given order, until ctx ends. It returns the hosts that it reached, and by address
// the errors of the others that it tried.
func (r *Fleet) reachAll(ctx context.Context, order []deploy.Host) (found []deploy.Host, errs map[string]error) {
	errs = make(map[string]error, len(order)) // by address
	var (
		mu    sync.Mutex // guards found and errs
		asked sync.WaitGroup
		turns = make(chan struct{}, reachCalls)
	)
	for _, h := range order {
		turns <- struct{}{} // waits no longer than the limit of one host
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
	return found, errs
}

// rank returns 0 for a host that has proven on its present connection that it holds the token, and 1 for any other.
func (r *Fleet) rank(address string) int {
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

// reach connects to a host, and has the host prove that it holds the token. If that fails, reach closes the connection.
func (r *Fleet) reach(ctx context.Context, address string) (err error) {
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
			return deploy.Refuse(deploy.ErrUnavailable, "host %s cannot be connected to", address)
		}
	}
	return nil
}

// drop closes the connection to a host that has not proven that it holds the token.
func (r *Fleet) drop(address string) {
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
