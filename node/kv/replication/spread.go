package replication

import (
	"errors"
	"fmt"
	"slices"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/store"
)

// A Spread sends one record of the owner to the other hosts of the preference list until R have it; the next host
// replaces a silent one.
type Spread struct {
	want   int // R
	tried  []chord.Peer
	holds  []chord.Peer // each on another host, the owner first
	failed error        // the error of a live host
}

// NewSpread begins to spread a record that the owner has stored, to R hosts with its own.
func NewSpread(owner chord.Peer, r int) *Spread {
	return &Spread{want: r, holds: []chord.Peer{owner}}
}

// Missing returns the number of hosts that must still store the record, and the hosts that have
// been tried.
func (s *Spread) Missing() (n int, tried []chord.Peer) { return s.want - len(s.holds), s.tried }

// Send notes the hosts that are tried next.
func (s *Spread) Send(batch []chord.Peer) { s.tried = append(s.tried, batch...) }

// Answered notes the answers of a batch of hosts. It returns those that lack the record, and an error if the write must
// not be acknowledged.
func (s *Spread) Answered(batch []chord.Peer, errs []error) (lack []chord.Peer, fatal error) {
	for i, err := range errs {
		switch {
		case err == nil:
			s.holds = append(s.holds, batch[i])
		case errors.Is(err, terms.ErrOvertaken):
			return lack, err
		default:
			lack = append(lack, batch[i])
			if !errors.Is(err, terms.ErrDead) {
				s.failed = err
			}
		}
	}
	return lack, nil
}

// Outcome returns the members that hold the record, when no other host is left: fewer than R only if there are no more
// hosts. It returns an error if a live host does not accept the record, and R do not have it.
func (s *Spread) Outcome() ([]chord.Peer, error) {
	if len(s.holds) < s.want && s.failed != nil {
		return nil, s.failed
	}
	return s.holds, nil
}

// Next picks up to n hosts of a preference list that are not among those tried.
func Next(hosts []chord.Peer, n int, tried []chord.Peer) (next []chord.Peer) {
	for _, p := range hosts {
		if len(next) < n && !onHost(tried, p.Addr) {
			next = append(next, p)
		}
	}
	return next
}

func onHost(hosts []chord.Peer, addr string) bool {
	return slices.ContainsFunc(hosts, func(h chord.Peer) bool { return h.Addr == addr })
}

// HeldNewer is the error that a member holds a newer version of a record than the one sent to it.
//
// A replica may hold a newer version of a key than the owner does: from another owner of a range that had two, or from
// a peer that has forged it. The replica reports it when the owner sends a write, and the owner assigns the write a
// greater version, because the write has begun since. Otherwise the other version would one day supersede an
// acknowledged write. Members of an earlier protocol version do not report it.
type HeldNewer struct {
	By   chord.Peer
	Held *store.Record // its version alone
}

func (e HeldNewer) Error() string {
	return fmt.Sprintf("%s holds version %d instead", e.By.Addr, e.Held.Version)
}

// Newest returns the newest of a key's versions, and whether each of some members is known to have it: what was found at
// the members asked, nil for none, and what is held here.
func Newest(held *store.Record, asked []chord.Peer, found []*store.Record, replicas []chord.Peer) (newest *store.Record, everywhere bool) {
	newest = held
	for _, r := range found {
		if r != nil && r.Newer(newest) {
			newest = r
		}
	}
	lacks := func(p chord.Peer) bool {
		i := slices.Index(asked, p)
		return i < 0 || !newest.Same(found[i])
	}
	return newest, newest == nil || !slices.ContainsFunc(replicas, lacks)
}
