package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"chordconductor/conductor/live"
	"chordconductor/conductor/lookups"
	"chordconductor/conductor/recording"
	"chordconductor/otel/chordevent"
)

// Bounds of a player's settings.
const (
	MinSpeed = 0.1
	MaxSpeed = 100
	MaxStep  = 10_000 // events in one step
)

// LongGap is the longest recorded time without a message that the player waits for; it skips longer gaps.
const LongGap = time.Minute

// maxEarly bounds the data points that are kept until the first message that has a time; further ones are dropped.
const maxEarly = 1 << 12

// A View receives what is played; *live.Live implements it.
type View interface {
	Offer(events []chordevent.Event, arrived time.Time) error
	OfferSpans(spans []lookups.Span, points []lookups.Point)
}

// State is the state of a replay.
type State struct {
	File   string    `json:"file"`
	From   time.Time `json:"from"` // recorded time at which the replay begins
	Time   time.Time `json:"time"` // recorded time that has been reached
	Speed  float64   `json:"speed"`
	Paused bool      `json:"paused"`
	Ended  bool      `json:"ended"`            // all was played
	Events uint64    `json:"events"`           // that were played
	Damage string    `json:"damage,omitempty"` // why the replay ends before the file does: the position and the error
}

// ErrEnded means that nothing is left to play.
var ErrEnded = errors.New("the recording is at its end")

// A Player plays one recording. Only one goroutine may call Play; all other methods are safe for concurrent use.
type Player struct {
	name   string
	reader *recording.Reader
	begin  time.Time
	wake   chan struct{} // speed, pause or steps have changed

	// Only Play uses the following fields.
	ahead   *read // the message after next, if it was read already
	next    recording.Message
	events  []chordevent.Event // of the current message, not played yet
	offered bool               // the spans and metrics of the current message were played
	early   []lookups.Point    // of metrics before the first message that has a time: at most maxEarly
	last    time.Time          // the latest time of a message so far: messages of one instant may come in any order

	mu      sync.Mutex
	at      time.Time     // guarded by mu; recorded time at since
	since   time.Time     // guarded by mu; by the wall clock
	speed   float64       // guarded by mu
	started bool          // guarded by mu: Play was called; until then the clock is stopped
	paused  bool          // guarded by mu
	ended   bool          // guarded by mu
	played  uint64        // guarded by mu
	damage  string        // guarded by mu
	steps   int           // guarded by mu; events to play immediately, though paused
	stepped chan struct{} // guarded by mu; closed when steps is 0 again; nil: no Step waits
}

// A read is one result of the recording's reader.
type read struct {
	m   recording.Message
	err error
}

// New returns a player at the beginning of a recording, after reading up to the first message that has a time.
func New(name string, from io.Reader, speed float64, paused bool) (*Player, error) {
	if err := checkSpeed(speed); err != nil {
		return nil, err
	}
	p := &Player{name: name, reader: recording.NewReader(from), speed: speed, paused: paused, wake: make(chan struct{}, 1)}
	for {
		m, err := p.reader.Next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the recording has no events")
		}
		if err != nil {
			return nil, err
		}
		if at := timeOf(m); !at.IsZero() {
			if second := p.peek(); !second.IsZero() && second.Before(at.Add(-LongGap)) {
				at = second // the clock of the first is ahead
			}
			p.begin, p.at, p.last = at, at, at
			p.take(m)
			return p, nil
		}
		if m.Metrics != nil && len(p.early) < maxEarly {
			points := lookups.DecodeMetrics(*m.Metrics)
			p.early = append(p.early, points[:min(len(points), maxEarly-len(p.early))]...)
		}
	}
}

func checkSpeed(speed float64) error {
	if !(speed >= MinSpeed && speed <= MaxSpeed) {
		return fmt.Errorf("speed %g: expected %g to %d", speed, MinSpeed, MaxSpeed)
	}
	return nil
}

// Clock returns the recorded time that has been reached. It does not pass the recording's end, so that no member
// becomes silent there.
func (p *Player) Clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.clock()
}

func (p *Player) clock() time.Time {
	if !p.started || p.paused || p.ended {
		return p.at
	}
	return p.at.Add(time.Duration(float64(time.Since(p.since)) * p.speed))
}

// set changes the clock's time and speed. The caller holds p.mu.
func (p *Player) set(at time.Time) { p.at, p.since = at, time.Now() }

// State returns the state of the replay.
func (p *Player) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return State{File: p.name, From: p.begin, Time: p.clock(), Speed: p.speed, Paused: p.paused, Ended: p.ended, Events: p.played, Damage: p.damage}
}

// Set pauses or resumes the replay, and changes its speed. A nil argument leaves its setting unchanged.
func (p *Player) Set(paused *bool, speed *float64) error {
	if speed != nil {
		if err := checkSpeed(*speed); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set(p.clock())
	if paused != nil {
		p.paused = *paused
	}
	if speed != nil {
		p.speed = *speed
	}
	p.signal()
	return nil
}

// Step pauses the replay and plays the next n events. It returns when the view has received them.
func (p *Player) Step(ctx context.Context, n int) error {
	if n < 1 || n > MaxStep {
		return fmt.Errorf("%d events: expected 1 to %d", n, MaxStep)
	}
	p.mu.Lock()
	if p.ended {
		p.mu.Unlock()
		return ErrEnded
	}
	p.set(p.clock())
	p.paused = true
	p.steps = min(p.steps+n, MaxStep)
	if p.stepped == nil {
		p.stepped = make(chan struct{})
	}
	done := p.stepped
	p.signal()
	p.mu.Unlock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Player) signal() {
	select {
	case p.wake <- struct{}{}:
	default: // a wake-up is pending already
	}
}

// Play plays until the recording ends, or ctx ends. It must be called once. A damaged recording ends with the last
// whole message before the damage, and State describes the damage.
func (p *Player) Play(ctx context.Context, to View) error {
	p.mu.Lock()
	p.started = true
	p.set(p.at)
	p.mu.Unlock()
	defer p.end()
	for {
		step, err := p.turn(ctx)
		if err != nil {
			return err
		}
		if err := p.offer(ctx, to, step); err != nil {
			return err
		}
		if len(p.events) > 0 {
			continue
		}
		m, err := p.read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var damage *recording.DamageError
		if errors.As(err, &damage) {
			p.mu.Lock()
			p.damage = damage.Error()
			p.mu.Unlock()
			return nil
		}
		if err != nil {
			return err
		}
		p.take(m)
	}
}

// take makes a message the current message.
func (p *Player) take(m recording.Message) {
	p.next, p.offered, p.events = m, false, nil
	if m.Logs != nil {
		p.events = chordevent.DecodeLogs(*m.Logs)
	}
	if at := timeOf(m); at.After(p.last) && (!at.After(p.last.Add(LongGap)) || p.confirmed(at)) {
		p.last = at
	}
}

func (p *Player) read() (recording.Message, error) {
	if r := p.ahead; r != nil {
		p.ahead = nil
		return r.m, r.err
	}
	return p.reader.Next()
}

// confirmed reports whether the next message confirms a time that is far ahead. A single time far ahead comes from a
// faulty clock: everything after it would wait for that time, which may be years away.
func (p *Player) confirmed(at time.Time) bool { return p.peek().After(at.Add(-LongGap)) }

// peek returns the time of the message after the current one; zero if that message has no time, or there is none.
func (p *Player) peek() time.Time {
	if p.ahead == nil {
		m, err := p.reader.Next()
		p.ahead = &read{m, err}
	}
	if p.ahead.err != nil {
		return time.Time{}
	}
	return timeOf(p.ahead.m)
}

// end stops the clock at the recording's end, and releases the callers of Step.
func (p *Player) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set(p.last)
	p.ended = true
	p.finishSteps()
}

func (p *Player) finishSteps() {
	p.steps = 0
	if p.stepped != nil {
		close(p.stepped)
		p.stepped = nil
	}
}

// turn waits until the current message may be played: all of it, once its time is reached, or a step of it.
func (p *Player) turn(ctx context.Context) (step bool, err error) {
	for {
		p.mu.Lock()
		if p.steps > 0 || !p.paused && !p.clock().Before(p.last) {
			defer p.mu.Unlock()
			return p.steps > 0, nil
		}
		var due <-chan time.Time // never, while paused
		if !p.paused && p.last.Sub(p.clock()) > LongGap {
			p.set(p.last)
			p.mu.Unlock()
			continue
		}
		if !p.paused {
			due = time.After(time.Duration(float64(p.last.Sub(p.clock()))/p.speed) + time.Microsecond)
		}
		p.mu.Unlock()
		select {
		case <-due:
		case <-p.wake:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// offer passes the current message to the view. If step is true, it passes only as many events as Step requested.
func (p *Player) offer(ctx context.Context, to View, step bool) error {
	if !p.offered {
		p.offered = true
		if len(p.early) > 0 {
			to.OfferSpans(nil, p.early)
			p.early = nil
		}
		if p.next.Traces != nil {
			spans, _ := lookups.Decode(*p.next.Traces) // invalid spans were reported when they were received
			to.OfferSpans(spans, nil)
		}
		if p.next.Metrics != nil {
			to.OfferSpans(nil, lookups.DecodeMetrics(*p.next.Metrics))
		}
	}
	n := len(p.events)
	p.mu.Lock()
	if step {
		n = min(n, p.steps)
		p.advance(p.events[:n])
	}
	now := p.clock()
	p.mu.Unlock()
	if n == 0 {
		return nil
	}
	if err := offer(ctx, to, p.events[:n:n], now); err != nil {
		return err
	}
	p.events = p.events[n:]
	p.mu.Lock()
	defer p.mu.Unlock()
	p.played += uint64(n)
	if step {
		if p.steps -= n; p.steps == 0 {
			p.finishSteps()
		}
	}
	return nil
}

// advance moves the clock to the latest timestamp of some events. The clock never goes back, nor past the time of their
// message. The caller holds p.mu.
func (p *Player) advance(events []chordevent.Event) {
	for _, ev := range events {
		if ev.Time.After(p.at) && !ev.Time.After(p.last) {
			p.set(ev.Time)
		}
	}
}

// offer waits for a view that is behind, as a sender would.
func offer(ctx context.Context, to View, events []chordevent.Event, arrived time.Time) error {
	const pause = 10 * time.Millisecond
	for {
		err := to.Offer(events, arrived)
		if !errors.Is(err, live.ErrFull) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
