package store

import "chordconductor/node/chord"

// Parts splits (from, to] into at most 32 arcs, where the first hex digit in which the arc's identifiers differ
// changes, and at zero. It returns the end of each part; the last is to. An arc of one identifier is one part, and
// repeated splitting comes down to these after at most 40 times.
func Parts(space chord.Space, from, to chord.ID) []chord.ID {
	if from.Compare(to) < 0 {
		return splits(nil, after(from), to)
	}
	var ends []chord.ID
	if top := space.Distance(space.FromUint64(1), chord.ID{}); from != top {
		ends = splits(ends, after(from), top)
	}
	return splits(ends, chord.ID{}, to)
}

// splits appends the ends of the parts of the identifiers from first to last, both included.
func splits(ends []chord.ID, first, last chord.ID) []chord.ID {
	i := 0
	for i < idDigits && digit(first, i) == digit(last, i) {
		i++
	}
	if i < idDigits {
		for d := digit(first, i); d < digit(last, i); d++ {
			end := floor(first, i)
			end[i/2] |= byte(d << (4 * (1 - i%2)))
			if i%2 == 0 {
				end[i/2] |= 0x0f
			}
			for j := i/2 + 1; j < len(end); j++ {
				end[j] = 0xff
			}
			ends = append(ends, end)
		}
	}
	return append(ends, last)
}

// after is the identifier after id, which is not the last one.
func after(id chord.ID) chord.ID {
	for i := len(id) - 1; i >= 0; i-- {
		id[i]++
		if id[i] != 0 {
			break
		}
	}
	return id
}
