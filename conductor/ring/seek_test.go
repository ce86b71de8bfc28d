package ring

import (
	"math/rand/v2"
	"slices"
	"testing"

	"chordconductor/node/chord"
)

// seek finds what a plain search finds, on identifier circles of any size, from any hint, with shared first bytes.
func TestSeek(t *testing.T) {
	random := rand.New(rand.NewPCG(12, 13))
	for range 400 {
		r := New(Options{})
		r.parameters.bits = []int{0, 1, 3, 8, 31, 64, 65, 71, 96, 128, 159, 160}[random.IntN(12)]
		draw := func() chord.Peer {
			var p chord.Peer
			size := (max(r.parameters.bits, 1) + 7) / 8
			if r.parameters.bits == 0 || random.IntN(20) == 0 { // of a larger circle
				size = len(p.ID)
			}
			for i := len(p.ID) - size; i < len(p.ID); i++ {
				if p.ID[i] = byte(random.Uint32()); random.IntN(3) > 0 {
					p.ID[i] &= 1
				}
			}
			p.Incarnation = random.Int64N(3)
			return p
		}
		for range random.IntN(60) {
			p := draw()
			x := &record{}
			x.id, x.inc, x.counted = p.ID, p.Incarnation, true
			if _, found := slices.BinarySearchFunc(r.live, p, inOrder); found || r.records[p.ID] != nil {
				continue
			}
			r.records[p.ID] = x
			r.tree.insert(x)
		}
		r.rankAll()
		for range 50 {
			p, hint := draw(), 0
			if n := len(r.live); n > 0 {
				hint = random.IntN(n)
			}
			want, known := slices.BinarySearchFunc(r.live, p, inOrder)
			if got, found := r.seek(p, hint); got != want || found != known {
				t.Fatalf("%d bits, %d members, from %d: %v is at %d, %v; want %d, %v", r.parameters.bits, len(r.live), hint, p, got, found, want, known)
			}
		}
	}
}
