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
	reportGap  = 10 * time.Second // between two messages about the same signal
	longestGap = 5 * time.Minute  // bound of the time between two messages about an outage that goes on; the time begins with reportGap and doubles
)

// A reporter passes errors of one signal to the program, at most one in reportGap. All signals
// usually go to the same receiver, and if it cannot be reached, all fail for the same reason. That
// reason is reported once for all signals, and then at growing intervals.
type reporter struct {
	*outage
	last    time.Time // guarded by outage.mu, as are the fields below
	skipped int
	after   int // value of past when skipped was last reset
}

// An outage records what the reporters of a process have reported last, and when.
type outage struct {
	notify func(error) // nil: errors are dropped

	mu     sync.Mutex
	reason string
	at     time.Time
	gap    time.Duration // time until the same reason is reported again
	past   int           // number of outages that have ended
}

// over marks the end of an outage, since events are exported again. A later failure is a new
// outage, even if its reason is the same.
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

// due returns the error to report now for the failure err, or nil if nothing is to be reported now.
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

// plainly is an error with a text of one line, without the text that gRPC adds.
type plainly struct {
	text string
	error
}

func (p plainly) Error() string { return p.text }
func (p plainly) Unwrap() error { return p.error }

// plain returns err with a short text: the operation, which is the text of err before its first
// colon, and the reason.
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
		if _, cause, found := strings.Cut(status, "Error while dialing: "); found { // gRPC keeps only the text of the cause
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
