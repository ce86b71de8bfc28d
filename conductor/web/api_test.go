package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"google.golang.org/protobuf/proto"

	"chordconductor/conductor/eventlog"
	"chordconductor/conductor/hub/hubpb"
	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/conductor/ring"
	"chordconductor/otel/chordevent"
)

func TestRing(t *testing.T) {
	s, _ := newServer(t, nil)
	r := ask(s, "GET", "/api/ring", "")
	want := compact(t, `{"epoch":"e1","seq":42,"time":"2026-05-04T03:02:01Z","name":"test","status":"repairing","error":3,"error_unknown":4,
		"certainty":{"state":"partial","count":1,"of":2,"members":[{"id":"b0","incarnation":5,"host":"host:1","why":"late","since":"2026-05-04T03:02:01Z"}]},
		"tolerance":{"pointers":1,"keys":2,"hosts":1},
		"bits":8,"successors":2,"replicas":3,
		"counts":{"active":2,"failed":1,"joining":0,"leaving":0,"left":0,"silent":0,"uncertain":1},
		"faults":[
		{"kind":"two_incarnations","id":"0a","incarnation":5,"host":"host:1","since":"2026-05-04T03:02:01Z","text":"two incarnations: events of incarnation 4 still arrive although 5 is later","other_incarnation":4},
		{"kind":"two_processes","id":"b0","incarnation":5,"host":"host:1","since":"2026-05-04T03:02:01Z","text":"one identity from two processes: events of incarnation 5 come from service.instance.id \"x\" and \"y\"","instances":["x","y"]},
		{"kind":"clock_ahead","id":"b0","incarnation":5,"host":"host:1","since":"2026-05-04T03:02:01Z","text":"the clock of host host:1 is ahead of the conductor's clock, by 58s or more","clock_ahead_at_least_ms":58000}],"faults_count":3,
		"violations":[{"condition":"OneOrderedRing","detail":"two rings","members":["0a"],"since":"2026-05-04T03:02:01Z","trace_id":"00000000000000000000000000000007"}],
		"nodes":[
		{"id":"0a","address":"host:1","host":"h","incarnation":5,"status":"active","predecessor":"b0","successors":["b0"],"keys":4,"replicas":2,"bytes":99,"error":0,"uncertain":false,"staleness_ms":1500},
		{"id":"b0","address":"host:1","host":"h","incarnation":5,"status":"active","predecessor":"","successors":[],"keys":4,"replicas":2,"bytes":99,"error":0,"uncertain":true,"staleness_ms":1500},
		{"id":"ff","address":"host:1","host":"h","incarnation":5,"status":"failed","predecessor":"","successors":[],"keys":4,"replicas":2,"bytes":99,"error":0,"uncertain":false,"staleness_ms":1500}]}`)
	if got := strings.TrimSpace(text(t, r)); r.StatusCode != http.StatusOK || got != want {
		t.Errorf("%d\n got %s\nwant %s", r.StatusCode, got, want)
	}
	if r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("headers: %v", r.Header)
	}
}

// A member that has left is shown with no keys, whatever load it reported last; a failed member is shown with the keys
// that it reported last.
func TestLeftMembersHoldNothing(t *testing.T) {
	m := *fakeSource{}.View().Members[0]
	for status, keys := range map[ring.MemberStatus]int64{ring.Left: 0, ring.Failed: 4, ring.Leaving: 4} {
		m.Status = status
		if n := formatOf(fakeSource{}.View()).node(&m); n.Keys != keys || (n.Replicas == 0) != (keys == 0) || (n.Bytes == 0) != (keys == 0) {
			t.Errorf("%v: %d keys, %d replicas, %d bytes", status, n.Keys, n.Replicas, n.Bytes)
		}
	}
}

func TestNodeDetail(t *testing.T) {
	s, _ := newServer(t, nil)
	got := text(t, ask(s, "GET", "/api/ring/nodes/0A", ""))
	for _, part := range []string{
		`"ownership":{"from":"b0","epoch":2}`, `"fingers":[{"first":0,"last":7,"id":"b0"}]`, `"gets":8`, `"peer":"ff"`, `"kind":"chord.peer.failed"`,
	} {
		if !strings.Contains(got, part) {
			t.Errorf("%s is not in %s", part, got)
		}
	}
}

func TestReads(t *testing.T) {
	s, _ := newServer(t, nil)
	for path, want := range map[string]string{
		"/healthz":                    `{"status":"ok","version":"v0"}`,
		"/readyz":                     `{"status":"ready"}`,
		"/api/events?after=4":         `{"epoch":"e1","events":[{"seq":5,"time":"2026-05-04T03:02:01Z","kind":"chord.peer.failed","id":"0a","peer":"ff","text":"lost contact with it","warning":true}]}`,
		"/api/events?after=9&limit=3": `{"epoch":"e1","events":[]}`,
		"/api/lookups":                `{"lookups":[{"trace_id":"00000000000000000000000000000007","start":"2026-05-04T03:02:01Z","latency_ms":2.5,"duration_ms":2.5,"operation":"get","mode":"recursive","key":"b0","outcome":"timeouts","hops":[{"id":"0a","pointer":"self","slot":0,"after_ms":0,"at_ms":0,"timeouts":0},{"id":"b0","pointer":"finger","slot":3,"after_ms":1,"at_ms":1,"timeouts":1}]}]}`,
		"/api/workload":               `{"rate":10,"reads":0.8,"lookups":0,"distribution":"zipf"}`,
	} {
		r := ask(s, "GET", path, "")
		if got := strings.TrimSpace(text(t, r)); r.StatusCode != http.StatusOK || got != want {
			t.Errorf("%s: %d\n got %s\nwant %s", path, r.StatusCode, got, want)
		}
	}
	stats := text(t, ask(s, "GET", "/api/stats", ""))
	for _, part := range []string{`"staleness_p99_ms":3`, `"events_rejected":{"missing":1}`, `"lookups_sampled":0.5`, `"p99_ms":1`} {
		if !strings.Contains(stats, part) {
			t.Errorf("/api/stats: %s is not in %s", part, stats)
		}
	}
}

// fakePast has five events, one second apart, and for every instant a ring without members.
type fakePast struct{}

func (fakePast) At(_ context.Context, at time.Time) (*ring.View, error) {
	if at.Before(instant) {
		return nil, errors.New("history begins later")
	}
	v := *fakeSource{}.View()
	v.Seq, v.Time = 7, at
	return &v, nil
}

func (fakePast) Stats() eventlog.Stats {
	return eventlog.Stats{From: instant, To: instant.Add(5 * time.Second)}
}

func (fakePast) Damages() []eventlog.Damage { return nil }

// list has five events. Without repeats, the second and the third are omitted.
func (fakePast) list(q eventlog.Query, fits func(at time.Time) bool) (out []eventlog.Event) {
	for i := range 5 {
		ev := &chordevent.Event{Time: instant, Node: chordevent.Node{ID: idA, Digits: 2}, Body: chordevent.PeerFailed{}}
		if i == 3 {
			ev.Body = chordevent.Joined{}
		}
		if at := instant.Add(time.Duration(i) * time.Second); fits(at) && q.Want(ev) && len(out) < q.Limit && !(q.Once && (i == 1 || i == 2)) {
			e := eventlog.Event{Seq: uint64(i + 1), Arrived: at, Event: ev}
			e.Shown = q.Show(&e)
			out = append(out, e)
		}
	}
	return out
}

func (p fakePast) Until(_ context.Context, t time.Time, q eventlog.Query) ([]eventlog.Event, *eventlog.Damage, error) {
	return p.list(q, func(at time.Time) bool { return !at.After(t) }), nil, nil
}

func (p fakePast) Since(_ context.Context, t time.Time, q eventlog.Query) ([]eventlog.Event, *eventlog.Damage, error) {
	return p.list(q, func(at time.Time) bool { return at.After(t) }), nil, nil
}

func TestThePast(t *testing.T) {
	s, _ := newServer(t, func(c *Config) { c.Past = fakePast{} })
	packed := header("Accept", "application/x-protobuf")
	if got := text(t, ask(s, "GET", "/api/ring?at=2026-05-04T03:02:01.5Z", "")); !strings.Contains(got, `"seq":7`) {
		t.Errorf("the past: %s", got)
	}

	// The snapshot has the whole content of the page at an instant: members with their ranges, violations, and the
	// events until then.
	var snapshot hubpb.Snapshot
	if err := proto.Unmarshal([]byte(text(t, ask(s, "GET", "/api/ring?at=2026-05-04T03:02:02.5Z", "", packed))), &snapshot); err != nil {
		t.Fatal(err)
	}
	state, rows := snapshot.GetRing(), snapshot.GetMembers()
	if snapshot.GetSeq() != 7 || len(snapshot.GetEvents()) != 2 || len(snapshot.GetLookups()) != 1 || len(snapshot.GetSamples()) != 1 {
		t.Errorf("the snapshot: %v", &snapshot)
	}
	if len(state.GetViolations()) != 1 || state.GetStalenessP99Ms() != -1 || state.GetLookupsSampled() != -1 {
		t.Errorf("its state line: %v", state)
	}
	if from := rows.GetRangeFrom(); len(from) != 3 || from[0] != 0xb0/256. || rows.GetPredecessor()[0] != rows.GetHandle()[1] {
		t.Errorf("its members: %v", rows)
	}
	if last := snapshot.GetEvents()[1]; last.GetArrivedMs() != instant.Add(time.Second).UnixMilli() || last.GetTimeMs() != instant.UnixMilli() {
		t.Errorf("its last event: %v", last)
	}

	var detail hubpb.NodeDetail
	if err := proto.Unmarshal([]byte(text(t, ask(s, "GET", "/api/ring/nodes/0a?at=2026-05-04T03:02:03Z", "", packed))), &detail); err != nil {
		t.Fatal(err)
	}
	if len(detail.GetFingers()) != 1 || len(detail.GetSuccessors()) != 1 || detail.GetRangeFrom()[19] != 0xb0 || len(detail.GetEvents()) != 3 {
		t.Errorf("a member's details then: %v", &detail)
	}
	if got := text(t, ask(s, "GET", "/api/ring/nodes/0a?at=2026-05-04T03:02:03Z", "")); strings.Count(got, `"kind"`) != 3 {
		t.Errorf("the same as JSON: %s", got)
	}

	for path, want := range map[string][]string{
		"/api/events?until=2026-05-04T03:02:03Z":                                        {`"seq":1`, `"seq":2`, `"seq":3`},
		"/api/events?since=2026-05-04T03:02:03Z&limit=1":                                {`"seq":4`},
		"/api/events?since=2026-05-04T03:02:01Z&kind=chord.node.joined,chord.node.left": {`"arrived":"2026-05-04T03:02:04Z"`},
		"/api/events?until=2026-05-04T03:02:01.5Z&kind=chord.keys.moved":                {},
		"/api/events?since=2026-05-04T03:02:01Z&limit=1&repeats=false":                  {`"seq":4`},
		"/api/events?since=2026-05-04T03:02:01Z&limit=1&repeats=true":                   {`"seq":2`},
	} {
		got := text(t, ask(s, "GET", path, ""))
		if strings.Count(got, `"kind"`) != len(want) {
			t.Errorf("%s: %s", path, got)
		}
		for _, part := range want {
			if !strings.Contains(got, part) {
				t.Errorf("%s: %s is not in %s", path, part, got)
			}
		}
	}

	for path, want := range map[string]struct {
		status int
		words  string
	}{
		"/api/events?since=2026-05-04T03:02:01Z&kind=nope":                  {400, "no event has that name"},
		"/api/ring?at=2020-01-01T00:00:00Z":                                 {404, "history begins later"},
		"/api/ring?at=2026-05-04T03:02:08Z":                                 {404, "the newest is of 2026-05-04T03:02:06Z"},
		"/api/ring/nodes/0a?at=2126-05-04T03:02:08Z":                        {404, "the newest is of"},
		"/api/ring?at=yesterday":                                            {400, "RFC 3339"},
		"/api/ring/nodes/0a?at=yesterday":                                   {400, "RFC 3339"},
		"/api/ring/nodes/0b?at=2026-05-04T03:02:03Z":                        {404, "no member"},
		"/api/events?since=then":                                            {400, "RFC 3339"},
		"/api/events?since=2026-05-04T03:02:03Z&until=2026-05-04T03:02:03Z": {400, "expected only one of them"},
		"/api/events?since=2026-05-04T03:02:03Z&limit=many":                 {400, "limit"},
		"/api/events?since=2026-05-04T03:02:03Z&repeats=never":              {400, "expected true or false"},
	} {
		if r := ask(s, "GET", path, ""); r.StatusCode != want.status || !strings.Contains(complaint(t, r), want.words) {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	none, _ := newServer(t, nil)
	if r := ask(none, "GET", "/api/events?since=2026-05-04T03:02:03Z", ""); r.StatusCode != http.StatusNotFound || !strings.Contains(complaint(t, r), "no history") {
		t.Errorf("without a history: %d", r.StatusCode)
	}
}

func TestCommands(t *testing.T) {
	for _, test := range []struct {
		method, path, body string
		status             int
		calls, answer      string
	}{
		{"POST", "/api/nodes", `{"count":2,"host":"h"}`, 202, "add h", `{"ids":["0a","b0"]}`},
		{"POST", "/api/nodes", ``, 202, "add ", `{"ids":["0a"]}`},
		{"POST", "/api/nodes/0a/leave", ``, 202, "leave", `{"ids":["0a"]}`},
		{"POST", "/api/nodes/0a/leave", `{"force":false}`, 202, "leave", `{"ids":["0a"]}`},
		{"POST", "/api/nodes/0a/leave", `{"force":true}`, 202, "forced leave", `{"ids":["0a"]}`},
		{"POST", "/api/nodes/b0/crash", ``, 202, "crash b", `{"ids":["b0"]}`},
		{"POST", "/api/nodes/b0/pause", `{"for":"3s"}`, 202, "pause 3s", `{"ids":["b0"]}`},
		{"POST", "/api/partitions", `{"groups":[["0a"],["b0"]]}`, 202, "partition", `{"ids":["0a"]}`},
		{"DELETE", "/api/partitions", ``, 202, "heal", `{"ids":[]}`},
		{"PUT", "/api/keys/a%2Fb?ttl=90s", `value`, 200, "put a/b 1m30s", `{"trace_id":"00000000000000000000000000000007","key":"b0","owner":"b0","latency_ms":1.5,"duration_ms":1.5,"copies":3,"version":"1152921504606846976"}`},
		{"GET", "/api/keys/a/b", ``, 200, "get a/b", `<html>`},
		{"DELETE", "/api/keys/k", ``, 200, "delete k", `"copies":3`},
		{"POST", "/api/lookups", `{"key":"k","from":"0a","mode":"iterative"}`, 200, "lookup k iterative", `"owner":"b0"`},
		{"PUT", "/api/workload", `{"rate":50}`, 202, "workload", `{"rate":50,"reads":0.8,"lookups":0,"distribution":"zipf"}`},
		{"POST", "/api/simulation", "name: mine\nring: {members: 4}\n", 202, "start mine", `"scenario":"x"`},
		{"POST", "/api/simulation", `{"name":"json"}`, 202, "start json", `"scenario":"x"`},
		{"GET", "/api/simulation", ``, 200, "", `"running":false`},
		{"DELETE", "/api/simulation", ``, 202, "stop", `"running":false`},
		{"POST", "/api/scenarios/check", "ring: {membres: 3}", 200, "", `"line":1,"field":"ring.membres"`},
		{"POST", "/api/scenarios/check", "name: fine", 200, "", `{"problems":[]}`},
		{"GET", "/api/scenarios", ``, 200, "", `"name":"adjacent-crashes"`},
	} {
		s, control := newServer(t, nil)
		r := ask(s, test.method, test.path, test.body)
		got := text(t, r)
		if calls := strings.Join(control.calls, ";"); r.StatusCode != test.status || calls != test.calls || !strings.Contains(got, test.answer) {
			t.Errorf("%s %s %s: %d %s, calls %q\nwant %d %s, %q", test.method, test.path, test.body, r.StatusCode, got, calls, test.status, test.answer, test.calls)
		}
	}
}

func TestBadInput(t *testing.T) {
	long := strings.Repeat("k", maxKey+1)
	for _, test := range []struct {
		method, path, body string
		status             int
		error              string
	}{
		{"GET", "/api/nothing", ``, 404, "no such path: /api/nothing"},
		{"GET", "/nothing", ``, 404, "no such path: /nothing"},
		{"PATCH", "/api/nodes", `{}`, 405, "method PATCH is not allowed; use POST"},
		{"POST", "/api/ring", `{}`, 405, "method POST is not allowed; use GET, HEAD"},
		{"POST", "/api/nodes", `{"count":`, 400, "broken JSON: unexpected EOF at line 1, column 10"},
		{"POST", "/api/nodes", "{\n \"count\": x}", 400, "broken JSON: invalid character 'x' looking for beginning of value at line 2, column 12"},
		{"POST", "/api/nodes", `{"count":"two"}`, 400, "count: expected a whole number, got a string at line 1, column 15"},
		{"POST", "/api/nodes", `{"cuont":3}`, 400, `unknown field "cuont" at line 1, column 12`},
		{"POST", "/api/nodes", `{} {}`, 400, "broken JSON: more than one JSON value at line 1, column 5"},
		{"POST", "/api/nodes", ` null `, 400, "the body: expected an object, got null"},
		{"POST", "/api/nodes", `[4]`, 400, "the body: expected an object, got a list at line 1, column 2"},
		{"POST", "/api/nodes", `{"count":1.5}`, 400, "count: expected a whole number, got 1.5 at line 1, column 13"},
		{"POST", "/api/nodes", `{"host":7}`, 400, "host: expected a string, got a number at line 1, column 10"},
		{"POST", "/api/partitions", `{"groups":["0a"]}`, 400, "groups: expected a list, got a string at line 1, column 16"},
		{"PUT", "/api/workload", `{"reads":"many"}`, 400, "reads: expected a number, got a string at line 1, column 16"},
		{"POST", "/api/nodes", `{"count":-3}`, 400, "count -3: expected 1 to 1000"},
		{"POST", "/api/nodes", `{"count":1001}`, 400, "count 1001: expected 1 to 1000"},
		{"POST", "/api/nodes", `"` + strings.Repeat("x", maxJSON) + `"`, 413, fmt.Sprintf("the body is larger than %d bytes", maxJSON)},
		{"POST", "/api/nodes/zz/leave", ``, 400, `identifier "zz": expected 2 hex digits`},
		{"POST", "/api/nodes/0a/leave", `{"force":"yes"}`, 400, "force: expected true or false, got a string at line 1, column 15"},
		{"POST", "/api/nodes/0a/leave", `{"forced":true}`, 400, `unknown field "forced" at line 1, column 16`},
		{"GET", "/api/ring/nodes/77", ``, 404, "no member 77 in the ring view"},
		{"GET", "/api/ring/nodes/" + strings.Repeat("0", 41), ``, 400, `identifier "` + strings.Repeat("0", 41) + `": expected 2 hex digits`},
		{"GET", "/api/ring?at=2026-05-04T03:02:01Z", ``, 404, "no history is kept"},
		{"GET", "/api/events?after=-1", ``, 400, `after="-1": expected a whole number from 0 to 9223372036854775807`},
		{"GET", "/api/events?after=9223372036854775808", ``, 400, `after="9223372036854775808": expected a whole number from 0 to 9223372036854775807`},
		{"GET", "/api/events?limit=10001", ``, 400, `limit="10001": expected a whole number from 0 to 10000`},
		{"POST", "/api/nodes/0a/pause", `{"for":"3"}`, 400, `for "3": expected a duration from 1ms to 1h, such as 10s`},
		{"POST", "/api/partitions", `{}`, 400, "groups: expected at least one list of member IDs; members in no list form one more group"},
		{"POST", "/api/partitions", `{"groups":[["0a","x"]]}`, 400, `groups[0][1]: identifier "x": expected 2 hex digits`},
		{"PUT", "/api/keys/k?ttl=-1s", `v`, 400, `ttl="-1s": expected a duration of at least 1ms, such as 90s or 1h`},
		{"PUT", "/api/keys/k?ttl=1us", `v`, 400, `ttl="1us": expected a duration of at least 1ms, such as 90s or 1h`},
		{"PUT", "/api/keys/k", strings.Repeat("x", maxValue+1), 413, "the body is larger than 1048576 bytes"},
		{"GET", "/api/keys/" + long, ``, 400, "key: expected 1 to 1024 bytes, got 1025"},
		{"GET", "/api/keys/", ``, 400, "key: expected 1 to 1024 bytes, got 0"},
		{"POST", "/api/lookups", `{}`, 400, "key: expected 1 to 1024 bytes, got 0"},
		{"POST", "/api/lookups", `{"key":"k","mode":"fast"}`, 400, `mode "fast": expected recursive, iterative, or none for the ring's own`},
		{"POST", "/api/lookups", `{"key":"k","from":"-"}`, 400, `from: identifier "-": expected 2 hex digits`},
		{"POST", "/api/simulation", "rate: 3\n", 400, "scenario:1: rate: unknown field; allowed here: duration, expect, name, network, phases, ring, seed, timing, workload"},
		{"GET", "/api/simulation/report", ``, 404, "no simulation has run yet"},
	} {
		s, control := newServer(t, nil)
		r := ask(s, test.method, test.path, test.body)
		if got := complaint(t, r); r.StatusCode != test.status || got != test.error {
			t.Errorf("%s %.40s %.40s: %d %s\nwant %d %s", test.method, test.path, test.body, r.StatusCode, got, test.status, test.error)
		}
		if len(control.calls) > 0 {
			t.Errorf("%s %.40s: bad input went on to the ring: %v", test.method, test.path, control.calls)
		}
	}
	s, _ := newServer(t, nil)
	if allow := ask(s, "PATCH", "/api/lookups", "").Header.Get("Allow"); allow != "GET, HEAD, POST" {
		t.Errorf("Allow: %q", allow)
	}
}

func TestRefusals(t *testing.T) {
	kind := func(err error) error { return fmt.Errorf("reason (%w)", err) }
	for _, test := range []struct {
		err    error
		status int
	}{
		{kind(deploy.ErrUnknown), 404}, {kind(deploy.ErrConflict), 409}, {kind(deploy.ErrInvalid), 400}, {kind(deploy.ErrUnavailable), 503},
		{scenario.Problems{{Text: "x"}}, 400},
		{status.Error(codes.NotFound, "no such key"), 404},
		{status.Error(codes.Unavailable, "no owner"), 503},
		{status.Error(codes.ResourceExhausted, "full"), 507},
		{status.Error(codes.DeadlineExceeded, "late"), 504},
		{status.Error(codes.Canceled, "context canceled"), 503},
		{status.Error(codes.FailedPrecondition, "last host"), 409},
		{status.Error(codes.PermissionDenied, "our token"), 502},
		{errors.New("something else"), 500},
	} {
		s, control := newServer(t, nil)
		control.fail = test.err
		r := ask(s, "POST", "/api/nodes/0a/leave", "")
		if got := complaint(t, r); r.StatusCode != test.status || strings.Contains(got, "rpc error") {
			t.Errorf("%v: %d %s, want %d", test.err, r.StatusCode, got, test.status)
		}
	}
}

func TestReplayHasNothingToCommand(t *testing.T) {
	s, _ := newServer(t, func(c *Config) { c.Control = nil })
	for path, body := range map[string]string{"/api/nodes": `{"key":"k"}`, "/api/nodes/0a/crash": "{}", "/api/lookups": `{"key":"k"}`} {
		if r := ask(s, "POST", path, body); r.StatusCode != http.StatusConflict {
			t.Errorf("POST %s: %d", path, r.StatusCode)
		}
	}
	if r := ask(s, "GET", "/api/ring", ""); r.StatusCode != http.StatusOK {
		t.Errorf("GET /api/ring: %d", r.StatusCode)
	}
}

func TestNotReady(t *testing.T) {
	s, _ := newServer(t, func(c *Config) { c.Ready = func() error { return errors.New("no OTLP yet") } })
	if r := ask(s, "GET", "/readyz", ""); r.StatusCode != http.StatusServiceUnavailable || complaint(t, r) != "not ready: no OTLP yet" {
		t.Errorf("status %d", r.StatusCode)
	}
}

// damagedPast has a period of two seconds that cannot be read.
type damagedPast struct{ fakePast }

func (damagedPast) Damages() []eventlog.Damage {
	return []eventlog.Damage{{From: instant.Add(time.Second), Until: instant.Add(3 * time.Second), Cause: "x.history: byte 7"}}
}

func (p damagedPast) At(ctx context.Context, at time.Time) (*ring.View, error) {
	if d := p.Damages()[0]; !at.Before(d.From) && at.Before(d.Until) {
		return nil, &eventlog.DamagedError{Damage: d}
	}
	return p.fakePast.At(ctx, at)
}

func (p damagedPast) Until(ctx context.Context, t time.Time, q eventlog.Query) ([]eventlog.Event, *eventlog.Damage, error) {
	d := p.Damages()[0]
	if !t.Before(d.From) && t.Before(d.Until) {
		return nil, nil, &eventlog.DamagedError{Damage: d}
	}
	events, _, err := p.fakePast.Until(ctx, t, q)
	return events[len(events)-1:], &d, err
}

func TestADamagedPast(t *testing.T) {
	s, _ := newServer(t, func(c *Config) { c.Past = damagedPast{} })
	at := func(d time.Duration) string { return instant.Add(d).Format(time.RFC3339Nano) }
	from, until := at(time.Second), at(3*time.Second)
	for path, want := range map[string]int{
		"/api/ring?at=" + at(500*time.Millisecond):  http.StatusOK,
		"/api/ring?at=" + at(1500*time.Millisecond): http.StatusGone,
		"/api/ring?at=" + until:                     http.StatusOK,
		"/api/events?until=" + at(2*time.Second):    http.StatusGone,
	} {
		answer := ask(s, "GET", path, "")
		body := text(t, answer)
		if answer.StatusCode != want {
			t.Errorf("%s: %d, want %d: %s", path, answer.StatusCode, want, body)
		}
		if want == http.StatusGone {
			var got struct{ Error, From, Until, Cause string }
			if err := json.Unmarshal([]byte(body), &got); err != nil || got.From != from || got.Until != until || got.Cause == "" || !strings.Contains(got.Error, got.Cause) {
				t.Errorf("%s: %+v, %v", path, got, err)
			}
		}
	}
	got := text(t, ask(s, "GET", "/api/events?until="+at(4*time.Second), ""))
	if !strings.Contains(got, `"damaged":{"from":"`+from) {
		t.Errorf("events from beyond a damaged stretch: %s", got)
	}
	if got := text(t, ask(s, "GET", "/api/stats", "")); !strings.Contains(got, `"damaged":[{"from":"`+from) {
		t.Errorf("stats: %s", got)
	}
}
