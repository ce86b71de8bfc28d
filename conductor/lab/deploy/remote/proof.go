package remote

import (
	"cmp"
	"context"
	"slices"

	"chordconductor/conductor/lab/deploy"
)

// A proof is what is known about an address: whether the host there proved that it holds the token when it was last
// challenged, and how often a challenge was tried.
type proof struct {
	ok    bool
	tries int
}

// noteProof records the outcome of a challenge at an address. A lost connection does not change it: operations are
// still sent to the host, which must prove again on a new connection that it holds the token, until that fails.
func (r *Fleet) noteProof(address string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.proofs[address]
	if p.ok != ok {
		r.seen = nil // the hosts are listed anew
	}
	p.ok = ok
	r.proofs[address] = p
}

// Prove challenges the unproven hosts that have members on the ring, for at most reachLimit. Those that were challenged
// the fewest times come first, in random order: so a new host does not wait for thousands that only telemetry names.
func (r *Fleet) Prove(ctx context.Context) {
	if r.token == "" {
		return // there is nothing to prove
	}
	order := shuffled(slices.DeleteFunc(slices.Clone(r.Hosts()), func(h deploy.Host) bool { return !h.Unproven || !h.Joined() }))
	tries := make(map[string]int, len(order))
	r.mu.Lock()
	for _, h := range order {
		tries[h.Address] = r.proofs[h.Address].tries
	}
	r.mu.Unlock()
	slices.SortStableFunc(order, func(a, b deploy.Host) int { return cmp.Compare(tries[a.Address], tries[b.Address]) })
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	_, failed := r.reachAll(ctx, order)
	r.mu.Lock()
	defer r.mu.Unlock()
	for address := range failed {
		p := r.proofs[address]
		p.tries++
		r.proofs[address] = p
	}
}
