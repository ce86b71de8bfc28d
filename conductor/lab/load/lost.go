package load

import (
	"encoding/binary"
	"encoding/hex"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
)

// A lastWrite is the acknowledged write with the greatest version of a key.
type lastWrite struct {
	at       int64  // when the write was acknowledged, Unix nanoseconds
	replicas uint32 // index in replicaSets
	trace    [16]byte
}

// maxReplicaSets bounds the sets of replicas that are kept. There are about as many sets as members that ever owned
// keys; beyond the bound the replicas of further writes are not kept.
const maxReplicaSets = 1 << 16

// replicaSets keeps each set of replicas once, since all keys of a range have the same.
type replicaSets struct {
	index map[string]uint32
	sets  [][]chord.Peer // 0: not known
}

// add stores the set of replicas that an answer names, unless it is stored already, and returns its index.
func (h *replicaSets) add(list []*nodepb.Peer) uint32 {
	var name []byte
	peers := make([]chord.Peer, 0, len(list))
	for _, w := range list {
		id, ok := chord.IDFromBytes(w.GetId())
		if !ok {
			return 0
		}
		p := chord.Peer{ID: id, Addr: w.GetAddress(), Incarnation: w.GetIncarnation()}
		name = binary.AppendVarint(append(append(name, p.ID[:]...), p.Addr...), p.Incarnation)
		peers = append(peers, p)
	}
	if i, known := h.index[string(name)]; known || len(peers) == 0 {
		return i
	}
	if h.index == nil {
		h.index, h.sets = make(map[string]uint32), make([][]chord.Peer, 1)
	}
	if len(h.sets) == maxReplicaSets {
		return 0
	}
	i := uint32(len(h.sets))
	h.index[string(name)] = i
	h.sets = append(h.sets, peers)
	return i
}

// writeOf returns the lastWrite that an answer to a put describes.
func (h *replicaSets) writeOf(answer *nodepb.PutResponse, at time.Time) lastWrite {
	w := lastWrite{at: at.UnixNano(), replicas: h.add(answer.GetHolders())}
	if trace, err := hex.DecodeString(answer.GetLookup().GetTraceId()); err == nil {
		copy(w.trace[:], trace)
	}
	return w
}

// A LostKey is a key whose latest read did not show its last acknowledged write.
type LostKey struct {
	Key     string
	Version uint64       // of the last acknowledged write
	Written time.Time    // when the write was acknowledged
	Trace   string       // of that write; empty: not sampled
	Copies  int          // replicas counted by the acknowledgement
	Holders []chord.Peer // replicas that the acknowledgement named, the owner first; nil: not known
	Found   Found
}

// Found is what the latest read of a lost key found.
type Found string

const (
	FoundNothing Found = "nothing"
	FoundOlder   Found = "an older write"
	NoAnswer     Found = "no answer" // so the write may be there
)

// Lost describes the keys lost at present, in the order of their numbers, at most limit.
func (o *Oracle) Lost(limit int) (list []LostKey) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.keys {
		p := &o.keys[i]
		if !p.missing {
			continue
		}
		if len(list) == limit {
			break
		}
		k := LostKey{
			Key: string(KeyName(i)), Version: p.version, Written: time.Unix(0, p.last.at).UTC(), Copies: int(p.replicas), Found: FoundNothing,
		}
		if p.last.trace != [16]byte{} {
			k.Trace = hex.EncodeToString(p.last.trace[:])
		}
		if n := p.last.replicas; n > 0 {
			k.Holders = o.replicaSets.sets[n]
		}
		if p.silent {
			k.Found = NoAnswer
		} else if p.older {
			k.Found = FoundOlder
		}
		list = append(list, k)
	}
	return list
}

// Lost describes the keys lost at present, at most limit.
func (d *Driver) Lost(limit int) []LostKey { return d.oracle.Lost(limit) }
