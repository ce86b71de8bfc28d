package chord_test

import (
	"fmt"
	"testing"

	"chordconductor/node/chord"
)

// settled is one member of an ideal ring of n hashed members, with its fingers.
func settled(b *testing.B, n, r int) (chord.Space, chord.State, chord.Fingers) {
	s := space(b, 160)
	states := make([]chord.State, n)
	for i := range states {
		states[i] = chord.New(s, chord.Peer{ID: s.MemberID("10.0.0.1:7001", i), Addr: "10.0.0.1:7001", Incarnation: 1}, r)
	}
	ring := chord.Observe(states).States
	m := ring[0]
	for k := range m.Succ {
		m.Succ[k] = ring[(k+1)%n].Self
	}
	return s, m, idealFingers(s, m.Self.ID, ring)
}

func BenchmarkNextHops(b *testing.B) {
	for _, n := range []int{64, 1024} {
		for _, limit := range []int{1, 4} {
			b.Run(fmt.Sprintf("members=%d/limit=%d", n, limit), func(b *testing.B) {
				s, m, f := settled(b, n, 8)
				keys := make([]chord.ID, 1024)
				for i := range keys {
					keys[i] = s.Hash(fmt.Append(nil, i))
				}
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if hops, _ := chord.NextHops(m, f, keys[i%len(keys)], nil, limit); len(hops) == 0 {
						b.Fatal("no hop")
					}
					i++
				}
			})
		}
	}
}

func BenchmarkFingersFillFrom(b *testing.B) {
	s, m, f := settled(b, 1024, 8)
	b.ReportAllocs()
	slot := 0
	for b.Loop() {
		f, _ = f.FillFrom(s, m.Self.ID, slot, m.Succ[slot%len(m.Succ)])
		slot = (slot + 7) % s.Bits()
	}
}

func BenchmarkFingersUnchanged(b *testing.B) {
	s, m, f := settled(b, 1024, 8)
	run := f.Runs()[len(f.Runs())/2]
	b.ReportAllocs()
	for b.Loop() {
		if _, changed := f.FillFrom(s, m.Self.ID, run.First, run.Peer); changed != nil {
			b.Fatal("changed")
		}
	}
}

func BenchmarkHeadAlive(b *testing.B) {
	s, m, _ := settled(b, 1024, 8)
	n := chord.Neighbors{Peer: m.Succ[0], Pred: m.Self, Succ: m.Succ[1:]}
	b.ReportAllocs()
	for b.Loop() {
		chord.HeadAlive(s, m, n)
	}
}

func BenchmarkRingError(b *testing.B) {
	s := space(b, 160)
	states := make([]chord.State, 1000)
	for i := range states {
		states[i] = chord.New(s, chord.Peer{ID: s.MemberID("10.0.0.1:7001", i), Addr: "10.0.0.1:7001"}, 8)
	}
	ring := chord.Observe(states).States
	for i := range ring {
		ring[i].Pred = ring[(i+len(ring)-1)%len(ring)].Self
		for k := range ring[i].Succ {
			ring[i].Succ[k] = ring[(i+1+k)%len(ring)].Self
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, total := chord.Observe(ring).RingError(s); total != 0 {
			b.Fatal(total)
		}
	}
}
