package otel

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

const (
	reportGap  = 10 * time.Second // between two messages about one signal
	longestGap = 5 * time.Minute  // between two about an outage that goes on; it doubles from reportGap
)

// A reporter passes errors of one signal on to the program, at most one in reportGap. All signals usually go to one
// receiver, and when it cannot be reached they fail for one reason: that reason is reported once for all signals, and
// then at growing intervals.
type reporter struct {
	*outage
	last    time.Time // guarded by outage.mu, as are the others
	skipped int
	after   int // outages that were over when skipped began
}

// An outage is what the reporters of a process have reported last.
type outage struct {
	notify func(error) // nil: errors are dropped

	mu     sync.Mutex
	reason string
	at     time.Time
	gap    time.Duration // until the same reason is reported again
	past   int           // outages that have ended
}

// over marks the end of an outage, when events are exported again: a later failure is another outage, even for the same
// reason.
func (o *outage) over() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reason = ""
	o.past++
}

func (r *reporter) report(err error) {
	if r.notify == nil || err == nil {
		return
	}
	if err = r.due(err, time.Now()); err != nil {
		r.notify(err)
	}
}

// due returns the error to report now for a failure, or nil.
func (r *reporter) due(err error, now time.Time) error {
	reason := reasonOf(err)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.after != r.past {
		r.after, r.skipped = r.past, 0
	}
	same := reason == r.reason
	if same && now.Sub(r.at) < r.gap || !same && !r.last.IsZero() && now.Sub(r.last) < reportGap {
		r.skipped++
		return nil
	}
	if same {
		r.gap = min(2*r.gap, longestGap)
	} else {
		r.reason, r.gap = reason, reportGap
	}
	message := plain(err, reason)
	if r.skipped > 0 {
		message = fmt.Errorf("%w (and %d more failures since the last message)", message, r.skipped)
	}
	r.at, r.last, r.skipped = now, now, 0
	return message
}

// plainly is an error in one line, without the text that gRPC puts around it.
type plainly struct {
	text string
	error
}

func (p plainly) Error() string { return p.text }
func (p plainly) Unwrap() error { return p.error }

// plain returns an error whose text is short: the operation, which is the text of err before the first colon, and the
// reason.
func plain(err error, reason string) error {
	text := reason
	if what, _, some := strings.Cut(err.Error(), ": "); some {
		text = what + ": " + reason
	}
	return plainly{text, err}
}

// reasonOf returns the part of an exporter's error that is the same for all signals: address and cause.
func reasonOf(err error) string {
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		return op.Error()
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
	if _, status, found := strings.Cut(text, "rpc error: code = "); found {
		if _, cause, found := strings.Cut(status, "Error while dialing: "); found { // gRPC keeps only the text of it
			cause, _, _ = strings.Cut(cause, `"`)
			return cause
		}
		return strings.Replace(status, " desc = ", ": ", 1)
	}
	if _, reason, found := strings.Cut(text, ": "); found {
		return reason
	}
	return text
}
