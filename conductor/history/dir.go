package history

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"chordconductor/conductor/ring"
)

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
	if err := os.MkdirAll(h.opt.Dir, 0o700); err != nil {
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
	return nil
}

// list finds the chapters of earlier runs, and where the last of them ends.
func (h *History) list() error {
	entries, err := os.ReadDir(h.opt.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries { // by name, so by first event and instant
		c, err := h.chapterOf(e)
		if err != nil {
			return err
		}
		if c != nil {
			h.chapters = append(h.chapters, c)
		}
	}
	for len(h.chapters) > 0 {
		last := h.chapters[len(h.chapters)-1]
		used, err := h.measure(last)
		if err != nil {
			return err
		}
		if used {
			break
		}
		// The program ended before the checkpoint was written.
		if err := remove(last.path); err != nil {
			return err
		}
		h.chapters = h.chapters[:len(h.chapters)-1]
	}
	return nil
}

// chapterOf recognizes a chapter by its name.
func (h *History) chapterOf(e fs.DirEntry) (*chapter, error) {
	name, ours := strings.CutSuffix(e.Name(), suffix)
	if !ours || !e.Type().IsRegular() {
		return nil, nil
	}
	first, instant, _ := strings.Cut(name, "-")
	seq, errSeq := strconv.ParseUint(first, 10, 64)
	nanos, errNanos := strconv.ParseInt(instant, 10, 64)
	if errSeq != nil || errNanos != nil || seq == 0 {
		return nil, fmt.Errorf("%s: not a name that a history gives its files; move it elsewhere", e.Name())
	}
	info, err := e.Info()
	if err != nil {
		return nil, err
	}
	return &chapter{
		first: seq, from: time.Unix(0, nanos).UTC(), path: filepath.Join(h.opt.Dir, e.Name()), size: info.Size(),
	}, nil
}

// measure finds the last event of the last chapter and its instant. It says false of a chapter without a checkpoint.
func (h *History) measure(c *chapter) (bool, error) {
	data, damage, err := load(c.path)
	if err != nil {
		return false, err
	}
	if damage != nil {
		h.opt.Logf("history: %s: the last run was cut short there", damage)
	}
	if len(data) == 0 {
		return false, nil
	}
	h.stats.LastSeq, h.stats.To = c.first-1, c.from
	cur, err := open(h.opt.Ring, c, data)
	if errors.Is(err, ring.ErrVersion) {
		h.stats.LastSeq += uint64(len(data)) // an event takes a byte or more: numbers must not come twice
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", c.path, err)
	}
	for {
		if _, more := cur.peek(); !more {
			break
		}
		cur.step()
	}
	h.stats.LastSeq, h.stats.To = cur.seq, cur.now
	return true, nil
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
