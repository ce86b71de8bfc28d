package history

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

// unknownEvents is how far event numbers jump over chapters that are missing: no number may come twice, and no chapter
// has as many events.
const unknownEvents = 1 << 24

// A dirLock keeps other programs from writing to the same directory. It ends with the program, however that ends.
type dirLock struct{ f *os.File }

func lockDir(dir string) (*dirLock, error) {
	f, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errors.New("in use by another conductor")
		}
		return nil, errors.Join(err, f.Close())
	}
	return &dirLock{f}, nil
}

func (l *dirLock) release() error { return l.f.Close() }

// openDir makes and locks the directory and lists the chapters in it.
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
			h.opt.Logf("history: %s", err) // the first chapter tries again
		}
	}
	return nil
}

// list finds the chapters of earlier runs, and where the last of them ends. What cannot be read is set aside.
func (h *History) list() error {
	found, err := inspect(h.opt.Dir)
	if err != nil {
		return err
	}
	for _, s := range found.strays {
		h.opt.Logf("history: %s: %s; ignored", s.path, s.why)
	}
	for _, s := range found.unreadable {
		to, err := setAside(s.path)
		if err != nil {
			return err
		}
		h.opt.Logf("history: %s: %s; set aside as %s", s.path, s.why, filepath.Base(to))
	}
	h.chapters, h.head, h.next, h.manifest = found.chapters, found.head, found.next, found.manifest
	if h.head != nil {
		h.opt.Logf("history: %s", h.head)
	}
	for _, c := range h.chapters {
		if c.broken != nil {
			h.opt.Logf("history: %s", c.broken)
		}
	}
	if len(h.chapters) == 0 {
		h.stats.LastSeq = found.manifest.NewestFirst
		h.stats.To = found.manifest.NewestFrom
	} else if err := h.measure(h.chapters[len(h.chapters)-1]); err != nil {
		return err
	}
	if found.lostEnd {
		h.stats.LastSeq = max(h.stats.LastSeq, found.manifest.NewestFirst)
		if found.manifest.NewestFrom.After(h.stats.To) {
			h.stats.To = found.manifest.NewestFrom
		}
	}
	if found.lostEnd || len(h.chapters) == 0 && h.head != nil {
		h.stats.LastSeq += unknownEvents
	}
	return nil
}

// measure finds the last event of the last chapter and its instant, and where its file ends.
func (h *History) measure(c *chapter) error {
	if err := h.readable(c.size); err != nil { // with more memory it can be read: the next chapter leaves open where it ends
		h.opt.Logf("history: %s: %s; recording goes on after it", c.path, err)
		h.stats.LastSeq, h.stats.To, h.last = c.first-1+unknownEvents, c.from, link{number: c.number, valid: -1}
		return nil
	}
	in, err := h.load(c)
	if err != nil {
		return err
	}
	data := in.data
	h.stats.LastSeq, h.stats.To, h.last = c.first-1, c.from, in.end
	if in.cut && c.broken == nil {
		h.opt.Logf("history: %s: byte %d: the last run did not end in order; its record ends there", c.path, in.end.valid)
	}
	if len(data) == 0 {
		c.empty = c.broken == nil
	} else if cur, err := open(h.opt.Ring, c, data); errors.Is(err, ring.ErrVersion) {
		h.stats.LastSeq += uint64(len(data)) // an event takes a byte or more: numbers must not come twice
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
		h.stats.LastSeq += uint64(c.size) // for the same reason
		h.last = link{number: c.number, valid: c.size}
	} else if !c.old {
		c.valid, c.sum = in.end.valid, in.end.sum // what is missing from now on was there
	}
	return nil
}

// load reads a chapter from its file, up to the first byte that is not as it was written, and notes what is wrong.
func (h *History) load(c *chapter) (contents, error) {
	file, err := os.ReadFile(c.path)
	h.mu.Lock()
	valid, sum := c.valid, c.sum
	dropped := !slices.Contains(h.chapters, c)
	h.mu.Unlock()
	if err != nil && dropped {
		return contents{}, fmt.Errorf("%w: it has just been dropped", ErrOutside)
	}
	if err != nil {
		h.breaks(c, err) // a failing disk, too: the next chapter may be readable
		return contents{}, nil
	}
	if c.old {
		in := scanOld(file)
		if in.damage == nil && in.cut {
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
		in.damage = fmt.Errorf("byte %d: the file ends there or is another: %d bytes were written", in.end.valid, valid)
		if in.another(file, valid) {
			in.damage = fmt.Errorf("it is not the file that the chapter after it followed, or that one is of another record")
			in.data = nil
		}
	}
	if in.damage != nil {
		h.breaks(c, fmt.Errorf("%s: %w", c.path, in.damage))
	}
	return in, nil
}

// gapAfter says which events are missing between a chapter of the first format and the next one: those files are not
// chained, but their events are numbered.
func (h *History) gapAfter(c *chapter, data []byte) error {
	h.mu.Lock()
	next := slices.Index(h.chapters, c) + 1
	var first uint64
	if next > 0 && next < len(h.chapters) {
		first = h.chapters[next].first
	}
	h.mu.Unlock()
	if first == 0 {
		return nil
	}
	cur, err := open(h.opt.Ring, c, data)
	if err != nil {
		return nil // which is found and named where the chapter is opened
	}
	if cur.count(); cur.in.Err() == nil && cur.seq+1 < first {
		return fmt.Errorf("events %d to %d, which came after it, are missing: a file is gone", cur.seq+1, first-1)
	}
	return nil
}

// setAside renames a file that cannot be read, so that it is kept and not looked at again.
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

// A note is about a file.
type note struct{ path, why string }

// An inventory is what a directory holds.
type inventory struct {
	chapters   []*chapter // in order; broken is set where chapters or bytes are missing after one
	unreadable []note     // files of ours
	strays     []note     // files of others, or copies of ours
	head       *Damage    // chapters are missing before the first
	lostEnd    bool       // chapters are missing after the last
	next       uint64     // number of the next chapter
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
	byNumber := map[uint64][]*chapter{}
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasSuffix(e.Name(), suffix) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		c, err := chapterIn(path)
		var foreign *strayError
		switch {
		case errors.As(err, &foreign):
			inv.strays = append(inv.strays, note{path, err.Error()})
		case err != nil:
			inv.unreadable = append(inv.unreadable, note{path, err.Error()})
		case c.old:
			inv.chapters = append(inv.chapters, c)
		default:
			byNumber[c.number] = append(byNumber[c.number], c)
		}
	}
	slices.SortFunc(inv.chapters, func(a, b *chapter) int { return strings.Compare(filepath.Base(a.path), filepath.Base(b.path)) })
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

// connect finds what is missing between chapters.
func (inv *inventory) connect() {
	for i, c := range inv.chapters {
		inv.next = c.number + 1
		if i == 0 {
			continue
		}
		a := inv.chapters[i-1]
		switch {
		case a.old:
		case c.number != a.number+1:
			a.broken = fmt.Errorf("%s: chapters %d to %d after it are missing", a.path, a.number+1, c.number-1)
		case c.before.number != a.number:
			a.broken = fmt.Errorf("%s: the chapter after it followed another", a.path)
		default:
			a.valid, a.sum = c.before.valid, c.before.sum
			a.empty = a.valid >= 0 && a.valid <= endOfHeader(a)
			if a.size < a.valid {
				a.broken = fmt.Errorf("%s: byte %d: the file ends; it had %d bytes when the next chapter was begun", a.path, a.size, a.valid)
			}
		}
	}
	inv.next = max(inv.next, 1)
}

// compare holds the chapters against the manifest.
func (inv *inventory) compare(dir string, m manifest, there bool, err error) {
	var first, last *chapter
	for _, c := range inv.chapters {
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
		why := fmt.Sprintf("%s is missing or damaged: whether there was more can not be known", manifestName)
		if first == nil || first.number > 1 {
			inv.head = &Damage{Cause: why}
		}
		if last != nil && last.broken == nil {
			last.broken = fmt.Errorf("%s: after it, %s", last.path, why)
		}
		inv.lostEnd = true
		inv.next = newest + 2 // a number is missing, so that this is seen at the next start, too
		m.Oldest = 1
		inv.manifest = m
		return
	}
	inv.manifest = m
	if there && m.Oldest > 0 && (first == nil || first.number > m.Oldest) {
		inv.head = &Damage{From: m.OldestFrom, Cause: fmt.Sprintf("chapters from %d on are missing", m.Oldest)}
	}
	if newest < m.Newest {
		inv.lostEnd = true
		inv.next = m.Newest + 1
		if last != nil {
			last.broken = fmt.Errorf("%s: chapters %d to %d after it are missing", last.path, newest+1, m.Newest)
		}
	}
}

// A strayError says that a file is not one that a history made.
type strayError struct{ why string }

func (e *strayError) Error() string { return e.why }

// nameOf is the name of a chapter's file.
func nameOf(c *chapter) string { return fmt.Sprintf("%010d-%020d%s", c.number, c.first, suffix) }

// chapterIn reads which chapter a file is. Its name does not matter, but in the first format.
func chapterIn(path string) (*chapter, error) {
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
	c := &chapter{path: path, size: info.Size(), valid: -1}
	var first, nanos, number uint64
	base := strings.TrimSuffix(filepath.Base(path), suffix)
	oldName := len(base) == 40 && parse(base, "%020d-%019d", &first, &nanos)
	newName := len(base) == 31 && parse(base, "%010d-%020d", &number, &first)
	switch {
	case strings.HasPrefix(string(begin), oldMagic):
		if !oldName || first == 0 {
			return nil, &strayError{"not a name that a history gives its files"}
		}
		c.first, c.from, c.old = first, time.Unix(0, int64(nanos)).UTC(), true
		return c, nil
	case strings.HasPrefix(string(begin), magic):
		if payload, ok := firstFrame(begin); ok && parseHeader(payload, c) {
			return c, nil
		}
		return nil, errors.New("its header cannot be read")
	case oldName || newName:
		return nil, errors.New("it does not begin as a history does")
	}
	return nil, &strayError{"neither the name nor the content is that of a history"}
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

// syncDir makes a new file's name last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
