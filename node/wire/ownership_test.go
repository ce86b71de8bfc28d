package wire

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"chordconductor/node/kv/termstest"
	"chordconductor/node/nodepb"
)

// TestOwnership: an ownership reads back as it was written, and one that no member can have is refused.
func TestOwnership(t *testing.T) {
	space := termstest.Space()
	rapid.Check(t, func(t *rapid.T) {
		o := termstest.DrawOwnership(t)
		got, err := ReadOwnership(space, Ownership(o))
		if err != nil || *got != o {
			t.Fatalf("%v reads back as %v, %v", o, got, err)
		}
		for name, spoil := range map[string]func(*nodepb.Ownership){
			"no owner":       func(w *nodepb.Ownership) { w.Owner = nil },
			"epoch 0":        func(w *nodepb.Ownership) { w.Epoch = 0 },
			"a last epoch":   func(w *nodepb.Ownership) { w.Epoch = MaxEpoch + 1 },
			"no beginning":   func(w *nodepb.Ownership) { w.From = nil },
			"off the circle": func(w *nodepb.Ownership) { w.From = append([]byte{1}, w.From[1:]...) },
			"long address":   func(w *nodepb.Ownership) { w.Owner.Address = strings.Repeat("a", MaxText+1) },
			"incarnation":    func(w *nodepb.Ownership) { w.Owner.Incarnation = -1 },
		} {
			w := Ownership(o)
			spoil(w)
			if got, err := ReadOwnership(space, w); err == nil {
				t.Fatalf("%s: %v", name, got)
			}
		}
	})
	if got, err := ReadOwnership(space, nil); got != nil || err != nil {
		t.Errorf("absent: %v, %v", got, err)
	}
}
