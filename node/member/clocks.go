package member

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"chordconductor/internal/duration"
	"chordconductor/node/kv/hlc"
)

// Calls and answers carry the sender's physical clock. A host compares its own clock with the
// clocks of the hosts that answer it. If its clock differs by more than hlc.MaxDifference from
// those of more than half of them, its own clock is wrong, and it takes itself off the ring (see
// watch.go). No host decides on another's clock: from the difference of two clocks it does not
// follow which one is wrong.

const (
	// maxClocks bounds the hosts with which a host compares its clock. A new host replaces the one
	// that answered longest ago.
	maxClocks = 128
	// clockFresh is the age up to which an answer's clock is used: a clock may be set, or a host
	// may restart with another clock.
	clockFresh = 2 * time.Minute
	// rightAgain is how near a clock that was wrong must come to the others' to count as right. It
	// is less than hlc.MaxDifference, so that a host with a clock at the limit does not leave and
	// join again and again.
	rightAgain = hlc.MaxDifference - 5*time.Second
	// enoughClocks is how many other clocks are needed to decide that the host's own clock is
	// wrong.
	enoughClocks = 3
)

// clocks has the clocks of other hosts, as of their last answers. They are stored as differences to
// this host's monotonic clock (env.Now), so that a step of its wall clock shows immediately in the
// comparison with the answers received before.
type clocks struct {
	start time.Time // time zero of the monotonic clock, env.Now

	mu    sync.Mutex
	hosts []hostClock    // guarded by mu; at most maxClocks, by first answer
	at    map[string]int // guarded by mu; index in hosts
}

type hostClock struct {
	addr     string
	shown    bool          // the host sends its clock, which a host of version 1 does not
	lead     time.Duration // its clock, counted from 1970, minus this host's monotonic clock, counted from start
	answered time.Time
}

// note stores that a host has answered, and the clock in its answer. That clock lags by the latency
// of the answer.
func (c *clocks) note(addr string, millis int64, now time.Time) {
	next := hostClock{addr: addr, answered: now}
	if millis > 0 && millis <= maxMillis { // otherwise the clock is absent, or not a plausible time
		next.shown, next.lead = true, time.Duration(millis)*time.Millisecond-now.Sub(c.start)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if i, ok := c.at[addr]; ok {
		c.hosts[i] = next
		return
	}
	if c.at == nil {
		c.at = make(map[string]int)
	}
	if len(c.hosts) < maxClocks {
		c.at[addr] = len(c.hosts)
		c.hosts = append(c.hosts, next)
		return
	}
	oldest := 0
	for i := range c.hosts {
		if c.hosts[i].answered.Before(c.hosts[oldest].answered) {
			oldest = i
		}
	}
	delete(c.at, c.hosts[oldest].addr)
	c.at[addr], c.hosts[oldest] = oldest, next
}

// maxMillis is some 250 years after 1970: a time.Duration can hold it with room to spare.
const maxMillis = 250 * 366 * 24 * 3600 * 1000

// offset returns how far another host's clock is ahead of this one's, or 0 if that is not known.
func (c *clocks) offset(addr string, now, wall time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i, ok := c.at[addr]; ok && c.hosts[i].shown {
		return c.hosts[i].ahead(c.start, now, wall)
	}
	return 0
}

func (h *hostClock) ahead(start, now, wall time.Time) time.Duration {
	return h.lead + now.Sub(start) - time.Duration(wall.UnixNano())
}

// known lists the addresses of hosts that have answered, the latest first.
func (c *clocks) known() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := slices.Clone(c.hosts)
	slices.SortStableFunc(list, func(a, b hostClock) int { return b.answered.Compare(a.answered) })
	addrs := make([]string, len(list))
	for i := range list {
		addrs[i] = list[i].addr
	}
	return addrs
}

// A clockView is how a host's clock differs from the others' now.
type clockView struct {
	others int           // number of hosts compared with
	beyond int           // number of these whose clock differs by more than the limit
	ahead  time.Duration // by how much this host's clock is ahead of the median of the others
	worst  string        // the host whose clock differs most
	most   time.Duration // by how much this host's clock is ahead of that one's
}

// compare compares this host's clock with the clocks of all hosts that have answered within
// clockFresh. clockView.beyond counts the differences above limit.
func (c *clocks) compare(now, wall time.Time, limit time.Duration) (v clockView) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var aheads []time.Duration
	for i := range c.hosts {
		h := &c.hosts[i]
		if !h.shown || now.Sub(h.answered) > clockFresh {
			continue
		}
		ahead := -h.ahead(c.start, now, wall)
		aheads = append(aheads, ahead)
		if ahead.Abs() > limit {
			v.beyond++
		}
		if ahead.Abs() > v.most.Abs() {
			v.worst, v.most = h.addr, ahead
		}
	}
	if v.others = len(aheads); v.others > 0 {
		slices.Sort(aheads)
		v.ahead = (aheads[(v.others-1)/2] + aheads[v.others/2]) / 2
	}
	return v
}

// wrong reports whether this host's own clock is wrong.
func (v clockView) wrong() bool { return v.others >= enoughClocks && 2*v.beyond > v.others }

func (v clockView) String() string {
	if v.wrong() {
		return fmt.Sprintf("this host's clock is %s the others': more than %s from %d of %d hosts", direction(v.ahead), duration.Text(hlc.MaxDifference), v.beyond, v.others)
	}
	return fmt.Sprintf("this host's clock is %s that of %s: more than %s, and too few hosts answer to decide which is wrong", direction(v.most), v.worst, duration.Text(hlc.MaxDifference))
}

func direction(ahead time.Duration) string {
	if ahead < 0 {
		return duration.Text(-ahead.Round(time.Millisecond)) + " behind"
	}
	return duration.Text(ahead.Round(time.Millisecond)) + " ahead of"
}

// An anchor is the difference between a host's wall clock and its monotonic clock at the last comparison with other
// hosts' clocks.
type anchor struct {
	mu    sync.Mutex
	lead  atomic.Int64 // nanoseconds
	ahead atomic.Int64 // nanoseconds by which the clock is ahead of the right time; 0 if it is not known to be wrong
}

// stepped is the least difference between two comparisons that means that the clock was set: no
// clock drifts so much.
const stepped = time.Second

// wall returns the time for stamps and expiry: the clock's time or, if that is known to be wrong,
// the others' time. A host with a wrong clock hands off its keys before it leaves, and must not
// expire them first.
func (h *Host) wall() time.Time {
	wall := h.env.Wall()
	if lead := wall.UnixNano() - int64(h.env.Now().Sub(h.clocks.start)); time.Duration(lead-h.anchor.lead.Load()).Abs() > stepped {
		h.compareClocks(hlc.MaxDifference)
	}
	return wall.Add(-time.Duration(h.anchor.ahead.Load()))
}

// compareClocks compares this host's clock with the others'.
func (h *Host) compareClocks(limit time.Duration) clockView {
	h.anchor.mu.Lock()
	defer h.anchor.mu.Unlock()
	wall, now := h.env.Wall(), h.env.Now()
	view := h.clocks.compare(now, wall, limit)
	var ahead time.Duration
	if view.wrong() {
		ahead = view.ahead
	}
	h.anchor.lead.Store(wall.UnixNano() - int64(now.Sub(h.clocks.start)))
	h.anchor.ahead.Store(int64(ahead))
	return view
}

// since returns the time since micros, an instant in Unix microseconds by the clock of the host at
// addr.
func (h *Host) since(micros int64, addr string) time.Duration {
	wall := h.env.Wall()
	passed := time.Duration(wall.UnixMicro()-micros) * time.Microsecond
	if addr != h.address {
		passed += h.clocks.offset(addr, h.env.Now(), wall)
	}
	return max(passed, 0)
}
