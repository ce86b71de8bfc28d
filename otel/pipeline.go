package otel

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
)

const (
	firstPause = 100 * time.Millisecond // after the first failed attempt; each further pause is twice as long
	longPause  = 5 * time.Second
	lastPause  = 250 * time.Millisecond // bound of a pause while shutting down
)

// pipeline exports the events. Emit never blocks: a record goes into a bounded queue, and one goroutine exports. A
// failed request is retried without limit, unless the receiver rejects it permanently. A rejected request is split in
// halves until the rejected record is in a request of its own; that record is lost.
//
// The SDK's batch processor does not report the records that it overwrites. It does not report
// failures, which the exporter's own retries hide, and it drops requests that the exporter does not
// retry. This pipeline counts every lost record.
type pipeline struct {
	exporter sdklog.Exporter // used only by run, except for Shutdown after run has ended
	cfg      EventPipeline
	report   func(error)
	sdk      *sdklog.LoggerProvider // makes the SDK's records; only run uses its loggers
	batch    []sdklog.Record        // used only by run: sdk appends its records here

	lost   atomic.Int64
	hurry  chan struct{} // capacity 1: a batch is full, or a caller waits for a flush
	wake   chan struct{} // capacity 1: the queue is not empty
	ending chan struct{} // closed by Shutdown
	done   chan struct{} // closed by run
	ctx    context.Context
	cancel context.CancelFunc // ends the attempt that is being made, when the time for Shutdown is over

	mu       sync.Mutex
	queue    recordQueue
	inFlight int // records taken from the queue that are neither exported nor lost yet
	closed   bool
	waiters  []waiter // at most one for each call of ForceFlush
	recovery hooks

	// Only run uses the fields below.
	size         int             // records per request: halved by refusals, raised by successes, at most cfg.Batch
	failing      bool            // an attempt failed since the members were last notified
	notifiedLost int64           // number of lost records when members were last notified
	notifiedAt   time.Time       // when members were last notified
	known        map[string]bool // reasons for rejections that were already reported to the program
}

// A waiter waits until all records before a position are exported or lost.
type waiter struct {
	before uint64
	done   chan struct{}
}

func newPipeline(res *resource.Resource, exporter sdklog.Exporter, cfg EventPipeline, report func(error)) *pipeline {
	p := &pipeline{
		exporter: exporter,
		cfg:      cfg,
		report:   report,
		batch:    make([]sdklog.Record, 0, cfg.Batch),
		hurry:    make(chan struct{}, 1),
		wake:     make(chan struct{}, 1),
		ending:   make(chan struct{}),
		done:     make(chan struct{}),
		queue:    recordQueue{limit: cfg.Queue},
		size:     cfg.Batch,
	}
	p.sdk = newEventProvider(res, collector{&p.batch})
	p.ctx, p.cancel = context.WithCancel(context.Background())
	go p.run()
	return p
}

func (p *pipeline) push(e emitted) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.lost.Add(1)
		return
	}
	overwrote := p.queue.push(e)
	n := p.queue.len()
	p.mu.Unlock()
	if overwrote {
		p.lost.Add(1)
	}
	if n == 1 {
		signal(p.wake)
	}
	if n == p.cfg.Batch {
		signal(p.hurry)
	}
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// waiting returns the number of records that are neither exported nor lost yet.
func (p *pipeline) waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.queue.len() + p.inFlight
}

func (p *pipeline) run() {
	defer close(p.done)
	taken := make([]emitted, 0, p.cfg.Batch)
	timer := time.NewTimer(p.cfg.Interval)
	defer timer.Stop()
	for {
		select {
		case <-p.wake:
			timer.Reset(p.cfg.Interval)
			select {
			case <-timer.C:
			case <-p.hurry:
			case <-p.ending:
			}
		case <-p.hurry:
		case <-p.ending:
		}
		for {
			p.mu.Lock()
			taken = p.queue.take(taken[:0], p.size)
			p.inFlight = len(taken)
			p.mu.Unlock()
			if len(taken) == 0 {
				break
			}
			for i := range taken {
				taken[i].convert()
			}
			p.deliver(p.batch)
			clear(taken)
			clear(p.batch)
			p.batch = p.batch[:0]
			p.settle()
			p.notifyIfRecovered()
		}
		if p.ctx.Err() != nil || p.ended() {
			return
		}
	}
}

func (p *pipeline) ended() bool {
	select {
	case <-p.ending:
		return p.waiting() == 0
	default:
		return false
	}
}

// deliver exports a batch, in one request or in several, and returns when each record is exported
// or lost.
func (p *pipeline) deliver(batch []sdklog.Record) {
	pause := firstPause
	for len(batch) > 0 {
		if p.ctx.Err() != nil {
			p.lost.Add(int64(len(batch)))
			return
		}
		part := batch[:min(p.size, len(batch))]
		a, err := p.attempt(part)
		if a.verdict == accepted {
			p.reject(a)
			if err != nil && a.message == "" {
				p.report(err)
			}
			batch = batch[len(part):]
			p.size = min(p.size+p.cfg.Batch/16+1, p.cfg.Batch)
			pause = firstPause
			continue
		}
		never := a.verdict == refused || a.verdict == notSent
		p.failing = p.failing || !never
		p.report(err)
		switch {
		case never && len(part) == 1:
			p.reject(&attempt{rejected: 1})
			batch = batch[1:]
			continue
		case never:
			p.size = (len(part) + 1) / 2
			continue
		case a.verdict == smaller:
			p.size = (len(part) + 1) / 2
		}
		p.pause(max(pause, a.wait))
		pause = min(2*pause, longPause)
	}
}

// maxKnown bounds the distinct reasons for rejections that are reported to the program.
const maxKnown = 100

// reject counts the records that a receiver got but rejected. They count as lost, and members are
// not notified of them: a keyframe would not help, since it would be rejected as well, and its
// rejection would cause the next keyframe. Each reason is reported to the program once.
func (p *pipeline) reject(a *attempt) {
	p.lost.Add(a.rejected)
	p.notifiedLost += a.rejected
	if a.message == "" {
		return
	}
	reason := digits.ReplaceAllString(a.message, "0") // counts and values differ from one message to the next
	if p.known[reason] || len(p.known) >= maxKnown {
		return
	}
	if p.known == nil {
		p.known = make(map[string]bool)
	}
	p.known[reason] = true
	p.report(fmt.Errorf("the receiver rejected some events: %s (reported once for each reason)", a.message))
}

var digits = regexp.MustCompile(`[0-9]+`)

func (p *pipeline) attempt(part []sdklog.Record) (*attempt, error) {
	ctx, cancel := context.WithTimeout(p.ctx, p.cfg.Attempt)
	defer cancel()
	ctx, a := withAttempt(ctx)
	err := p.exporter.Export(ctx, part)
	switch {
	case err == nil:
		a.verdict = accepted
		return a, nil
	case a.verdict == notSent && ctx.Err() != nil:
		a.verdict = again // the time limit ended before the request was sent
	}
	return a, fmt.Errorf("cannot export %d events: %w", len(part), err)
}

// pause waits for d, varied by up to a fifth so that processes do not retry at the same time.
// Shutdown shortens it.
func (p *pipeline) pause(d time.Duration) {
	d += time.Duration((rand.Float64() - 0.5) * 0.4 * float64(d))
	ending := p.ending
	select {
	case <-p.ending:
		d = min(d, lastPause)
		ending = nil
	default:
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ending:
	case <-p.ctx.Done():
	}
}

// settle notifies the waiters whose records are all exported or lost.
func (p *pipeline) settle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inFlight = 0
	kept := p.waiters[:0]
	for _, w := range p.waiters {
		if w.before <= p.queue.head {
			close(w.done)
		} else {
			kept = append(kept, w)
		}
	}
	clear(p.waiters[len(kept):])
	p.waiters = kept
}

// notifyIfRecovered calls the hooks once after failures or losses, as soon as the queue has room
// for what the hooks will emit, and at most once a second: keyframes must not cause the next loss.
func (p *pipeline) notifyIfRecovered() {
	lost := p.lost.Load()
	if !p.failing && lost == p.notifiedLost || p.ctx.Err() != nil || time.Since(p.notifiedAt) < time.Second {
		return
	}
	p.mu.Lock()
	room := p.queue.len() <= p.queue.limit/2
	p.mu.Unlock()
	if room {
		p.failing, p.notifiedLost, p.notifiedAt = false, lost, time.Now()
		p.recovery.call()
	}
}

// ForceFlush returns when every record emitted before it is exported or lost.
func (p *pipeline) ForceFlush(ctx context.Context) error {
	p.mu.Lock()
	if p.queue.len()+p.inFlight == 0 {
		p.mu.Unlock()
		return nil
	}
	w := waiter{p.queue.tail, make(chan struct{})}
	p.waiters = append(p.waiters, w)
	p.mu.Unlock()
	signal(p.hurry)
	select {
	case <-w.done:
		return nil
	case <-p.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("not all events were exported before the flush ended: %w", ctx.Err())
	}
}

// Shutdown accepts no more records, and exports the waiting records until ctx ends. Records that
// are then left are lost.
func (p *pipeline) Shutdown(ctx context.Context) error {
	p.mu.Lock()
	first := !p.closed
	p.closed = true
	p.mu.Unlock()
	if !first {
		return nil
	}
	before := p.lost.Load()
	stop := context.AfterFunc(ctx, p.cancel)
	defer stop()
	close(p.ending)
	<-p.done // follows soon after the end of ctx at the latest: p.ctx ends attempts and pauses
	p.cancel()
	err := p.exporter.Shutdown(context.WithoutCancel(ctx))
	if n := p.lost.Load() - before; n > 0 {
		err = errors.Join(fmt.Errorf("%d events were not exported and are lost", n), context.Cause(ctx), err)
	}
	return err
}
