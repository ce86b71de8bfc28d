package conform

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/goleak"

	"chordconductor/conductor/lab/run"
	"chordconductor/conductor/lab/scenario"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// good is the scenario of a recording that conforms: a ring of six, for three minutes of virtual time, with a join, a
// leave and a crash.
const good = `name: good
seed: 3
ring: {members: 6, successors: 3, replicas: 2, bits: 16}
timing: {stabilize: 200ms}
workload: {rate: 2/s, keys: 50}
phases:
  - {at: 15s, leave: 1}
  - {at: 25s, join: 1}
  - {at: 35s, crash: 1}
duration: 130s
`

type message struct {
	logs   []byte
	traces []byte
}

// recorded is the good recording, made once.
var recorded = sync.OnceValues(func() (all []message, err error) {
	s, err := scenario.Parse("good", []byte(good))
	if err != nil {
		return nil, err
	}
	add := func(m message, failed error) {
		all = append(all, m)
		if failed != nil {
			err = failed
		}
	}
	tap := run.Tap{
		Logs: func(ld plog.Logs) {
			body, err := new(plog.ProtoMarshaler).MarshalLogs(ld)
			add(message{logs: body}, err)
		},
		Spans: func(td ptrace.Traces) {
			body, err := new(ptrace.ProtoMarshaler).MarshalTraces(td)
			add(message{traces: body}, err)
		},
	}
	_, failed := run.Virtual(context.Background(), s, tap, nil)
	if failed != nil {
		err = failed
	}
	return all, err
})

// A change is what a test does to a recording. All functions are optional; log and span return whether the record or
// span stays.
type change struct {
	log      func(plog.LogRecord) bool
	span     func(ptrace.Span) bool
	resource func(pcommon.Resource)
	share    int // only one message in share, from the beginning; 0: all
}

// verify passes the changed recording to a Verifier, and returns the report.
func (c change) verify(t *testing.T) *Report {
	t.Helper()
	all, err := recorded()
	if err != nil {
		t.Fatal(err)
	}
	if c.share > 0 {
		all = all[:len(all)/c.share]
	}
	j := New(Config{Source: "test"})
	for _, m := range all {
		if m.logs != nil {
			ld, err := new(plog.ProtoUnmarshaler).UnmarshalLogs(m.logs)
			if err != nil {
				t.Fatal(err)
			}
			for _, rl := range ld.ResourceLogs().All() {
				if c.resource != nil {
					c.resource(rl.Resource())
				}
				for _, sl := range rl.ScopeLogs().All() {
					sl.LogRecords().RemoveIf(func(rec plog.LogRecord) bool { return c.log != nil && !c.log(rec) })
				}
			}
			j.Logs(ld)
			continue
		}
		td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(m.traces)
		if err != nil {
			t.Fatal(err)
		}
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				ss.Spans().RemoveIf(func(s ptrace.Span) bool { return c.span != nil && !c.span(s) })
			}
		}
		j.Traces(td)
	}
	return j.Report()
}

// at returns the result of one level.
func (r *Report) at(level Level) LevelResult {
	for _, l := range r.Results {
		if l.Level == level {
			return l
		}
	}
	panic(level)
}

// names reports whether l failed and one of its findings contains text.
func (l LevelResult) names(text string) bool {
	for _, list := range [][]Finding{l.Missing, l.Wrong} {
		for _, f := range list {
			if strings.Contains(f.What, text) && f.Count > 0 && l.Verdict == Failed {
				return true
			}
		}
	}
	return false
}

// named lists the levels at which a finding contains a text. A level at which only a note does has a "+".
func (r *Report) named(text string) (levels []string) {
	for _, l := range r.Results {
		if l.names(text) {
			levels = append(levels, string(l.Level))
		}
		for _, f := range l.Notes {
			if strings.Contains(f.What, text) {
				levels = append(levels, string(l.Level)+"+")
			}
		}
	}
	return levels
}

func (r *Report) String() string {
	var b strings.Builder
	r.Text(&b)
	return b.String()
}

func TestGoodRecording(t *testing.T) {
	r := change{}.verify(t)
	if !r.Passed || r.Ring != "chord" || r.From == nil || !r.Until.After(*r.From) {
		t.Errorf("passed %t: %s", r.Passed, r)
	}
	for _, l := range r.Results {
		if l.Verdict != Passed || len(l.Seen) == 0 || !l.Claimed {
			t.Errorf("%s: %s", l.Level, l.Verdict)
		}
	}
}

// An emitter that sends nothing passes no level. An emitter that claims only some levels is checked only for these.
func TestClaims(t *testing.T) {
	r := New(Config{}).Report()
	if r.Passed {
		t.Error("nothing was seen, and passes")
	}
	for _, l := range r.Results {
		if l.Verdict != NotSeen {
			t.Errorf("%s: %s", l.Level, l.Verdict)
		}
	}
	all, err := recorded()
	if err != nil {
		t.Fatal(err)
	}
	for _, claims := range [][]Level{nil, {Accepted, Membership}, {Lookups}} {
		j := New(Config{Claims: claims})
		for _, m := range all {
			if m.logs != nil {
				ld, err := new(plog.ProtoUnmarshaler).UnmarshalLogs(m.logs)
				if err != nil {
					t.Fatal(err)
				}
				j.Logs(ld)
			}
		}
		if r := j.Report(); r.Passed != (len(claims) == 2) || r.at(Lookups).Verdict != NotSeen || r.at(Traces).Verdict != NotSeen {
			t.Errorf("claims %v without spans: passed %t", claims, r.Passed)
		}
	}
}

// However many kinds of faults there are, a report lists a bounded number of findings, and counts the others.
func TestFindingsAreBounded(t *testing.T) {
	n := 0
	r := change{log: func(rec plog.LogRecord) bool {
		n++
		rec.Attributes().PutStr(fmt.Sprintf("chord.unknown.%d", n), "x")
		return true
	}}.verify(t)
	if l := r.at(Accepted); len(l.Notes) != maxKinds || l.MoreNotes == 0 {
		t.Errorf("%d notes, %d more", len(l.Notes), l.MoreNotes)
	}
}
