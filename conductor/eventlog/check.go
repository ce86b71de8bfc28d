package eventlog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"chordconductor/conductor/memory"
	"chordconductor/conductor/ring"
)

// ErrNone is the error for a directory without a history.
var ErrNone = errors.New("no history in this directory; expected the one that --data-dir names")

// A Report is the result of a Check.
type Report struct {
	Segments []SegmentReport
	Notes    []string // about other files, and about segments that are missing
	missing  int
}

// A SegmentReport describes one file.
type SegmentReport struct {
	File   string
	From   time.Time
	Events int
	Broken error // what cannot be read, between the last readable event of the segment and the next segment
	Cut    bool  // the program ended while the file was being written
}

// Problems counts the segments and files that cannot be read.
func (r *Report) Problems() int {
	n := r.missing
	for _, c := range r.Segments {
		if c.Broken != nil {
			n++
		}
	}
	return n
}

// Check reads a whole directory. It changes nothing and takes no lock: a segment that a running conductor is writing
// looks like one that ends early. A file that needs more than the given memory (nil: no limit) is reported as broken.
func Check(dir string, memory *memory.Share) (*Report, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	found, err := inspectRunning(dir)
	if err != nil {
		return nil, err
	}
	out := &Report{}
	for _, n := range found.unreadable {
		if found.passing(dir, n.path) {
			continue
		}
		out.missing++
		out.Notes = append(out.Notes, fmt.Sprintf("%s: %s", n.path, n.why))
	}
	for _, n := range found.strays {
		out.Notes = append(out.Notes, fmt.Sprintf("%s: %s; ignored", n.path, n.why))
	}
	if found.head != nil {
		out.missing++
		out.Notes = append(out.Notes, found.head.String())
	}
	damaged, err := filepath.Glob(filepath.Join(dir, "*.damaged*"))
	if err != nil {
		return nil, err
	}
	for _, path := range damaged {
		out.Notes = append(out.Notes, path+": set aside earlier because it could not be read; delete it when it is no longer needed")
	}
	if _, err := os.Lstat(filepath.Join(dir, manifestName)); errors.Is(err, os.ErrNotExist) && len(found.segments) == 0 && len(out.Notes) == 0 {
		return nil, fmt.Errorf("%s: %w", dir, ErrNone)
	}
	h := &History{opt: Options{Dir: dir, Seeking: memory}.withDefaults(), segments: found.segments}
	for _, c := range found.segments {
		if err := h.readable(c.size); err != nil {
			out.Segments = append(out.Segments, SegmentReport{File: filepath.Base(c.path), From: c.from, Broken: err})
			continue
		}
		in, err := h.load(c)
		if err != nil {
			return nil, err
		}
		if c.broken != nil && dropped(dir, c) {
			out.Notes = append(out.Notes, c.path+": dropped meanwhile, as the oldest of a history at its limit")
			continue
		}
		row := SegmentReport{File: filepath.Base(c.path), From: c.from, Cut: in.truncated}
		if len(in.data) > 0 {
			if cur, err := open(ring.Options{}, c, in.data); err != nil {
				h.breaks(c, err)
			} else {
				row.Events = cur.count()
				if err := cur.in.Err(); err != nil {
					h.breaks(c, err)
				}
			}
		}
		row.Broken = c.broken
		out.Segments = append(out.Segments, row)
	}
	return out, nil
}

// inspectRunning is like inspect, for a directory in which segments may be begun and dropped meanwhile.
func inspectRunning(dir string) (found *inventory, err error) {
	for range 100 { // a segment is begun every few seconds at most, and this takes less
		before, _, _ := readManifest(dir) // inspect reports what is wrong with the manifest
		found, err = inspect(dir)
		after, _, _ := readManifest(dir)
		if err != nil || before == after {
			break
		}
	}
	return found, err
}

// passing reports whether the file at path was unreadable for a temporary reason: it has just been created and is still
// empty, or it was dropped meanwhile.
func (inv *inventory) passing(dir, path string) bool {
	c := &segment{path: path}
	if !parse(strings.TrimSuffix(filepath.Base(path), suffix), "%010d-%020d", &c.number, &c.first) {
		return false
	}
	info, err := os.Stat(path)
	if err != nil {
		return dropped(dir, c)
	}
	_, err = segmentIn(path)
	return c.number == inv.manifest.Newest+1 && (err == nil || info.Size() <= int64(len(magic)+frameHeader))
}

// dropped reports whether the history itself has deleted a segment since.
func dropped(dir string, c *segment) bool {
	_, err := os.Lstat(c.path)
	m, _, manifestErr := readManifest(dir)
	return errors.Is(err, fs.ErrNotExist) && manifestErr == nil && c.number < m.Oldest
}

// count reads to the end of the segment and returns the number of events read.
func (c *reader) count() int {
	before := c.seq
	for {
		if _, more := c.peek(); !more {
			return int(c.seq - before)
		}
		c.skip()
	}
}
