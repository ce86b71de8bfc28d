package report

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"chordconductor/conductor/lab/result"
	"chordconductor/node/chord"
	"chordconductor/node/wire"
)

// shortDigits is the number of digits of an identifier in a path, enough to distinguish members of one ring by eye.
const shortDigits = 8

// short returns the first digits of an identifier, in the form that the ring uses.
func short(id chord.ID, bits int) string {
	digits := (bits + 3) / 4
	text := hex.EncodeToString(id[:])
	if digits > 0 && digits < len(text) {
		text = text[len(text)-digits:]
	}
	return text[:min(len(text), shortDigits)]
}

// fewText lists the first few names, and the number of the others.
func fewText(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// hop describes one step of a lookup: "finger 151 → 9a0c44d1".
func hop(h wire.Hop, bits int) string {
	id := short(h.Peer.ID, bits)
	var by string
	switch h.Pointer {
	case wire.Finger, wire.Successor:
		by = fmt.Sprintf("%s %d → ", h.Pointer, h.Slot)
	}
	if n := h.Timeouts; n > 0 {
		id += fmt.Sprintf(" (timeouts: %d)", n)
	}
	return by + id
}

// loads lists the members' keys and operations, and the keys expected from each member's share of the circle.
func loads(r *result.Result) []Load {
	out := make([]Load, 0, len(r.Loads))
	var keys int64
	for _, l := range r.Loads {
		keys += l.Owned
	}
	for _, l := range r.Loads {
		out = append(out, Load{
			Member: l.ID, Owned: l.Owned, Expected: round(l.Share * float64(keys)), Replica: l.Replica, Bytes: l.Bytes, Gets: l.Gets, Puts: l.Puts,
		})
	}
	slices.SortFunc(out, func(a, b Load) int {
		return cmp.Or(cmp.Compare(b.Owned, a.Owned), strings.Compare(a.Member, b.Member))
	})
	return out
}
