package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A chapter's file is magic, then frames: the length of the payload, its CRC-32C, the payload. The payloads one after
// the other are the chapter; the first holds at least the checkpoint.
const (
	magic       = "chord-history-1\n"
	frameHeader = 8
	maxFrame    = 1 << 30 // a longer one is no frame of ours
	suffix      = ".history"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A file is a chapter's while it is written.
type file struct {
	f       *os.File
	written int       // bytes of the chapter
	size    int64     // bytes of the file
	dirty   bool      // since the last sync
	synced  time.Time // by the wall clock
}

// create makes a chapter's file, and gives the chapter its path.
func create(dir string, c *chapter) (*file, error) {
	path := filepath.Join(dir, fmt.Sprintf("%020d-%019d%s", c.first, c.from.UnixNano(), suffix))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err := f.WriteString(magic); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	if err := syncDir(dir); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	c.path = path
	return &file{f: f, size: int64(len(magic)), dirty: true, synced: time.Now()}, nil
}

// write writes a frame of what the chapter has got since the last.
func (f *file) write(chapter []byte) error {
	payload := chapter[f.written:]
	if len(payload) == 0 {
		return nil
	}
	frame := make([]byte, 0, frameHeader+len(payload))
	frame = binary.LittleEndian.AppendUint32(frame, uint32(len(payload)))
	frame = binary.LittleEndian.AppendUint32(frame, crc32.Checksum(payload, castagnoli))
	frame = append(frame, payload...)
	if _, err := f.f.Write(frame); err != nil {
		return err
	}
	f.written = len(chapter)
	f.size += int64(len(frame))
	f.dirty = true
	return nil
}

// due says that what was written has waited long enough to be synced.
func (f *file) due() bool { return f.dirty && time.Since(f.synced) >= syncEvery }

func (f *file) sync() error {
	f.dirty, f.synced = false, time.Now()
	return f.f.Sync()
}

func (f *file) close() error { return f.f.Close() }

// load reads a chapter from its file: all frames up to the first that is incomplete or damaged, and what is wrong with
// that one, if there is one.
func load(path string) (chapter []byte, damage error, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	if !strings.HasPrefix(magic, string(data[:min(len(data), len(magic))])) {
		return nil, nil, fmt.Errorf("%s: byte 0: not a history of this version; move it elsewhere", path)
	}
	if len(data) < len(magic) {
		return nil, fmt.Errorf("%s: byte %d: the file ends within its first line", path, len(data)), nil
	}
	chapter = make([]byte, 0, len(data))
	for at := len(magic); at < len(data); {
		rest := data[at:]
		if len(rest) < frameHeader {
			return chapter, fmt.Errorf("%s: byte %d: the file ends within a frame", path, at), nil
		}
		n, sum := binary.LittleEndian.Uint32(rest), binary.LittleEndian.Uint32(rest[4:])
		if n > maxFrame || int(n) > len(rest)-frameHeader {
			return chapter, fmt.Errorf("%s: byte %d: the file ends within a frame", path, at), nil
		}
		payload := rest[frameHeader : frameHeader+int(n)]
		if crc32.Checksum(payload, castagnoli) != sum {
			return chapter, fmt.Errorf("%s: byte %d: checksum of the frame is wrong", path, at), nil
		}
		chapter = append(chapter, payload...)
		at += frameHeader + int(n)
	}
	return chapter, nil, nil
}
