package kv

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
)

// A search for hosts beyond the member's lists asks the farthest member first. If that one and some before it have just
// left, a caller that needs a certain answer gets the hosts by way of those that remain, by one call.
func TestSearchPassesMembersThatHaveLeft(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, w := wideSpace(), newFakeWorld()
		cfg := Config{Space: s, Replicas: 3}
		others := rapid.IntRange(1, 8).Draw(rt, "listed hosts")
		gone := rapid.IntRange(0, min(others-1, maxPasses)).Draw(rt, "gone, from the farthest")
		peer := func(n int) chord.Peer {
			return chord.Peer{ID: s.FromUint64(uint64(n)), Addr: fmt.Sprint("h", n), Incarnation: 1}
		}
		beyond := []chord.Peer{peer(50), peer(51)}
		var listed []chord.Peer
		for i := range others {
			listed = append(listed, peer(3+i))
		}
		for _, p := range listed[:others-gone] {
			_, m := w.add(t, terms.Ownership{Owner: p}, cfg)
			m.state.Succ = beyond
		}
		for _, p := range beyond {
			w.add(t, terms.Ownership{Owner: p}, cfg)
		}
		k, m := w.add(t, terms.Ownership{Owner: peer(2), From: s.FromUint64(1), Epoch: 1}, cfg, listed...)
		m.keeper = k
		k.mu.Lock()
		for _, p := range listed {
			k.learnLeaver(p)
		}
		k.mu.Unlock()
		k.preference.Lacks = true // the host list names hosts that are about to leave
		hosts := k.findHosts(t.Context(), cfg.Replicas-1, true)
		for _, p := range beyond {
			if !slices.Contains(hosts, p) {
				rt.Fatalf("%d of %d listed hosts are gone: found %v, not %v", gone, others, hosts, p)
			}
		}
		if k.preference.Open {
			rt.Error("the search counts as interrupted")
		}
	})
}
