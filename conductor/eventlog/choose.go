package eventlog

import (
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// choose selects the segments of this record, one for each number. A directory may also hold copies, files of another
// record, and files that continue an earlier state of this record, such as a restored backup. The header identifies a
// file; the manifest names the oldest and the newest segment, and each segment names the end of the one before it.
func (inv *inventory) choose(byNumber map[uint64][]*segment, m manifest, manifested bool) {
	var found []*segment // newest first
	numbers := slices.Sorted(maps.Keys(byNumber))
	for _, n := range slices.Backward(numbers) {
		all := inv.withoutDuplicates(byNumber[n])
		ours := slices.DeleteFunc(slices.Clone(all), func(c *segment) bool {
			switch {
			case c.record != m.name() && (c.record != "" || n >= m.NamedFrom):
				return true
			case !manifested:
				return false
			case n == m.Newest:
				return c.first != m.NewestFirst || !c.from.Equal(m.NewestFrom)
			case n == m.Oldest && !m.OldestFrom.IsZero():
				return !c.from.Equal(m.OldestFrom)
			case n > m.Newest: // a crash came before the manifest was written, or the manifest is of an earlier state
				return !(n == m.Newest+1 && c.size <= endOfHeader(c)) && !slices.ContainsFunc(byNumber[n-1], c.follows)
			}
			return false
		})
		if len(found) > 0 && len(ours) > 1 {
			next := found[len(found)-1]
			ours = slices.DeleteFunc(slices.Clone(ours), func(c *segment) bool { return !next.follows(c) })
		}
		if len(ours) == 1 {
			found = append(found, ours[0])
		}
		for _, c := range all {
			switch {
			case len(ours) == 1 && c != ours[0]:
				inv.strays = append(inv.strays, note{c.path, "it belongs to another record than " + filepath.Base(ours[0].path)})
			case len(ours) != 1 && len(all) == 1:
				inv.unreadable = append(inv.unreadable, note{c.path, "it belongs to another record, or the manifest does"})
			case len(ours) != 1:
				inv.unreadable = append(inv.unreadable, note{c.path, "several files have this segment number, and none can be identified as part of this record"})
			}
		}
	}
	slices.Reverse(found)
	inv.segments = append(inv.segments, found...) // after the segments of the first format, which have no number
}

// withoutDuplicates keeps one file for each header: the one whose name matches its header, if there is one.
func (inv *inventory) withoutDuplicates(all []*segment) (kept []*segment) {
	for _, c := range all {
		i := slices.IndexFunc(kept, func(k *segment) bool {
			return k.record == c.record && k.first == c.first && k.from.Equal(c.from) && k.before == c.before
		})
		if i < 0 {
			kept = append(kept, c)
			continue
		}
		if filepath.Base(c.path) == nameOf(c) {
			kept[i], c = c, kept[i]
		}
		inv.strays = append(inv.strays, note{c.path, "it is a copy of segment " + filepath.Base(kept[i].path)})
	}
	return kept
}

// commonName returns the record that most files belong to, and the first number of its segments. It is for when the
// manifest cannot be read.
func commonName(byNumber map[uint64][]*segment) (name string, from uint64) {
	files, first := map[string]int{}, map[string]uint64{}
	for n, all := range byNumber {
		for _, c := range all {
			if files[c.record]++; c.record != "" && (first[c.record] == 0 || n < first[c.record]) {
				first[c.record] = n
			}
		}
	}
	best := ""
	for _, name := range slices.Sorted(maps.Keys(first)) {
		if files[name] > files[best] || best == "" {
			best = name
		}
	}
	return hex.EncodeToString([]byte(best)), first[best]
}

// follows reports whether c was begun right after the end of a, according to the checksum of a's bytes in c's header.
func (c *segment) follows(a *segment) bool {
	file, err := os.ReadFile(a.path)
	if err != nil || c.before.number != a.number {
		return false
	}
	end := scan(file, c.before.valid).end
	return end.valid == c.before.valid && end.sum == c.before.sum
}

// endOfHeader returns the length of a file that contains a segment's header and nothing else.
func endOfHeader(c *segment) int64 { return int64(len(magic) + frameHeader + len(headerOf(c))) }
