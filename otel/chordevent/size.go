package chordevent

import "unsafe"

// MemorySize returns about how much memory an event takes, in bytes, its lists and strings
// included. Bounds in bytes use it.
func (ev *Event) MemorySize() int64 {
	n := int64(unsafe.Sizeof(*ev)) + bodySize(ev.Body)
	for _, s := range []string{ev.Ring, ev.Instance, ev.Host.ID, ev.Host.Address} {
		n += textSize(s)
	}
	return n
}

func bodySize(body Body) int64 {
	const boxed = 64
	switch b := body.(type) {
	case Started:
		return boxed + textSize(b.Address)
	case SuccessorsChanged:
		return boxed + PeersSize(b.Successors)
	case FingersChanged:
		return boxed + RunsSize(b.Runs)
	case State:
		return int64(unsafe.Sizeof(b)) + textSize(b.Address) + PeersSize(b.Successors) + textSize(b.Predecessor.Addr) + RunsSize(b.Fingers)
	case Joined:
		return boxed + textSize(b.Through.Addr)
	case PredecessorChanged:
		return boxed + textSize(b.Predecessor.Addr)
	case PeerFailed:
		return 2*boxed + textSize(b.Peer.Addr) + textSize(b.Operation)
	case KeysMoved:
		return int64(unsafe.Sizeof(b)) + textSize(b.MoveID) + textSize(b.Peer.Addr)
	case Leaving:
		return boxed + textSize(b.Successor.Addr)
	case Left:
		return boxed + textSize(b.Successor.Addr)
	}
	return 2 * boxed
}

// PeersSize returns the memory of a list of peers, in bytes.
func PeersSize(peers []PeerRef) (n int64) {
	for i := range peers {
		n += int64(unsafe.Sizeof(peers[i])) + textSize(peers[i].Addr)
	}
	return n
}

// RunsSize returns the memory of a list of finger runs, in bytes.
func RunsSize(runs []FingerRun) (n int64) {
	for i := range runs {
		n += int64(unsafe.Sizeof(runs[i])) + textSize(runs[i].Peer.Addr)
	}
	return n
}

// textSize returns a string's bytes as the allocator rounds them.
func textSize(s string) int64 { return int64(len(s)+15) &^ 15 }
