package recording

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	maxWaiting = 64 << 20 // bytes; while that much waits for the disk, further requests are counted and not recorded, or wait too
	flushEvery = time.Second
)

// A Writer writes received requests to a file. Logs, Traces and Metrics may be called from any goroutine. They never
// wait for the disk unless Patient was called.
type Writer struct {
	file *os.File
	wake chan struct{}
	done chan struct{} // closed when the writing goroutine has ended

	mu      sync.Mutex
	waiting [][]byte // guarded by mu; encoded messages, at most "most" bytes
	most    int      // guarded by mu
	bytes   int      // guarded by mu
	closed  bool     // guarded by mu
	patient bool     // guarded by mu
	room    sync.Cond

	dropped atomic.Uint64
	err     error // of the file, the first; read after done
}

// Create makes a new file. It does not overwrite an existing one.
func Create(path string) (*Writer, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot create the recording: %w", err)
	}
	w := &Writer{file: file, most: maxWaiting, wake: make(chan struct{}, 1), done: make(chan struct{})}
	w.room.L = &w.mu
	go w.run()
	return w, nil
}

// Within bounds the queue for the disk to n bytes; the default, which is also the maximum, is 64 MiB.
func (w *Writer) Within(n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.most = int(min(n, maxWaiting))
}

// Patient makes Logs, Traces and Metrics wait for the disk instead of leaving requests out. It is for callers that may
// block, such as a run in virtual time, which makes an hour of telemetry in seconds.
func (w *Writer) Patient() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.patient = true
}

// Logs records a request. It encodes the request immediately, so the caller may change it afterwards.
func (w *Writer) Logs(ld plog.Logs) {
	body, err := new(plog.ProtoMarshaler).MarshalLogs(ld)
	w.add(body, err)
}

// Traces records a request, like Logs.
func (w *Writer) Traces(td ptrace.Traces) {
	body, err := new(ptrace.ProtoMarshaler).MarshalTraces(td)
	w.add(body, err)
}

// Metrics records a request, like Logs.
func (w *Writer) Metrics(md pmetric.Metrics) {
	body, err := new(pmetric.ProtoMarshaler).MarshalMetrics(md)
	w.add(body, err)
}

func (w *Writer) add(body []byte, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.patient && !w.closed && w.bytes > 0 && w.bytes+len(body) > w.most {
		w.room.Wait()
	}
	if err != nil || w.closed || w.bytes+len(body) > w.most {
		w.dropped.Add(1)
		return
	}
	if len(body) == 0 {
		return
	}
	w.waiting = append(w.waiting, body)
	w.bytes += len(body)
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Dropped returns the number of requests that were not recorded.
func (w *Writer) Dropped() uint64 { return w.dropped.Load() }

// run writes the queue to the file, until Close. After an error of the file it only empties the queue.
func (w *Writer) run() {
	defer close(w.done)
	out := bufio.NewWriterSize(w.file, 1<<18)
	flush := time.NewTicker(flushEvery)
	defer flush.Stop()
	for {
		select {
		case <-w.wake:
		case <-flush.C:
			w.keep(out.Flush())
			continue
		}
		w.mu.Lock()
		batch, closed := w.waiting, w.closed
		w.waiting, w.bytes = nil, 0
		w.room.Broadcast()
		w.mu.Unlock()
		for _, body := range batch {
			w.write(out, body)
		}
		if closed {
			w.keep(out.Flush())
			w.keep(w.file.Close())
			return
		}
	}
}

func (w *Writer) write(out *bufio.Writer, body []byte) {
	if w.err != nil {
		w.dropped.Add(1)
		return
	}
	_, err := out.Write(binary.BigEndian.AppendUint32(nil, uint32(len(body))))
	w.keep(err)
	_, err = out.Write(body)
	w.keep(err)
}

func (w *Writer) keep(err error) {
	if w.err == nil && err != nil {
		w.err = fmt.Errorf("cannot write the recording: %w", err)
	}
}

// Close writes what is left in the queue and closes the file. It returns the first error of the file.
func (w *Writer) Close() error {
	w.mu.Lock()
	first := !w.closed
	w.closed = true
	w.room.Broadcast()
	w.mu.Unlock()
	if first {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
	<-w.done
	return w.err
}
