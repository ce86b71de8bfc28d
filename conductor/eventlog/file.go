package eventlog

import (
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"time"
)

// A file is a segment's file while it is written.
type file struct {
	f       *os.File
	written int       // bytes of the segment
	end     link      // where the file ends, all frames written
	dirty   bool      // since the last sync
	synced  time.Time // by the wall clock
}

// create makes a segment's file, and sets the segment's path.
func create(dir string, c *segment) (*file, error) {
	path := filepath.Join(dir, nameOf(c))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // never overwrite an existing file
	if err != nil {
		return nil, err
	}
	out := &file{f: f, end: link{number: c.number, sum: crc32.Checksum([]byte(magic), castagnoli)}, synced: time.Now()}
	_, err = f.WriteString(magic)
	if err == nil {
		out.end.valid = int64(len(magic))
		err = out.frame(headerOf(c))
	}
	if err == nil {
		err = errors.Join(out.sync(), syncDir(dir)) // before the manifest names it
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	c.path = path
	return out, nil
}

// frame writes a whole frame, or nothing.
func (f *file) frame(payload []byte) error {
	frame, sum := appendFrame(make([]byte, 0, frameHeader+len(payload)), f.end.sum, payload)
	if _, err := f.f.Write(frame); err != nil {
		return errors.Join(err, f.f.Truncate(f.end.valid))
	}
	f.end.valid += int64(len(frame))
	f.end.sum = sum
	f.dirty = true
	return nil
}

// write writes a frame with what was added to the segment since the last frame.
func (f *file) write(segment []byte) error {
	data := segment[f.written:]
	if len(data) == 0 {
		return nil
	}
	payload := make([]byte, 0, 1+len(data))
	if err := f.frame(append(append(payload, frameOfData), data...)); err != nil {
		return err
	}
	f.written = len(segment)
	return nil
}

// finish writes the trailer: the segment is complete.
func (f *file) finish() error { return errors.Join(f.frame([]byte{frameOfTrailer}), f.sync()) }

// due reports whether what was written has waited long enough to be synced.
func (f *file) due() bool { return f.dirty && time.Since(f.synced) >= syncEvery }

func (f *file) sync() error {
	f.dirty, f.synced = false, time.Now()
	return f.f.Sync()
}

func (f *file) close() error { return f.f.Close() }
