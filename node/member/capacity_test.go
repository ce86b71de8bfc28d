package member_test

import (
	"errors"
	"testing"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/member"
	"chordconductor/node/simenv"
)

// TestCapacity: on every circle a host carries as many members as Capacity allows, though virtual indices collide where
// there are few identifiers, and a Start with one more is refused before any member of it has started.
func TestCapacity(t *testing.T) {
	for bits := chord.MinBits; bits <= 10; bits++ {
		w := newSimWorld(t, simenv.Config{Seed: uint64(bits)})
		h := w.host(t, member.Config{Bits: bits, Replicas: 1})
		capacity := member.Capacity(bits)
		if _, err := h.Start(capacity + 1); !errors.Is(err, member.ErrTooMany) || len(h.Members()) != 0 {
			t.Errorf("%d bits: start of %d members: %v, and %d are there", bits, capacity+1, err, len(h.Members()))
		}
		if _, err := h.Start(capacity); err != nil {
			t.Fatalf("%d bits: start of %d members: %v", bits, capacity, err)
		}
		w.until(t, time.Minute, "all members are active", func() bool { return len(active(h)) == capacity })
		if _, err := h.Start(1); !errors.Is(err, member.ErrTooMany) {
			t.Errorf("%d bits: start of one more than %d members: %v", bits, capacity, err)
		}
		h.Members()[0].Crash()
		if _, err := h.Start(1); err != nil {
			t.Errorf("%d bits: start of a member in the place of one that has crashed: %v", bits, err)
		}
	}
}

// active lists the active members of a host.
func active(h *host) (list []*member.Member) {
	for _, m := range h.Members() {
		if m.Status() == "active" {
			list = append(list, m)
		}
	}
	return list
}
