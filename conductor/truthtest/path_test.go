package truthtest

import (
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
)

const (
	exportEvery = 100 * time.Millisecond // as package otel does
	retryEvery  = 500 * time.Millisecond
	queueLimit  = 60 // records: small, so that a minute's outage overflows some queues
)

// conditions are the faults of telemetry between the processes and the conductor.
type conditions struct {
	drop, double, late float64       // shares of the batches that get through
	lateBy             time.Duration // at most
}

// A path carries one process's events to the conductor, as package otel does: a bounded queue that overwrites its
// oldest entries, and a batch after an interval, which is sent again until it is accepted. The process does not learn
// what happens to an accepted batch.
type path struct {
	w            *world
	blocked      bool // exports fail
	queue        []plog.Logs
	due          bool // an export is scheduled
	failing      bool
	lost         int64
	ended        bool // the process has ended
	recover      func()
	reported     int64
	lastReported time.Time
}

// push is called with each event at the instant at which it is emitted.
func (r *path) push(data plog.Logs) {
	if r.ended {
		return
	}
	if len(r.queue) == queueLimit {
		r.queue = r.queue[1:]
		r.lost++
		r.w.overflowed++
	}
	r.queue = append(r.queue, data)
	r.schedule(exportEvery)
}

func (r *path) schedule(after time.Duration) {
	if r.due {
		return
	}
	r.due = true
	r.w.sim.At(after, func() {
		r.due = false
		r.export()
	})
}

func (r *path) export() {
	if r.ended || len(r.queue) == 0 {
		return
	}
	if r.blocked || r.w.down {
		r.failing = true
		r.schedule(retryEvery)
		return
	}
	r.w.transmit(r.queue)
	r.queue = nil
	if (r.failing || r.lost != r.reported) && r.w.sim.Now().Sub(r.lastReported) >= time.Second {
		r.failing, r.reported, r.lastReported = false, r.lost, r.w.sim.Now()
		r.recover()
	}
}

// flush exports what is left, as a process does before it exits.
func (r *path) flush() {
	r.export()
	r.ended = true
}

// transmit loses, duplicates or delays a batch, according to the conditions.
func (w *world) transmit(batch []plog.Logs) {
	w.batches++
	chance := func(share float64) bool { return w.random.Float64() < share }
	if chance(w.conditions.drop) {
		w.dropped++
		return
	}
	arrive := func() {
		var d time.Duration
		if chance(w.conditions.late) {
			d = time.Duration(w.random.Int64N(int64(w.conditions.lateBy)))
			w.latecomers++
		}
		w.sim.At(d, func() { w.receive(batch) })
	}
	arrive()
	if chance(w.conditions.double) {
		w.doubled++
		arrive()
	}
}
