package member

import (
	"context"
	"slices"
	"sync"
	"time"

	"chordconductor/node/chord"
)

const (
	maxNotices = 64 // peers send again, so what does not fit may be dropped
	maxHints   = 32
	maxChecks  = 16
)

// inbox holds the work that other tasks queue for the member's loop, which does one thing at a
// time. All queues are bounded. What does not fit is dropped, since notifies, hints and suspicions
// are repeated as long as they matter.
type inbox struct {
	mu       sync.Mutex
	notices  []notice     // guarded by mu; at most one per notifier, the latest
	hints    []hint       // guarded by mu; at most one per contact
	nearer   []hint       // live members that may be nearer successors
	checks   []chord.Peer // guarded by mu; suspected peers
	handled  []handled    // contacts of other rings handled lately
	hurrying bool         // guarded by mu; stabilize immediately
	rival    chord.Peer   // another member with this one's identifier, as last reported; zero if there is none
}

// notice is a peer's notify: the peer believes that it is the member's predecessor; ctx carries the
// trace of its notify. A notice may wait long while the loop waits for dead peers, and is then out
// of date (see Member.current).
type notice struct {
	ctx  context.Context
	from chord.Peer
	at   time.Time // when it was received
}

// hint is a contact that may be on another ring, or a nearer successor.
type hint struct {
	ctx     context.Context
	contact chord.Peer
	hops    int32     // how many times it may be passed on
	at      time.Time // when it was received
}

type handled struct {
	id    chord.ID
	until time.Time
}

func (b *inbox) notify(n notice) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notices = slices.DeleteFunc(b.notices, func(old notice) bool { return old.from.ID == n.from.ID })
	if len(b.notices) < maxNotices {
		b.notices = append(b.notices, n)
	}
}

// notified reports whether a notice waits.
func (b *inbox) notified() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.notices) > 0
}

func (b *inbox) hint(h hint) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.hints {
		if b.hints[i].contact == h.contact {
			b.hints[i].hops = max(b.hints[i].hops, h.hops)
			return
		}
	}
	if len(b.hints) < maxHints {
		b.hints = append(b.hints, h)
	}
}

// takeHint removes and returns the oldest hint, or returns nil if there is none. Only the
// background task calls it.
func (b *inbox) takeHint() *hint {
	b.mu.Lock()
	defer b.mu.Unlock()
	return pop(&b.hints)
}

// consider queues a live member that may be a nearer successor.
func (b *inbox) consider(h hint) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.nearer) < maxHints && !slices.ContainsFunc(b.nearer, func(old hint) bool { return old.contact == h.contact }) {
		b.nearer = append(b.nearer, h)
	}
}

func (b *inbox) suspect(p chord.Peer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.checks) < maxChecks && !slices.Contains(b.checks, p) {
		b.checks = append(b.checks, p)
	}
}

func (b *inbox) hurry() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hurrying = true
}

// takeNotice is for the loop, directly before it handles the notice: a notice taken earlier would
// become out of date while the loop does other work, and hide the latest one.
func (b *inbox) takeNotice() *notice {
	b.mu.Lock()
	defer b.mu.Unlock()
	return pop(&b.notices)
}

// work has one waiting item of each of the other kinds.
type work struct {
	candidate *hint
	hint      *hint
	check     *chord.Peer
	hurry     bool
	rival     chord.Peer
}

func (b *inbox) take() work {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := work{candidate: pop(&b.nearer), hint: pop(&b.hints), check: pop(&b.checks), hurry: b.hurrying, rival: b.rival}
	b.hurrying, b.rival = false, chord.Peer{}
	return w
}

func pop[T any](queue *[]T) *T {
	if len(*queue) == 0 {
		return nil
	}
	first := (*queue)[0]
	*queue = slices.Delete(*queue, 0, 1)
	return &first
}

// meet reports whether contact id of another ring must be handled now: each contact is handled at
// most once in every interval `again`.
func (b *inbox) meet(id chord.ID, now time.Time, again time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.handled = slices.DeleteFunc(b.handled, func(h handled) bool { return !h.until.After(now) })
	if slices.ContainsFunc(b.handled, func(h handled) bool { return h.id == id }) {
		return false
	}
	if len(b.handled) == maxHints {
		b.handled = slices.Delete(b.handled, 0, 1)
	}
	b.handled = append(b.handled, handled{id, now.Add(again)})
	return true
}
