package wire

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
)

// MaxPath bounds the members that a lookup's answer may name.
const MaxPath = 1 << 12

// A Lookup is a finished lookup as a client receives it.
type Lookup struct {
	Key      chord.ID // the key's identifier
	Owner    chord.Peer
	Path     []Hop // initiator first, owner last; empty after an operation on a key, whose answer names the owner alone
	Duration time.Duration
	Trace    string // 32 hexadecimal digits; empty: not sampled
	Mode     string // recursive or iterative; empty after an operation on a key
	Timeouts int    // members that did not answer
}

// A Hop is a member that a lookup visited.
type Hop struct {
	Peer     chord.Peer
	Pointer  string        // of Pointers: what led there from the hop before
	Slot     int           // finger slot, or index in the successor list
	Timeouts int           // candidates before this one that did not answer
	At       time.Duration // since the lookup's start, as far as the difference of the two hosts' clocks is known
}

// A Written is the answer to a put or delete.
type Written struct {
	Lookup  *Lookup // nil: cannot be read
	Copies  int     // distinct hosts that hold the write
	Version uint64
}

// A Got is the answer to a get.
type Got struct {
	Lookup  *Lookup // nil: cannot be read
	Value   []byte
	Version uint64
}

// The pointers that lead from one hop to the next which readers distinguish.
const (
	Finger    = "finger"
	Successor = "successor"
)

// Pointers lists all pointers, of which the first is none.
func Pointers() (names []string) {
	for number := range len(nodepb.Candidate_Pointer_name) {
		names = append(names, pointerName(nodepb.Candidate_Pointer(number)))
	}
	return names
}

func pointerName(p nodepb.Candidate_Pointer) string {
	return strings.ToLower(strings.TrimPrefix(p.String(), "POINTER_"))
}

// widest is the greatest space: a client does not know how many bits identifiers have.
var widest, _ = chord.NewSpace(chord.MaxBits)

// ReadLookup reads a lookup that names its key and owner; absent is nil.
func ReadLookup(l *nodepb.Lookup) (*Lookup, error) {
	if l == nil {
		return nil, nil
	}
	key, err := ReadID(widest, l.Key)
	if err != nil {
		return nil, fmt.Errorf("key of a lookup: %w", err)
	}
	owner, err := readMember(l.Owner)
	if err != nil {
		return nil, fmt.Errorf("owner of a key: %w", err)
	}
	if len(l.Path) > MaxPath || len(l.TraceId) > MaxText || len(l.Mode) > MaxText {
		return nil, fmt.Errorf("lookup with a path of %d, or a text longer than %d bytes: expected a path of at most %d", len(l.Path), MaxText, MaxPath)
	}
	out := &Lookup{
		Key: key, Owner: owner, Duration: time.Duration(l.DurationMicros) * time.Microsecond, Trace: l.TraceId, Mode: l.Mode, Timeouts: int(l.Timeouts),
	}
	for i, h := range l.Path {
		peer, err := readMember(h.GetPeer())
		if err != nil {
			return nil, fmt.Errorf("hop %d of a lookup: %w", i, err)
		}
		out.Path = append(out.Path, Hop{
			Peer: peer, Pointer: pointerName(h.GetPointer()), Slot: int(h.GetSlot()), Timeouts: int(h.GetTimeouts()), At: time.Duration(h.GetAtMicros()) * time.Microsecond,
		})
	}
	return out, nil
}

// readMember reads a peer that must be there.
func readMember(p *nodepb.Peer) (chord.Peer, error) {
	if len(p.GetId()) == 0 {
		return chord.Peer{}, errors.New("no member is named")
	}
	return ReadPeer(widest, p)
}

// ReadPut reads the answer to a put. What cannot be read of its lookup is left out: the write is acknowledged.
func ReadPut(a *nodepb.PutResponse) Written {
	l, _ := ReadLookup(a.GetLookup())
	return Written{l, int(a.GetCopies()), a.GetVersion()}
}

// ReadDelete reads the answer to a delete, likewise.
func ReadDelete(a *nodepb.DeleteResponse) Written {
	l, _ := ReadLookup(a.GetLookup())
	return Written{l, int(a.GetCopies()), a.GetVersion()}
}

// ReadGet reads the answer to a get, likewise.
func ReadGet(a *nodepb.GetResponse) Got {
	l, _ := ReadLookup(a.GetLookup())
	return Got{l, a.GetValue(), a.GetVersion()}
}
