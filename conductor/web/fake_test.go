package web

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/deploy/faults"
	"chordconductor/conductor/lab/result"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/conductor/live"
	"chordconductor/conductor/lookups"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
	"chordconductor/node/wire"
	"chordconductor/otel/chordevent"
)

var (
	idA, idB, idGone = chord.ID{19: 0x0a}, chord.ID{19: 0xb0}, chord.ID{19: 0xff}
	traceID          = trace.TraceID{15: 7}
	instant          = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
)

// fakeSource is a ring of two members on an identifier circle of 8 bits, with a third member that has failed.
type fakeSource struct{}

func (fakeSource) Epoch() string { return "e1" }

func (fakeSource) View() *ring.View {
	ref := func(id chord.ID) chordevent.PeerRef {
		return chordevent.PeerRef{Peer: chord.Peer{ID: id, Addr: "host:1", Incarnation: 5}}
	}
	member := func(id chord.ID, status ring.MemberStatus) *ring.Member {
		return &ring.Member{
			ID: id, Incarnation: 5, Seq: 3, Status: status, LastEvent: instant.Add(-1500 * time.Millisecond),
			Host: chordevent.Host{ID: "h", Address: "host:1"}, Load: chordevent.Load{OwnedKeys: 4, ReplicaKeys: 2, Bytes: 99, Gets: 8},
		}
	}
	a, b := member(idA, ring.Active), member(idB, ring.Active)
	a.Predecessor, a.Successors = ref(idB), []chordevent.PeerRef{ref(idB), {Peer: chord.Peer{ID: chord.ID{19: 0xb1}}}}
	a.Ownership = chordevent.Ownership{Owns: true, From: idB, Epoch: 2}
	a.Fingers = []chordevent.FingerRun{{First: 0, Last: 7, Peer: ref(idB)}}
	b.Uncertain = true
	return &ring.View{
		Seq: 42, Time: instant, Name: "test", Status: ring.Repairing, Error: 3, ErrorUnknown: 4, Bits: 8, ListLen: 2, Replicas: 3,
		Members:    []*ring.Member{a, b, member(idGone, ring.Failed)},
		Violations: []ring.Violation{{Condition: "OneOrderedRing", Detail: "two rings", Members: []chord.ID{idA}, Since: instant, Trace: traceID}},
		Counts:     ring.Counts{Active: 2, Failed: 1, Uncertain: 1},
		Certainty:  ring.Certainty{State: ring.PartlyCertain, Count: 1, Of: 2, Members: []ring.UncertainMember{{ID: idB, Incarnation: 5, Host: "host:1", Why: ring.Late, Since: instant}}},
		Tolerance:  ring.Tolerance{Pointers: 1, Keys: 2, Hosts: 1},
		Faults: []ring.Fault{
			{Kind: ring.TwoIncarnations, ID: idA, Incarnation: 5, Host: chordevent.Host{ID: "h", Address: "host:1"}, Since: instant, Other: 4},
			{Kind: ring.TwoProcesses, ID: idB, Incarnation: 5, Host: chordevent.Host{ID: "h", Address: "host:1"}, Since: instant, Instances: [2]string{"x", "y"}},
			{Kind: ring.ClockAhead, ID: idB, Incarnation: 5, Host: chordevent.Host{ID: "h", Address: "host:1"}, Since: instant, Bound: 58 * time.Second},
		},
		FaultCounts: ring.FaultCounts{0, 1, 1, 1, 0},
	}
}

func (fakeSource) Events(after uint64, limit int) (list []live.FeedEvent) {
	for seq := after + 1; seq <= 5 && len(list) < limit; seq++ {
		list = append(list, live.FeedEvent{Seq: seq, Time: instant, Kind: chordevent.KindPeerFailed, ID: idA, Peer: idGone, HasPeer: true, Text: "lost contact with it", Warning: true})
	}
	return list
}

func (fakeSource) Lookups(limit int) []lookups.Lookup {
	return []lookups.Lookup{{
		Trace: traceID, Start: instant, Duration: 2500 * time.Microsecond, Operation: "get", Mode: "recursive", Key: idB, Outcome: lookups.Timeouts,
		Hops: []lookups.Hop{{ID: idA, Pointer: "self"}, {ID: idB, Pointer: "finger", Slot: 3, At: time.Millisecond, Timeouts: 1}},
	}}
}

func (f fakeSource) LookupsUntil(_ time.Time, limit int) []lookups.Lookup { return f.Lookups(limit) }

func (fakeSource) Samples() []live.Sample {
	return []live.Sample{{Time: instant, Members: 2, P99: time.Millisecond}}
}
func (fakeSource) Stats() live.Stats {
	return live.Stats{Applied: 42, StalenessP99: 3 * time.Millisecond, Rejected: map[string]uint64{"missing": 1}, LookupsSampled: 0.5}
}

// fakeControl records its calls, and fails with the error that a test sets.
type fakeControl struct {
	calls []string
	fail  error
	load  scenario.Workload
	put   []byte
	res   *result.Result
}

func (c *fakeControl) record(words ...string) error {
	c.calls = append(c.calls, strings.Join(words, " "))
	return c.fail
}

func (c *fakeControl) AddNodes(_ context.Context, n int, host string) ([]chord.ID, error) {
	return []chord.ID{idA, idB}[:min(n, 2)], c.record("add", host)
}

func (c *fakeControl) StopNode(_ context.Context, id chord.ID, way deploy.Departure) error {
	switch way {
	case deploy.Crash:
		return c.record("crash", string("0123456789abcdef"[id[19]>>4]))
	case deploy.ForcedLeave:
		return c.record("forced leave")
	}
	return c.record("leave")
}

func (c *fakeControl) PauseNode(_ context.Context, _ chord.ID, d time.Duration) error {
	return c.record("pause", d.String())
}

func (c *fakeControl) Partition(_ context.Context, groups [][]chord.ID) ([]chord.ID, error) {
	return groups[0], c.record("partition")
}
func (c *fakeControl) Heal(context.Context) ([]chord.ID, error) { return nil, c.record("heal") }
func (c *fakeControl) Faults() []faults.Listed {
	return []faults.Listed{{Kind: "partition", From: []string{"h1:1"}, Members: []chord.ID{idA}}}
}

func (c *fakeControl) Put(_ context.Context, key, value []byte, ttl time.Duration) (wire.Written, error) {
	c.put = value
	return wire.Written{Copies: 3, Version: 1 << 60, Lookup: aLookup()}, c.record("put", string(key), ttl.String())
}

func (c *fakeControl) Get(_ context.Context, key []byte) (wire.Got, error) {
	return wire.Got{Value: []byte("<html>"), Version: 9, Lookup: aLookup()}, c.record("get", string(key))
}

func (c *fakeControl) Delete(_ context.Context, key []byte) (wire.Written, error) {
	return wire.Written{Copies: 3, Lookup: aLookup()}, c.record("delete", string(key))
}

func (c *fakeControl) Lookup(_ context.Context, key []byte, from *chord.ID, mode string) (*wire.Lookup, error) {
	return aLookup(), c.record("lookup", string(key), mode)
}

func aLookup() *wire.Lookup {
	a, b := chord.Peer{ID: idA}, chord.Peer{ID: idB}
	return &wire.Lookup{
		Key: idB, Owner: b, Duration: 1500 * time.Microsecond, Trace: traceID.String(), Mode: "recursive",
		Path: []wire.Hop{{Peer: a, Pointer: "self"}, {Peer: b, Pointer: wire.Finger, Slot: 5}},
	}
}

func (c *fakeControl) Workload() scenario.Workload { return c.load }
func (c *fakeControl) SetWorkload(w scenario.Workload) error {
	c.load = w
	return c.record("workload")
}
func (c *fakeControl) StartSimulation(s *scenario.Scenario) error { return c.record("start", s.Name) }
func (c *fakeControl) StopSimulation(context.Context) error       { return c.record("stop") }
func (c *fakeControl) Simulation() result.State {
	return result.State{Scenario: "x", Phases: []result.PlannedStep{}}
}
func (c *fakeControl) Result() *result.Result { return c.res }

// page is a small built page.
var page = fstest.MapFS{
	"index.html":         {Data: []byte("<!doctype html><title>Chord</title>")},
	"assets/app-1a2b.js": {Data: []byte(strings.Repeat("console.log('ring');", 200))},
}

// newServer makes a server on the fakes; change adapts its configuration.
func newServer(t *testing.T, change func(*Config)) (*Server, *fakeControl) {
	t.Helper()
	control := &fakeControl{load: scenario.Workload{Rate: 10, Reads: 0.8, Keys: 5, Distribution: scenario.KeysZipf}}
	cfg := Config{
		Version: "v0", Source: fakeSource{}, Control: control, Assets: page, Open: true,
		Hub:  http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusSwitchingProtocols) }),
		Logf: t.Logf,
	}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s, control
}

// ask sends a request as a tool on this machine would send it; the functions in with change the request.
func ask(s http.Handler, method, path, body string, with ...func(*http.Request)) *http.Response {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "127.0.0.1:4321"
	for _, change := range with {
		change(r)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	response := w.Result()
	if own, ok := s.(*Server); ok && own.cfg.Base == "" {
		hold(r, body, response)
	}
	return response
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func host(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }

// text returns a response's body.
func text(t *testing.T, r *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// complaint returns the error in a response, which must have the API's form.
func complaint(t *testing.T, r *http.Response) string {
	t.Helper()
	var answer map[string]string
	body := text(t, r)
	if err := json.Unmarshal([]byte(body), &answer); err != nil || len(answer) != 1 || answer["error"] == "" {
		t.Errorf("status %d with %q: want {\"error\": …}", r.StatusCode, body)
	}
	return answer["error"]
}

// compact removes the spaces from expected JSON that is written over several lines.
func compact(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, []byte(text)); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
