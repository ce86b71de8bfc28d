// Package audit keeps a record of the commands that a conductor received: the credential, the origin, the command, and
// the result. The newest entries are in memory. If a directory is given, entries are also written to files there, one
// JSON object a line, and survive the process. Package web adds entries and shows them.
package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
	"unicode/utf8"

	"chordconductor/internal/dirs"
)

const (
	maxKept  = 1000    // entries in memory; beyond it the oldest are dropped
	maxField = 300     // bytes of each text of an entry; the rest is dropped
	maxFile  = 1 << 20 // bytes of the file that is written; at that size it replaces the previous file, whose entries are then lost
	// refusedEvery is the shortest time between two entries for commands that were refused for their credential; the
	// refusals between two entries are counted in the text of the later entry. So a client without permission cannot
	// push the commands of others out of the record.
	refusedEvery = time.Minute
	maxLine      = 16 << 10 // of a file that is read; a longer line is not an entry

	current, earlier = "commands.jsonl", "commands.1.jsonl"
)

// An Entry is one command.
type Entry struct {
	Time   time.Time `json:"time"`
	Who    string    `json:"who"`              // the credential that the command was sent with
	From   string    `json:"from"`             // network address of the client, as this machine sees it
	What   string    `json:"what"`             // method and path
	Detail string    `json:"detail,omitempty"` // beginning of the body, except for stored values
	Status int       `json:"status,omitempty"` // of HTTP
	Error  string    `json:"error,omitempty"`
}

func (e *Entry) clip() {
	for _, text := range []*string{&e.Who, &e.From, &e.What, &e.Detail, &e.Error} {
		if len(*text) > maxField {
			end := maxField
			for end > 0 && !utf8.RuneStart((*text)[end]) {
				end--
			}
			*text = (*text)[:end] + "…"
		}
	}
}

// Log is the record. Its methods may be called from any goroutine.
type Log struct {
	dir  string // empty: in memory only
	logf func(format string, args ...any)

	mu      sync.Mutex
	kept    []Entry  // guarded by mu; oldest first
	file    *os.File // guarded by mu; nil: the record is in memory only, or the file could not be opened again
	size    int64    // guarded by mu
	failing bool     // guarded by mu: the last entry could not be written
	lost    uint64   // guarded by mu: entries that are not in the file

	refusedAt time.Time // guarded by mu: of the last recorded refusal
	refused   uint64    // guarded by mu: refusals since then, not recorded
}

// Open continues the record in a directory, which it makes if need be. With an empty dir the record is in memory only.
// Log calls logf when writing begins to fail.
func Open(dir string, logf func(format string, args ...any)) (*Log, error) {
	l := &Log{dir: dir, logf: logf}
	if dir == "" {
		return l, nil
	}
	if err := dirs.Make(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot open the audit log: %w", err)
	}
	for _, name := range []string{earlier, current} {
		if err := l.read(filepath.Join(dir, name)); err != nil {
			return nil, fmt.Errorf("cannot open the audit log: %w", err)
		}
	}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("cannot open the audit log: %w", err)
	}
	return l, nil
}

// read loads the entries of a file. It ignores other lines: the last line of a process that crashed may be incomplete,
// and another version may write other fields.
func (l *Log) read(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, maxLine)
	skipping := false
	for {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			skipping = true
			continue
		}
		var e Entry
		if !skipping && json.Unmarshal(line, &e) == nil && !e.Time.IsZero() {
			l.keep(e)
		}
		skipping = false
		if err != nil {
			return nil // the end; a disk that fails here is reported by the next write
		}
	}
}

// open opens the file that is written to. The caller holds l.mu, or l is not shared yet.
func (l *Log) open() error {
	f, err := os.OpenFile(filepath.Join(l.dir, current), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	l.file, l.size = f, info.Size()
	var last [1]byte
	if l.size > 0 {
		if _, err := f.ReadAt(last[:], l.size-1); err == nil && last[0] != '\n' { // a process ended within a line
			n, _ := f.WriteString("\n") // if this fails, writing the entries fails too, which is reported
			l.size += int64(n)
		}
	}
	return nil
}

func (l *Log) keep(e Entry) {
	e.clip()
	if len(l.kept) == maxKept {
		l.kept = append(l.kept[:0:0], l.kept[maxKept/4:]...) // a quarter together, so that most entries cost no copying
	}
	l.kept = append(l.kept, e)
}

// Add records a command. It returns no error: an entry that cannot be written to the file is kept in memory, counted
// and reported.
func (l *Log) Add(e Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Status == http.StatusForbidden {
		if since := e.Time.Sub(l.refusedAt); since >= 0 && since < refusedEvery {
			l.refused++
			return
		}
		if l.refused > 0 {
			e.Error = fmt.Sprintf("%d more were refused since %s; %s", l.refused, l.refusedAt.Format(time.RFC3339), e.Error)
		}
		l.refusedAt, l.refused = e.Time, 0
	}
	e.clip()
	l.keep(e)
	if l.dir == "" {
		return
	}
	err := l.write(e)
	if err != nil {
		l.lost++
		if !l.failing {
			l.logf("audit log: commands are kept in memory only: %v", err)
		}
	}
	l.failing = err != nil
}

func (l *Log) write(e Entry) error {
	var line bytes.Buffer
	if err := json.NewEncoder(&line).Encode(e); err != nil {
		return err
	}
	if l.file != nil && l.size+int64(line.Len()) > maxFile {
		_ = l.file.Close() // everything written has been passed to the system already
		l.file = nil
		if err := os.Rename(filepath.Join(l.dir, current), filepath.Join(l.dir, earlier)); err != nil {
			return err
		}
	}
	if l.file == nil {
		if err := l.open(); err != nil {
			return err
		}
	}
	n, err := l.file.Write(line.Bytes())
	l.size += int64(n)
	if err != nil {
		_ = l.file.Close()
		l.file = nil // opened again, where a truncated line is ended
	}
	return err
}

// Last returns the newest entries, newest first, at most limit, and how many were not written to disk.
func (l *Log) Last(limit int) (entries []Entry, lost uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	entries = make([]Entry, 0, min(limit, len(l.kept)))
	for i := len(l.kept) - 1; i >= 0 && len(entries) < limit; i-- {
		entries = append(entries, l.kept[i])
	}
	return entries, l.lost
}

// Close closes the file.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}
