package host

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"chordconductor/node/env/access"
	"chordconductor/otel/chordevent"
)

// maxSpeakers bounds the speakers that are counted each on its own; the others share one count.
const maxSpeakers = 64

// refusals counts calls refused for their credentials. It prints a line for a speaker's first,
// second, fourth, eighth refusal, and so on, so that an attacker cannot fill the log.
type refusals struct {
	counter metric.Int64Counter
	print   func(format string, args ...any)

	mu    sync.Mutex
	times map[speaker]int // guarded by mu; at most maxSpeakers+1
}

type speaker struct {
	reason access.Reason
	source string
}

func newRefusals(meters metric.MeterProvider, printf func(string, ...any)) (*refusals, error) {
	counter, err := chordevent.PeerRefusals.Int64Counter(meters.Meter("chordconductor/node"))
	if err != nil {
		return nil, err
	}
	r := &refusals{counter: counter, print: printf, times: make(map[speaker]int)}
	return r, nil
}

func reasonOf(reason access.Reason) metric.AddOption {
	return metric.WithAttributeSet(attribute.NewSet(chordevent.RefusalReasonKey.String(string(reason))))
}

// add counts a refusal. It may be called from any goroutine.
func (r *refusals) add(f *access.Refusal) {
	r.counter.Add(context.Background(), 1, reasonOf(f.Reason))
	if n := r.count(speaker{f.Reason, f.Speaker}); n == 1 {
		r.print("refused: %s (%s)", f.Text, f.Method)
	} else if n&(n-1) == 0 {
		r.print("refused %d times: %s (%s)", n, f.Text, f.Method)
	}
}

// implausible counts a value that a peer has sent and members do not accept.
func (r *refusals) implausible(address, text string) {
	r.add(&access.Refusal{Reason: access.Implausible, Speaker: address, Text: text, Method: "keys"})
}

func (r *refusals) count(s speaker) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.times[s]; !known && len(r.times) >= maxSpeakers {
		s = speaker{}
	}
	r.times[s]++
	return r.times[s]
}
