package kv

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
)

// TestReceiverIsTheFirstThatStays: however many members after a leaver leave, too, and however short the successor lists
// are, the leaver hands its range to the first one that stays. If none does it learns that it is on the last host.
func TestReceiverIsTheFirstThatStays(t *testing.T) {
	s := wideSpace()
	for others := 1; others <= 9; others++ {
		for successors := 1; successors <= 4; successors++ {
			for leaving := 0; leaving <= others; leaving++ {
				w, cfg := newFakeWorld(), Config{Space: s, Replicas: 1}
				var ring []chord.Peer
				for i := range others + 1 {
					ring = append(ring, chord.Peer{ID: s.FromUint64(uint64(10*i + 10)), Addr: fmt.Sprint("h", i), Incarnation: 1})
				}
				after := func(i int) (list []chord.Peer) {
					for n := 1; n <= min(successors, others); n++ {
						list = append(list, ring[(i+n)%len(ring)])
					}
					return list
				}
				var members []*Keeper
				for i, p := range ring {
					k, _ := w.add(t, terms.Ownership{Owner: p, From: ring[(i+others)%len(ring)].ID, Epoch: int64(i + 1)}, cfg, after(i)...)
					k.leaving = i > 0 && i <= leaving
					members = append(members, k)
				}
				k := members[0]
				to, epoch, err := k.receiver(t.Context())
				switch {
				case leaving == others:
					if !errors.Is(err, ErrLastHost) {
						t.Errorf("%d others, lists of %d: all leave, and the receiver is %v, %v", others, successors, to, err)
					}
					continue
				case err != nil || to != ring[leaving+1] || epoch != int64(leaving+2):
					t.Errorf("%d others, lists of %d, %d leave: receiver %v of epoch %d, %v", others, successors, leaving, to, epoch, err)
					continue
				case leaving > 0:
					continue
				}
				if _, err := k.tryHandOff(t.Context(), w.now.Add(time.Minute)); err != nil || k.reg.Load() != nil {
					t.Errorf("%d others, lists of %d: the range is not handed off: %v", others, successors, err)
				}
				if own := members[1].reg.Load(); own == nil || own.From != ring[others].ID || own.Epoch <= 2 {
					t.Errorf("%d others, lists of %d: the receiver has %v", others, successors, own)
				}
			}
		}
	}
}
