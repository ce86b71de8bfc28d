package live

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"strings"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// shortDigits is the number of digits of an identifier that are shown: enough to distinguish members by eye.
const shortDigits = 8

// A describer writes an event as one line that continues the member's ID: "joined through 1f0c22ab".
type describer struct{ digits int }

func (d describer) id(id chord.ID) string {
	full := hex.EncodeToString(id[:])
	digits := d.digits
	if digits <= 0 || digits > len(full) {
		digits = len(full)
	}
	full = full[len(full)-digits:]
	return full[:min(shortDigits, len(full))]
}

func (d describer) text(body chordevent.Body) string {
	switch b := body.(type) {
	case chordevent.Started:
		return "starts to join, at " + b.Address
	case chordevent.Joined:
		if !b.Through.Real() {
			return "founded the ring"
		}
		return "joined through " + d.id(b.Through.ID)
	case chordevent.SuccessorsChanged:
		return d.successors(b.Successors)
	case chordevent.PredecessorChanged:
		if !b.Predecessor.Real() {
			return "has no predecessor"
		}
		return "has predecessor " + d.id(b.Predecessor.ID)
	case chordevent.OwnershipChanged:
		if !b.Owns {
			return "is responsible for no keys"
		}
		return fmt.Sprintf("is responsible for the keys from %s on (epoch %d)", d.id(b.From), b.Epoch)
	case chordevent.FingersChanged:
		return fingers(b.Runs)
	case chordevent.PeerFailed:
		return "lost contact with " + d.id(b.Peer.ID) + " while " + doing(b.Operation)
	case chordevent.KeysMoved:
		return d.move(b)
	case chordevent.NodeLoad:
		return fmt.Sprintf("holds %s and %s, %s", plural(b.OwnedKeys, "key"), plural(b.ReplicaKeys, "replica"), size(b.Bytes))
	case chordevent.Leaving:
		return "leaves" + d.takesOver(b.Successor)
	case chordevent.Left:
		return "left" + d.takesOver(b.Successor)
	case chordevent.State:
		return "reported its whole state: " + string(b.Status)
	}
	return string(body.Kind())
}

// activities describes the operations that detect failed peers.
var activities = map[string]string{
	chordevent.SpanLookup:           "passing on a lookup",
	chordevent.SpanGet:              "reading a key",
	chordevent.SpanPut:              "writing a key",
	chordevent.SpanDelete:           "deleting a key",
	chordevent.SpanLeave:            "leaving",
	chordevent.SpanStabilize:        "stabilizing",
	chordevent.SpanRectify:          "rectifying its predecessor",
	chordevent.SpanCheckPredecessor: "checking its predecessor",
	chordevent.SpanMerge:            "merging rings",
	chordevent.SpanKeysMove:         "moving keys",
	chordevent.SpanRepair:           "re-replicating keys",
}

func doing(operation string) string { return cmp.Or(activities[operation], "running "+operation) }

func (d describer) successors(list []chordevent.PeerRef) string {
	var names []string
	for _, p := range list {
		if p.Real() {
			names = append(names, d.id(p.ID))
		}
	}
	switch {
	case len(names) == 0:
		return "has no successor"
	case len(names) == 1:
		return "has successor " + names[0]
	case len(names) <= 3:
		return "has successors " + strings.Join(names, ", ")
	}
	return fmt.Sprintf("has successors %s and %d more", strings.Join(names[:3], ", "), len(names)-3)
}

func fingers(runs []chordevent.FingerRun) string {
	switch len(runs) {
	case 0:
		return "looked at its fingers"
	case 1:
		if runs[0].First == runs[0].Last {
			return fmt.Sprintf("set finger %d", runs[0].First)
		}
		return fmt.Sprintf("set fingers %d to %d", runs[0].First, runs[0].Last)
	}
	return fmt.Sprintf("set fingers %d to %d, %d runs", runs[0].First, runs[len(runs)-1].Last, len(runs))
}

func (d describer) move(b chordevent.KeysMoved) string {
	way := "from"
	if b.Outgoing {
		way = "to"
	}
	verb := map[bool]map[chordevent.MovePhase]string{
		true:  {chordevent.MoveStarted: "sends", chordevent.MoveDone: "sent", chordevent.MoveFailed: "failed to send"},
		false: {chordevent.MoveStarted: "receives", chordevent.MoveDone: "received", chordevent.MoveFailed: "failed to receive"},
	}[b.Outgoing][b.Phase]
	if b.Phase == chordevent.MoveStarted && b.Keys == 0 {
		return fmt.Sprintf("%s a range %s %s (%s)", verb, way, d.id(b.Peer.ID), b.Reason)
	}
	return fmt.Sprintf("%s %s, %s, %s %s (%s)", verb, plural(b.Keys, "key"), size(b.Bytes), way, d.id(b.Peer.ID), b.Reason)
}

func (d describer) takesOver(p chordevent.PeerRef) string {
	if !p.Real() {
		return ""
	}
	return "; " + d.id(p.ID) + " takes over"
}

func plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// size returns bytes with a binary unit, as page and report have it.
func size(n int64) string {
	const unit = 1024
	switch {
	case n < unit:
		return fmt.Sprintf("%d B", n)
	case n < unit*unit:
		return fmt.Sprintf("%.1f KiB", float64(n)/unit)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/unit/unit)
}
