package chordevent

import (
	"slices"
	"sync"

	"chordconductor/node/chord"
)

// arrays is the scratch space in which a list of peers becomes the arrays of a record, which the attribute package then
// duplicates. It comes from a pool: allocation would otherwise be a third of the cost of encoding a list.
type arrays struct {
	ids, addresses     []string
	incarnations, seqs []int64
	first, last        []int64
	hex                []byte // the identifiers, one after the other
}

var scratch = sync.Pool{New: func() any { return new(arrays) }}

func arraysOf(n int) *arrays {
	a := scratch.Get().(*arrays)
	for _, list := range []*[]string{&a.ids, &a.addresses} {
		*list = slices.Grow((*list)[:0], n)[:n]
	}
	for _, list := range []*[]int64{&a.incarnations, &a.seqs, &a.first, &a.last} {
		*list = slices.Grow((*list)[:0], n)[:n]
	}
	a.hex = a.hex[:0]
	return a
}

func (a *arrays) free() {
	clear(a.ids)
	clear(a.addresses)
	if cap(a.ids) <= 2*MaxFingerRuns { // a longer list is a caller's mistake, and not worth its memory
		scratch.Put(a)
	}
}

func (a *arrays) put(i int, p *PeerRef, digits int) {
	if *p != (PeerRef{}) {
		a.ids[i] = " " // anything: texts puts the identifier here
		a.hex = chord.AppendHex(a.hex, p.ID, digits)
	}
	a.addresses[i] = valid(p.Addr)
	a.incarnations[i], a.seqs[i] = p.Incarnation, p.Seq
}

// texts returns the identifiers as strings, all slices of one; "none" is empty.
func (a *arrays) texts(digits int) []string {
	all := string(a.hex)
	for i := range a.ids {
		if a.ids[i] != "" {
			a.ids[i], all = all[:digits], all[digits:]
		}
	}
	return a.ids
}
