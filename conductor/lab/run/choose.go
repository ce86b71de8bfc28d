package run

import (
	"slices"
	"time"

	"chordconductor/node/chord"
)

// chance returns a random number below n. Several tasks call it, so in real time the order of the calls differs between
// two runs; in virtual time it does not.
func (s *Simulation) chance(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rand.IntN(n)
}

func (s *Simulation) exponential(rate float64) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Duration(s.rand.ExpFloat64() / rate * float64(time.Second))
}

// someHosts chooses a share of the hosts, at least one and never all.
func (s *Simulation) someHosts(share float64) map[string]bool { return s.choose(share, nil, 1) }

// otherHosts chooses a share of the hosts that are not in than, at least one.
func (s *Simulation) otherHosts(share float64, than map[string]bool) map[string]bool {
	return s.choose(share, than, 0)
}

func (s *Simulation) choose(share float64, except map[string]bool, spared int) map[string]bool {
	var able []string
	for _, h := range s.fleet.Hosts() {
		if !except[h.Address] {
			able = append(able, h.Address)
		}
	}
	n := min(max(1, int(share*float64(len(able))+0.5)), len(able)-spared)
	chosen := make(map[string]bool, max(n, 0))
	for range n {
		i := s.chance(len(able))
		chosen[able[i]] = true
		able = slices.Delete(able, i, i+1)
	}
	return chosen
}

// victims chooses n members that are on the ring and not stopped yet: anywhere, or, if adjacent is true, neighbours on
// different hosts.
func (s *Simulation) victims(n int, adjacent bool) []chord.ID {
	type candidate struct {
		id   chord.ID
		host string
	}
	var able []candidate
	for _, h := range s.fleet.Hosts() {
		for _, m := range h.Members {
			if m.Joined {
				able = append(able, candidate{m.ID, h.Address})
			}
		}
	}
	slices.SortFunc(able, func(a, b candidate) int { return a.id.Compare(b.id) })
	s.mu.Lock()
	defer s.mu.Unlock()
	able = slices.DeleteFunc(able, func(c candidate) bool { return s.stopping[c.id] })
	var chosen []chord.ID
	hit := make(map[string]bool)
	for at := 0; len(chosen) < n && len(able) > 1; {
		if !adjacent || len(chosen) == 0 {
			at = s.rand.IntN(len(able))
		}
		at %= len(able)
		c := able[at]
		able = slices.Delete(able, at, at+1)
		if adjacent && hit[c.host] {
			continue // the member is on a host that is hit already: no separate failure
		}
		hit[c.host] = true
		s.stopping[c.id] = true
		chosen = append(chosen, c.id)
	}
	return chosen
}

// fewHosts chooses that many hosts, but never all.
func (s *Simulation) fewHosts(count int) map[string]bool {
	hosts := s.fleet.Hosts()
	chosen := make(map[string]bool)
	for range min(count, len(hosts)-1) {
		at := s.chance(len(hosts))
		for chosen[hosts[at].Address] {
			at = (at + 1) % len(hosts)
		}
		chosen[hosts[at].Address] = true
	}
	return chosen
}

func (s *Simulation) allHosts() map[string]bool {
	all := make(map[string]bool)
	for _, h := range s.fleet.Hosts() {
		all[h.Address] = true
	}
	return all
}

func (s *Simulation) countMembers(hosts map[string]bool) (n int) {
	for _, h := range s.fleet.Hosts() {
		if hosts[h.Address] {
			n += len(h.Members)
		}
	}
	return n
}
