package replication

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/kv/termstest"
)

// hostsOf are members around the circle on some hosts, one of which may have several.
func hostsOf(t *rapid.T) (ring []chord.Peer) {
	for i := range rapid.IntRange(1, 30).Draw(t, "members") {
		p := termstest.Peer(uint64(2*i + 1))
		p.Addr = fmt.Sprint("host", rapid.IntRange(0, 12).Draw(t, "host"))
		ring = append(ring, p)
	}
	return ring
}

// TestPreference: the list has the distinct hosts after a member, in order, without its own and those whose members are
// away; and a search that every member answers finds as many as wanted, if there are as many.
func TestPreference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ring := hostsOf(t)
		lists := rapid.IntRange(1, 5).Draw(t, "lists")
		after := func(i int) (list []chord.Peer) {
			for j := 1; j <= min(lists, len(ring)-1); j++ {
				list = append(list, ring[(i+j)%len(ring)])
			}
			return list
		}
		gone := map[chord.Peer]bool{}
		for _, p := range ring[1:] {
			gone[p] = rapid.IntRange(0, 3).Draw(t, "gone") == 0
		}
		away := func(p chord.Peer) bool { return gone[p] }
		self, live := ring[0], slices.DeleteFunc(after(0), away)
		w, now := NewPreference(self), time.Unix(1000, 0)
		head := self
		if len(live) > 0 {
			head = live[0]
		}
		if !w.Update(head, live, after(0), away) || w.Update(head, live, after(0), away) {
			t.Fatal("the first successor has changed once, and not again")
		}
		check := func() {
			for i, p := range w.Hosts {
				if gone[p] || p.Addr == self.Addr || onHost(w.Hosts[:i], p.Addr) {
					t.Fatalf("%v in %v", p, w.Hosts)
				}
				if i > 0 && !chord.Between(w.Hosts[i-1].ID, p.ID, self.ID) {
					t.Fatalf("%v is not in order", w.Hosts)
				}
			}
		}
		check()
		// With complete lists of this many entries there are always others further on, as far as a member can tell.
		want := rapid.IntRange(0, 6).Draw(t, "want")
		s := w.Search(want, lists+1, false, func() []chord.Peer { return live }, away, now, now.Add(time.Second))
		if s == nil {
			if len(w.Hosts) < want && (w.Lacks || len(w.List) >= lists+1) {
				t.Fatalf("%d hosts of %d, and no search", len(w.Hosts), want)
			}
			return
		}
		if w.Search(want, lists+1, false, nil, away, now, now) != nil {
			t.Fatal("a second search at the same time")
		}
		asked := 0
		for p, some := w.Ask(s, away); some; p, some = w.Ask(s, away) {
			if asked++; asked > maxJumps {
				t.Fatal("it does not end")
			}
			if rapid.IntRange(0, 9).Draw(t, "silent") == 0 {
				if !w.Found(s, true) || w.Search(want, lists+1, false, func() []chord.Peer { return live }, away, now, now) == nil {
					t.Fatal("after a failure the next search begins at any time")
				}
				return
			}
			w.Answered(s, after(slices.Index(ring, p)))
		}
		if !w.Found(s, false) || w.Open {
			t.Fatal("it does not count, or is still open")
		}
		w.Update(head, live, after(0), away)
		check()
	})
}

// TestSearchOfAnOldList: what a search has found does not count if the host list has changed meanwhile.
func TestSearchOfAnOldList(t *testing.T) {
	now := time.Unix(1000, 0)
	noneAway := func(chord.Peer) bool { return false }
	w := NewPreference(termstest.Peer(0))
	list := []chord.Peer{termstest.Peer(10)}
	w.Update(list[0], list, list, noneAway)
	live := func() []chord.Peer { return list }
	s := w.Search(2, 1, false, live, noneAway, now, now.Add(time.Second))
	if p, some := w.Ask(s, noneAway); !some || p != list[0] {
		t.Fatalf("asks %v, %v", p, some)
	}
	w.Answered(s, []chord.Peer{termstest.Peer(20)})
	newer := []chord.Peer{termstest.Peer(12)}
	w.Update(newer[0], newer, newer, noneAway)
	if w.Found(s, false) {
		t.Error("it counts")
	}
	if w.Update(newer[0], newer, newer, noneAway); len(w.Hosts) != 1 {
		t.Errorf("the list has %v", w.Hosts)
	}
}

// TestReplicas: a replica counts as synced only if it was compared since the range last changed and has missed no write
// since that comparison began, whatever happens in between.
func TestReplicas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r Replicas
		now := time.Unix(1000, 0)
		type comparison struct {
			of    Replica
			valid bool
		}
		var running []comparison
		synced, whole := map[chord.Peer]bool{}, map[chord.Peer]bool{}
		void := func(is func(chord.Peer) bool) {
			for i := range running {
				if is(running[i].of.Peer) {
					running[i].valid = false
				}
			}
		}
		all := func(chord.Peer) bool { return true }
		t.Repeat(map[string]func(*rapid.T){
			"hosts": func(t *rapid.T) {
				var hosts []chord.Peer
				for _, n := range rapid.SliceOfNDistinct(rapid.Uint64Range(1, 4), 0, 3, rapid.ID).Draw(t, "hosts") {
					hosts = append(hosts, termstest.Peer(n))
				}
				before := slices.Clone(r)
				changed := r.Update(hosts)
				same := len(before) == len(hosts)
				for _, p := range hosts {
					same = same && before.On(p) != nil
				}
				if changed == same {
					t.Fatalf("from %v to %v: changed %v", before, hosts, changed)
				}
				for n := range uint64(5) {
					if p := termstest.Peer(n); r.On(p) == nil {
						delete(synced, p)
						delete(whole, p)
						running = slices.DeleteFunc(running, func(c comparison) bool { return c.of.Peer == p })
					}
				}
			},
			"compare": func(*rapid.T) {
				for _, h := range r.Due(now) {
					running = append(running, comparison{h, true})
				}
			},
			"equal": func(t *rapid.T) {
				if len(running) == 0 {
					return
				}
				i := rapid.IntRange(0, len(running)-1).Draw(t, "which")
				c := running[i]
				running = slices.Delete(running, i, i+1)
				r.Equal(c.of, now.Add(time.Minute))
				synced[c.of.Peer], whole[c.of.Peer] = c.valid, true
			},
			"missed": func(t *rapid.T) {
				p := termstest.Peer(rapid.Uint64Range(1, 4).Draw(t, "host"))
				if r.Lacks(p) {
					synced[p] = false
					void(func(q chord.Peer) bool { return q == p })
				}
			},
			"record": func(*rapid.T) {
				r.Unsync()
				clear(synced)
				void(all)
			},
			"range": func(t *rapid.T) {
				part := rapid.Bool().Draw(t, "part")
				r.Changed(part)
				clear(synced)
				if running = nil; !part { // the caller does not take an answer for another range
					clear(whole)
				}
			},
			"": func(t *rapid.T) {
				every := true
				for _, h := range r {
					if h.Synced != synced[h.Peer] || h.Compared != whole[h.Peer] {
						t.Fatalf("%v: want synced %v, whole %v", h, synced[h.Peer], whole[h.Peer])
					}
					every = every && h.Synced
				}
				if r.AllSynced() != every {
					t.Fatalf("all synced: %v, of %v", !every, r)
				}
				if full, missed, wanting := r.Count(len(r)); full < 0 || missed < 0 || wanting < 0 || every && full != int64(len(r)) {
					t.Fatalf("%d full, %d missed, %d wanting of %v", full, missed, wanting, r)
				}
			},
		})
	})
}
