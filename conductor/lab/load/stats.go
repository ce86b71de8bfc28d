package load

import (
	"slices"
	"sync"
	"time"

	"chordconductor/node/wire"
)

// Op is a kind of operation.
type Op uint8

const (
	Get Op = iota
	Put
	Lookup
	ops
)

func (o Op) String() string { return [...]string{"get", "put", "lookup"}[o] }

// Counts are the numbers and latencies of one phase. Latency is in microseconds from the intended start.
type Counts struct {
	Latency  [ops]Histogram
	Hops     Histogram // the owner not counted
	Timeouts uint64    // candidates that did not answer, in all operations
	Failed   uint64    // operations that ended without an answer; of a put, the outcome is unknown
	Refused  uint64    // puts that were refused: they have not happened
	Stale    uint64    // reads that missed a write acknowledged before they started
	Corrupt  uint64    // reads whose value was not written under that key
	Retried  uint64    // operations that needed another host
	Unsent   uint64    // operations that were due and never sent: too many were under way
}

// Done counts the operations that got an answer.
func (c *Counts) Done() (n uint64) {
	for i := range c.Latency {
		n += c.Latency[i].Count()
	}
	return n
}

// All returns the latencies of all kinds of operations together.
func (c *Counts) All() *Histogram {
	var h Histogram
	for i := range c.Latency {
		h.Merge(&c.Latency[i])
	}
	return &h
}

// Merge adds the counts of another phase.
func (c *Counts) Merge(o *Counts) {
	for i := range c.Latency {
		c.Latency[i].Merge(&o.Latency[i])
	}
	c.Hops.Merge(&o.Hops)
	c.Timeouts += o.Timeouts
	c.Failed += o.Failed
	c.Refused += o.Refused
	c.Stale += o.Stale
	c.Corrupt += o.Corrupt
	c.Retried += o.Retried
	c.Unsent += o.Unsent
}

// A Slow is one of the slowest operations.
type Slow struct {
	Op      Op
	At      time.Time // intended start
	Latency time.Duration
	Found   *wire.Lookup // nil: not known
}

// slowest is how many slow operations are kept: so many lookups, which report their paths, and so many gets and puts.
const slowest = 10

// stats collects counts by phase. One mutex guards everything: an operation takes it once, at its end.
type stats struct {
	mu     sync.Mutex
	phases []*Counts // one per phase begun; a scenario's number of phases is bounded
	second Counts    // since the last Tick
	slow   [2][]Slow // gets and puts, and lookups; slowest first, at most slowest of each
}

func (s *stats) count(phase int, f func(*Counts)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.phase(phase))
	f(&s.second)
}

func (s *stats) phase(i int) *Counts {
	for len(s.phases) <= i {
		s.phases = append(s.phases, new(Counts))
	}
	return s.phases[i]
}

func (s *stats) offerSlow(o Slow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := &s.slow[0]
	if o.Op == Lookup {
		list = &s.slow[1]
	}
	if len(*list) == slowest && o.Latency <= (*list)[slowest-1].Latency {
		return
	}
	at := len(*list)
	for at > 0 && (*list)[at-1].Latency < o.Latency {
		at--
	}
	*list = slices.Insert(*list, at, o)
	*list = (*list)[:min(len(*list), slowest)]
}
