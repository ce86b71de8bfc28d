package eventlog

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"chordconductor/conductor/ring"
	"chordconductor/internal/dirs"
)

// unknownEvents is by how much event numbers jump over missing segments: no number may occur twice, and no segment has
// as many events.
const unknownEvents = 1 << 24

// A dirLock keeps other programs from writing to the same directory. The system releases it when the program ends, for
// whatever reason.
type dirLock struct{ f *os.File }

func lockDir(dir string) (*dirLock, error) {
	f, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errors.New("the directory is in use by another conductor")
		}
		return nil, errors.Join(err, f.Close())
	}
	return &dirLock{f}, nil
}

func (l *dirLock) release() error { return l.f.Close() }

// openDir makes and locks the directory and lists the segments in it.
func (h *History) openDir() error {
	if err := dirs.Make(h.opt.Dir, 0o700); err != nil {
		return err
	}
	lock, err := lockDir(h.opt.Dir)
	if err != nil {
		return err
	}
	if err := h.list(); err != nil {
		return errors.Join(err, lock.release())
	}
	h.lock = lock
	if h.manifest.name() == "" {
		name := make([]byte, recordBytes)
		rand.Read(name) // never fails
		h.manifest.Record, h.manifest.NamedFrom = hex.EncodeToString(name), h.next
		if err := h.manifest.write(h.opt.Dir); err != nil {
			h.opt.Logf("history: %s", err) // the first segment tries again
		}
	}
	return nil
}

// list finds the segments of earlier runs, and where the last of them ends. It renames the files that cannot be read.
func (h *History) list() error {
	found, err := inspect(h.opt.Dir)
	if err != nil {
		return err
	}
	for _, s := range found.strays {
		h.opt.Logf("history: ignored %s: %s", s.path, s.why)
	}
	for _, s := range found.unreadable {
		to, err := setAside(s.path)
		if err != nil {
			return err
		}
		h.opt.Logf("history: set aside %s as %s: %s", s.path, filepath.Base(to), s.why)
	}
	h.segments, h.head, h.next, h.manifest = found.segments, found.head, found.next, found.manifest
	if h.head != nil {
		h.opt.Logf("history: %s", h.head)
	}
	for _, c := range h.segments {
		if c.broken != nil {
			h.opt.Logf("history: %s", c.broken)
		}
	}
	if len(h.segments) == 0 {
		h.stats.LastSeq = found.manifest.NewestFirst
		h.stats.To = found.manifest.NewestFrom
	} else if err := h.measure(h.segments[len(h.segments)-1]); err != nil {
		return err
	}
	if found.lostEnd {
		h.stats.LastSeq = max(h.stats.LastSeq, found.manifest.NewestFirst)
		if found.manifest.NewestFrom.After(h.stats.To) {
			h.stats.To = found.manifest.NewestFrom
		}
	}
	if found.lostEnd || len(h.segments) == 0 && h.head != nil {
		h.stats.LastSeq += unknownEvents
	}
	return nil
}

// measure finds the last event of the last segment, the instant of that event, and where the segment's file ends.
func (h *History) measure(c *segment) error {
	if err := h.readable(c.size); err != nil { // with more memory the file can be read: so the header of the next segment does not state where it ends
		h.opt.Logf("history: %s: %s; recording continues after it", c.path, err)
		h.stats.LastSeq, h.stats.To, h.last = c.first-1+unknownEvents, c.from, link{number: c.number, valid: -1}
		return nil
	}
	in, err := h.load(c)
	if err != nil {
		return err
	}
	data := in.data
	h.stats.LastSeq, h.stats.To, h.last = c.first-1, c.from, in.end
	if in.truncated && c.broken == nil {
		h.opt.Logf("history: %s: byte %d: the last run ended without closing the file; its record ends there", c.path, in.end.valid)
	}
	if len(data) == 0 {
		c.empty = c.broken == nil
	} else if cur, err := open(h.opt.Ring, c, data); errors.Is(err, ring.ErrVersion) {
		h.stats.LastSeq += uint64(len(data)) // an event takes a byte or more: numbers must not occur twice
	} else if err != nil {
		h.breaks(c, fmt.Errorf("%s: %w", c.path, err))
	} else {
		cur.count()
		if err := cur.in.Err(); err != nil {
			h.breaks(c, fmt.Errorf("%s: %w", c.path, err))
		}
		h.stats.LastSeq, h.stats.To = cur.seq, cur.now
		c.readTo = cur.now
	}
	if c.broken != nil {
		h.stats.LastSeq += uint64(c.size) // an event takes a byte or more, as above
		h.last = link{number: c.number, valid: c.size}
	} else if !c.old {
		c.valid, c.sum = in.end.valid, in.end.sum // what is missing from now on was there
	}
	return nil
}

// load reads a segment from its file, up to the first byte that differs from what was written, and records what is
// wrong.
func (h *History) load(c *segment) (contents, error) {
	file, err := os.ReadFile(c.path)
	h.mu.Lock()
	valid, sum := c.valid, c.sum
	dropped := !slices.Contains(h.segments, c)
	h.mu.Unlock()
	if err != nil && dropped {
		return contents{}, fmt.Errorf("%w: the segment with that instant has just been deleted to keep the history within its limits", ErrOutside)
	}
	if err != nil {
		h.breaks(c, err) // also if the disk fails: the next segment may be readable
		return contents{}, nil
	}
	if c.old {
		in := scanOld(file)
		if in.damage == nil && in.truncated {
			in.damage = errors.New("the file ends within a frame")
		}
		if in.damage == nil {
			in.damage = h.gapAfter(c, in.data)
		}
		if in.damage != nil {
			h.breaks(c, fmt.Errorf("%s: %w", c.path, in.damage))
		}
		return in, nil
	}
	in := scan(file, valid)
	in.end.number = c.number
	if in.damage == nil && valid >= 0 && (in.end.valid != valid || in.end.sum != sum) {
		in.damage = fmt.Errorf("byte %d: expected %d bytes with the checksum in the next segment's header, got other contents", in.end.valid, valid)
		if in.another(file, valid) {
			in.damage = fmt.Errorf("this is not the file that the next segment continues, or the next segment belongs to another history")
			in.data = nil
		}
	}
	if in.damage != nil {
		h.breaks(c, fmt.Errorf("%s: %w", c.path, in.damage))
	}
	return in, nil
}

// gapAfter returns an error if events are missing between a segment of the first format and the next one. Files of that
// format are not chained by checksums, but their events are numbered.
func (h *History) gapAfter(c *segment, data []byte) error {
	h.mu.Lock()
	next := slices.Index(h.segments, c) + 1
	var first uint64
	if next > 0 && next < len(h.segments) {
		first = h.segments[next].first
	}
	h.mu.Unlock()
	if first == 0 {
		return nil
	}
	cur, err := open(h.opt.Ring, c, data)
	if err != nil {
		return nil // found and named where the segment is opened
	}
	if cur.count(); cur.in.Err() == nil && cur.seq+1 < first {
		return fmt.Errorf("events %d to %d, which follow this segment, are missing: a file has been removed", cur.seq+1, first-1)
	}
	return nil
}

// setAside renames a file that cannot be read, so that it is kept and not read again.
func setAside(path string) (to string, err error) {
	to = path + ".damaged"
	for i := 1; ; i++ {
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			return to, os.Rename(path, to)
		} else if err != nil {
			return to, err
		}
		to = fmt.Sprintf("%s.damaged.%d", path, i)
	}
}

// A note gives the reason why one file is not part of the history.
type note struct{ path, why string }

// An inventory lists the contents of a directory.
type inventory struct {
	segments   []*segment // in order; the field broken is set where segments or bytes are missing after a segment
	unreadable []note     // files of ours
	strays     []note     // files of others, or copies of ours
	head       *Damage    // segments are missing before the first
	lostEnd    bool       // segments are missing after the last
	next       uint64     // number of the next segment
	manifest   manifest
}

// inspect lists a directory and changes nothing.
func inspect(dir string) (*inventory, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	m, there, manifestErr := readManifest(dir)
	inv := &inventory{}
	byNumber := map[uint64][]*segment{}
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasSuffix(e.Name(), suffix) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		c, err := segmentIn(path)
		var foreign *strayError
		switch {
		case errors.As(err, &foreign):
			inv.strays = append(inv.strays, note{path, err.Error()})
		case err != nil:
			inv.unreadable = append(inv.unreadable, note{path, err.Error()})
		case c.old:
			inv.segments = append(inv.segments, c)
		default:
			byNumber[c.number] = append(byNumber[c.number], c)
		}
	}
	slices.SortFunc(inv.segments, func(a, b *segment) int { return strings.Compare(filepath.Base(a.path), filepath.Base(b.path)) })
	manifested := there && manifestErr == nil
	if !manifested {
		m = manifest{}
		m.Record, m.NamedFrom = commonName(byNumber)
	}
	inv.choose(byNumber, m, manifested)
	inv.connect()
	inv.compare(dir, m, there, manifestErr)
	return inv, nil
}

// connect finds what is missing between two segments.
func (inv *inventory) connect() {
	for i, c := range inv.segments {
		inv.next = c.number + 1
		if i == 0 {
			continue
		}
		a := inv.segments[i-1]
		switch {
		case a.old:
		case c.number != a.number+1:
			a.broken = fmt.Errorf("segments %[2]d to %[3]d, which follow %[1]s, are missing: files have been removed", a.path, a.number+1, c.number-1)
		case c.before.number != a.number:
			a.broken = fmt.Errorf("%s: the next segment was not written after this file, but after another", a.path)
		default:
			a.valid, a.sum = c.before.valid, c.before.sum
			a.empty = a.valid >= 0 && a.valid <= endOfHeader(a)
			if a.size < a.valid {
				a.broken = fmt.Errorf("%s: byte %d: the file ends; expected %d bytes, its length when the next segment was begun", a.path, a.size, a.valid)
			}
		}
	}
	inv.next = max(inv.next, 1)
}

// compare compares the segments with the manifest.
func (inv *inventory) compare(dir string, m manifest, there bool, err error) {
	var first, last *segment
	for _, c := range inv.segments {
		if !c.old && first == nil {
			first = c
		}
		last = c
	}
	newest := uint64(0)
	if last != nil {
		newest = last.number
	}
	if err != nil {
		inv.unreadable = append(inv.unreadable, note{filepath.Join(dir, manifestName), err.Error()})
	}
	if err != nil || !there && newest > 1 {
		why := fmt.Sprintf("%s is missing or damaged: whether there was more is unknown", manifestName)
		if first == nil || first.number > 1 {
			inv.head = &Damage{Cause: why}
		}
		if last != nil && last.broken == nil {
			last.broken = fmt.Errorf("%s: whether segments follow this one is unknown: %s is missing or damaged", last.path, manifestName)
		}
		inv.lostEnd = true
		inv.next = newest + 2 // leave a number out, so that the next start also finds the missing manifest
		m.Oldest = 1
		inv.manifest = m
		return
	}
	inv.manifest = m
	if there && m.Oldest > 0 && (first == nil || first.number > m.Oldest) {
		inv.head = &Damage{From: m.OldestFrom, Cause: fmt.Sprintf("segments from %d on are missing", m.Oldest)}
	}
	if newest < m.Newest {
		inv.lostEnd = true
		inv.next = m.Newest + 1
		if last != nil {
			last.broken = fmt.Errorf("segments %[2]d to %[3]d, which follow %[1]s, are missing: files have been removed", last.path, newest+1, m.Newest)
		}
	}
}

// A strayError is the error for a file that is not part of a history.
type strayError struct{ why string }

func (e *strayError) Error() string { return e.why }

// nameOf returns the name of a segment's file.
func nameOf(c *segment) string { return fmt.Sprintf("%010d-%020d%s", c.number, c.first, suffix) }

// segmentIn reads from a file which segment it is. The name of the file matters only in the first format.
func segmentIn(path string) (*segment, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	begin, err := io.ReadAll(io.LimitReader(f, maxHeader))
	if err != nil {
		return nil, err
	}
	c := &segment{path: path, size: info.Size(), valid: -1}
	var first, nanos, number uint64
	base := strings.TrimSuffix(filepath.Base(path), suffix)
	oldName := len(base) == 40 && parse(base, "%020d-%019d", &first, &nanos)
	newName := len(base) == 31 && parse(base, "%010d-%020d", &number, &first)
	switch {
	case strings.HasPrefix(string(begin), oldMagic):
		if !oldName || first == 0 {
			return nil, &strayError{"expected a name of the first format of the history, got another"}
		}
		c.first, c.from, c.old = first, time.Unix(0, int64(nanos)).UTC(), true
		return c, nil
	case strings.HasPrefix(string(begin), magic):
		if payload, ok := firstFrame(begin); ok && parseHeader(payload, c) {
			return c, nil
		}
		return nil, errors.New("the header of the segment is damaged")
	case oldName || newName:
		return nil, errors.New("the file does not begin with the magic number of a history segment")
	}
	return nil, &strayError{"neither its name nor its content is that of a history"}
}

func parse(name, format string, numbers ...any) bool {
	n, err := fmt.Sscanf(name, format, numbers...)
	return err == nil && n == len(numbers)
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// syncDir makes the name of a new file durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
