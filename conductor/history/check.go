package history

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"chordconductor/conductor/ring"
)

// A Report is the result of a Check.
type Report struct {
	Segments []SegmentReport
	Notes    []string // about other files, and about segments that are missing
	missing  int
}

// A SegmentReport is about one file.
type SegmentReport struct {
	File   string
	From   time.Time
	Events int
	Broken error // what cannot be read, between its last readable event and the next segment
	Cut    bool  // the program ended while it was being written
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
// looks like one that ends early.
func Check(dir string) (*Report, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	found, err := inspect(dir)
	if err != nil {
		return nil, err
	}
	out := &Report{}
	for _, n := range found.unreadable {
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
	h := &History{opt: Options{Dir: dir}.withDefaults(), segments: found.segments}
	for _, c := range found.segments {
		in, err := h.load(c)
		if err != nil {
			return nil, err
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

// count reads to the end and returns the number of events on the way.
func (c *reader) count() int {
	before := c.seq
	for {
		if _, more := c.peek(); !more {
			return int(c.seq - before)
		}
		c.skip()
	}
}
