package judge

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"chordconductor/conductor/lab/result"
	"chordconductor/otel/chordevent"
)

// maxWork bounds the number of sums of time. Beyond it the time of a new member counts only in the sum of the
// operation. Names longer than any text of an event are ignored.
const maxWork = 25_000

// work is the key of a sum of time: of one operation of all members, or of all operations of one member.
type work struct{ operation, member string }

// Spans adds up the time that members spent in their operations. It receives all traces that reach the conductor.
func (w *Watch) Spans(td ptrace.Traces) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.weigh()
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				if !strings.HasPrefix(s.Name(), "chord.") || strings.Contains(s.Name(), "/") {
					continue // a call between hosts: its time is part of the operation that made the call
				}
				took := max(0, s.EndTimestamp().AsTime().Sub(s.StartTimestamp().AsTime()))
				failed := s.Status().Code() == ptrace.StatusCodeError
				// Both sides of a move have a span: it is one operation, in which two members spent their time.
				if side, ok := s.Attributes().Get(string(chordevent.MoveDirectionKey)); !ok || side.Str() != "in" {
					w.spend(work{operation: s.Name()}, took, failed)
				}
				if id, ok := s.Attributes().Get(string(chordevent.NodeIDKey)); ok {
					w.spend(work{member: id.Str()}, took, failed)
				}
			}
		}
	}
}

func (w *Watch) spend(on work, took time.Duration, failed bool) {
	sum := w.spent[on]
	if sum == nil {
		n := workSize + int64(len(on.operation)+len(on.member))
		switch {
		case len(w.spent) >= maxWork, max(len(on.operation), len(on.member)) > chordevent.MaxText:
			return
		case w.bounds.exceeds(w.spentBytes+n, w.bounds.spent):
			w.bounds.share.Refuse()
			return
		}
		w.spentBytes += n
		sum = &result.OperationTime{Operation: on.operation, Member: on.member}
		w.spent[on] = sum
	}
	sum.Count++
	sum.Total += took
	sum.Max = max(sum.Max, took)
	if failed {
		sum.Failed++
	}
}

// Operations lists the sums of time: first by operation, then by member, each with the greatest sum first.
func (w *Watch) Operations() []result.OperationTime {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]result.OperationTime, 0, len(w.spent))
	for _, sum := range w.spent {
		out = append(out, *sum)
	}
	slices.SortFunc(out, func(a, b result.OperationTime) int {
		return cmp.Or(
			cmp.Compare(min(len(a.Member), 1), min(len(b.Member), 1)),
			cmp.Compare(b.Total, a.Total),
			cmp.Compare(a.Operation, b.Operation),
			cmp.Compare(a.Member, b.Member),
		)
	})
	return out
}
