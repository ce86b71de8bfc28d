package e2e

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"chordconductor/test/internal/polltest"
)

// members returns the members that have spans in the trace, or events on its spans.
func (tr trace) members() map[string]bool {
	all := map[string]bool{}
	for _, s := range tr.Spans {
		all[s.tag("chord.node.id")] = true
		for _, e := range s.Logs {
			all[e.field("chord.node.id")] = true
		}
	}
	delete(all, "")
	return all
}

// whole returns an error if a parent span is missing.
func (tr trace) whole() error {
	known := map[string]bool{}
	for _, s := range tr.Spans {
		known[s.SpanID] = true
	}
	for _, s := range tr.Spans {
		if parent := s.parent(); parent != "" && !known[parent] {
			return fmt.Errorf("trace %s: parent of %s, span %s, was not received", tr.TraceID, s.Operation, parent)
		}
	}
	return nil
}

// called reports whether the trace has a server span of method, emitted by member `to`, for a call from member `from`.
func (tr trace) called(method, from, to string) bool {
	for _, s := range tr.Spans {
		if s.Operation == method && s.tag("span.kind") == "server" && s.tag("chord.node.id") == to && s.tag("chord.peer.id") == from {
			return true
		}
	}
	return false
}

// instances counts the processes of a trace.
func (tr trace) instances() int {
	all := map[string]bool{}
	for _, p := range tr.Processes {
		for _, tag := range p.Tags {
			if tag.Key == "service.instance.id" {
				all[fmt.Sprint(tag.Value)] = true
			}
		}
	}
	return len(all)
}

// receives checks the receiver's span of a move: it must be within the call that began the move, and so within the
// source's span, and have the same attributes.
func (tr trace) receives(s span, joiner string) error {
	byID := map[string]span{}
	for _, other := range tr.Spans {
		byID[other.SpanID] = other
	}
	out := byID[s.parent()]
	for out.Operation == "chord.v1.Keys/Move" {
		out = byID[out.parent()]
	}
	if out.Operation != "chord.keys.move" || out.tag("chord.move.direction") != "out" || out.tag("chord.move.id") != s.tag("chord.move.id") {
		return fmt.Errorf("trace %s: receiving span of %s has the wrong parent %s %v", tr.TraceID, s.tag("chord.node.id"), out.Operation, out.Tags)
	}
	if s.tag("chord.node.id") != joiner || s.tag("chord.peer.id") != out.tag("chord.node.id") || s.tag("chord.move.keys") != out.tag("chord.move.keys") {
		return fmt.Errorf("trace %s: the sides of a move to %s differ: %v and %v", tr.TraceID, joiner, out.Tags, s.Tags)
	}
	const rounding = 2 // Jaeger's instants and durations are whole microseconds
	if s.StartTime+rounding < out.StartTime || s.StartTime+s.Duration > out.StartTime+out.Duration+rounding {
		return fmt.Errorf("trace %s: the move is received outside the time in which it is sent", tr.TraceID)
	}
	return nil
}

// joinsAndMoves checks the traces of joins: the joiner, the members asked and the source of its keys are in one
// trace of several processes, each with its events at their instants.
func joinsAndMoves(jaeger string) error {
	traces, err := jaegerTraces(jaeger, "/api/traces?service=chord-node&operation=chord.join&limit=100")
	if err != nil {
		return err
	}
	moves, across, received := 0, 0, 0
	for _, tr := range traces {
		if err := tr.whole(); err != nil {
			return err
		}
		joiner, host := "", ""
		for _, s := range tr.Spans {
			if s.Operation != "chord.join" {
				continue
			}
			joiner, host = s.tag("chord.node.id"), s.tag("chord.host.id")
			if s.event("chord.node.joined") == nil || s.tag("chord.outcome") != "ok" {
				return fmt.Errorf("trace %s: the join of %s has no event chord.node.joined: %v", tr.TraceID, joiner, s.Logs)
			}
		}
		for _, s := range tr.Spans {
			if s.Operation != "chord.keys.move" {
				continue
			}
			e := s.event("chord.keys.moved")
			if e == nil || e.Timestamp < s.StartTime || e.Timestamp > s.StartTime+s.Duration || s.tag("chord.outcome") != "ok" {
				return fmt.Errorf("trace %s: the move lacks the event of its start or of its success: %v, %v", tr.TraceID, s.Tags, s.Logs)
			}
			if s.tag("chord.move.direction") == "in" {
				received++
				if err := tr.receives(s, joiner); err != nil {
					return err
				}
				continue
			}
			moves++
			if s.tag("chord.peer.id") != joiner || s.tag("chord.move.reason") != "join" || s.tag("chord.node.id") == joiner {
				return fmt.Errorf("trace %s: the join of %s has a move of %s to %s", tr.TraceID, joiner, s.tag("chord.node.id"), s.tag("chord.peer.id"))
			}
			if s.tag("chord.host.id") != host && !tr.called("chord.v1.Keys/Move", s.tag("chord.node.id"), joiner) {
				return fmt.Errorf("trace %s: no call of the move names its source %s and its receiver %s", tr.TraceID, s.tag("chord.node.id"), joiner)
			}
		}
		if tr.instances() > 1 && len(tr.members()) > 2 {
			across++
		}
	}
	if moves < 10 || received != moves || across < 5 { // 20 members joined, one founded, on five hosts
		return fmt.Errorf("%d traces of joins have %d key moves, %d received; %d span processes", len(traces), moves, received, across)
	}
	return nil
}

// deathIsReported checks the trace in which a neighbour detects that the host at an address has crashed: the span of the
// failed call has an error and that address, and the span of its round has the events that the failure caused.
func deathIsReported(jaeger, address string) error {
	traces, err := jaegerTraces(jaeger, "/api/traces?service=chord-node&operation=chord.stabilize&limit=500")
	if err != nil {
		return err
	}
	last := fmt.Errorf("none of %d rounds has a failed call to %s", len(traces), address)
	for _, tr := range traces {
		failed, reported := false, false
		for _, s := range tr.Spans {
			failed = failed || s.tag("error") == "true" && strings.Contains(s.tag("otel.status_description"), address)
			e := s.event("chord.peer.failed")
			reported = reported || e != nil && e.field("chord.peer.address") == address && e.field("chord.operation") != ""
		}
		switch err := tr.whole(); {
		case failed && reported && err == nil:
			return nil
		case failed:
			last = errors.Join(fmt.Errorf("trace %s has the failed call, but no chord.peer.failed", tr.TraceID), err)
		}
	}
	return last
}

// exemplarsLead checks that exemplars in Prometheus name traces that Jaeger has.
func exemplarsLead(t *testing.T, prometheus, jaeger, metric string) {
	t.Helper()
	polltest.Passes(t, 40*time.Second, "an exemplar of "+metric+" that opens in Jaeger", func() error {
		var answer struct {
			Data []struct {
				Exemplars []struct {
					Labels map[string]string `json:"labels"`
				} `json:"exemplars"`
			} `json:"data"`
		}
		now := time.Now()
		query := fmt.Sprintf("/api/v1/query_exemplars?query=%s&start=%d&end=%d", url.QueryEscape(metric), now.Add(-10*time.Minute).Unix(), now.Unix()+1)
		if err := getJSON(prometheus+query, &answer); err != nil {
			return err
		}
		seen := 0
		last := errors.New("no exemplars")
		for _, series := range answer.Data {
			for _, exemplar := range series.Exemplars {
				if seen++; seen > 20 {
					return last
				}
				traces, err := jaegerTraces(jaeger, "/api/traces/"+exemplar.Labels["trace_id"])
				if err == nil && len(traces) == 1 {
					return nil
				}
				last = fmt.Errorf("exemplar %v: %d traces in Jaeger, %v", exemplar.Labels, len(traces), err)
			}
		}
		return last
	})
}
