package report

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/conductor/lab/load"
	"chordconductor/conductor/lab/result"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
	"chordconductor/node/wire"
	"chordconductor/otel/chordevent"
)

var start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// aResult returns the result of a run of four seconds in which one repair took two.
func aResult(t *testing.T) *result.Result {
	t.Helper()
	s, err := scenario.Parse("small.yaml", []byte("name: <small>\nring: {members: 4, bits: 16}\nworkload: {rate: 2/s}\nduration: 4s\nexpect: {lost_keys: 0, p99_lookup: 10ms, mean_hops: 1}\n"))
	if err != nil {
		t.Fatal(err)
	}
	counts := new(load.Counts)
	for hops := range int64(4) {
		counts.Hops.Add(hops)
		counts.Latency[load.Get].Add(1000 * (hops + 1))
	}
	counts.Stale, counts.Failed, counts.Refused = 1, 6, 8
	return &result.Result{
		Scenario: s, Virtual: true, Finished: true, Started: start, Elapsed: 4 * time.Second, Bits: 16,
		Timeline: []result.Point{
			{At: time.Second, Members: ring.Counts{Active: 4}, Status: ring.Ideal, Rate: 2, P99: 3 * time.Millisecond},
			{At: 2 * time.Second, Members: ring.Counts{Active: 3, Failed: 1}, Status: ring.Repairing, RingError: 7, Rate: 2},
		},
		Phases: []result.PhaseResult{
			{Name: "start", To: time.Second, Counts: counts},
			{Name: "crash 1", From: time.Second, To: 4 * time.Second, Counts: new(load.Counts), Measured: true, Repaired: 2 * time.Second},
			{Name: "crash 2", From: 3 * time.Second, To: 4 * time.Second, Counts: new(load.Counts), Measured: true, Repaired: -1, Planned: 2, Done: 1},
		},
		Repairs:    []result.Repair{{From: time.Second, To: 3 * time.Second, PeakError: 7, Healed: true}},
		Violations: []ring.Violation{{Condition: "OneOrderedRing", Detail: "two rings", Since: start.Add(time.Second), Healed: start.Add(2 * time.Second)}},
		Loads:      []result.MemberLoad{{ID: "0001", Share: 0.25, Owned: 10}, {ID: "0002", Share: 0.75, Owned: 30, Bytes: 5 << 20}},
		Slowest: []load.Slow{{Op: load.Get, At: start.Add(time.Second), Latency: 4 * time.Millisecond, Found: &wire.Lookup{
			Trace: "ab12", Path: []wire.Hop{
				{Peer: chord.Peer{}, Pointer: "self"},
				{Peer: chord.Peer{ID: chord.ID{19: 9}}, Pointer: wire.Finger, Slot: 3, Timeouts: 1},
			},
		}}},
		Operations: []result.OperationTime{{Operation: "chord.put", Count: 2, Total: 8 * time.Millisecond}, {Member: "0001", Count: 2, Total: 8 * time.Millisecond}},
		Keys:       load.Verdict{Written: 40, Lost: 5, Unanswered: 3, Weak: 1, Refused: 2},
		Lost: []result.LostKey{
			{
				LostKey: load.LostKey{Key: "quote/000001", Version: 7, Written: start.Add(time.Second), Trace: "cd34", Copies: 2, Found: load.FoundNothing},
				Holders: []result.HolderFate{
					{Peer: chord.Peer{ID: chord.ID{19: 9}, Addr: "host-a:7001"}, Fate: result.FateCrashed, At: start.Add(2 * time.Second), By: chord.ID{19: 4}, Trace: trace.TraceID{15: 1}, Phase: "crash 1"},
					{Peer: chord.Peer{ID: chord.ID{19: 8}, Addr: "host-b:7001"}, Fate: result.FateOnRing},
				},
				Moves: []result.KeyMove{{At: start.Add(3 * time.Second), From: chord.ID{19: 8}, To: chordevent.PeerRef{Peer: chord.Peer{ID: chord.ID{19: 7}}}, Reason: chordevent.MoveLeave, Failed: true}},
			},
			{LostKey: load.LostKey{Key: "quote/000002", Version: 8, Written: start.Add(time.Second), Copies: 3, Found: load.NoAnswer}},
		},
		Lookups:   result.LookupVerdict{Judged: 4},
		Telemetry: result.Telemetry{Applied: 9, LookupsSampled: -1, StalenessP99: 80 * time.Millisecond},
		Checks: []result.Check{
			{Metric: scenario.LostKeys, Measured: true, OK: true},
			{Metric: scenario.P99Lookup, Bound: 0.01, Value: 0.004, Measured: true, OK: true},
			{Metric: scenario.MeanHops, Bound: 1, Value: 1.5, Measured: true},
			{Metric: scenario.RepairedWithin, Bound: 10, Value: 0.5, Measured: true, Never: true},
		},
		Notes: []string{"3.0s: something"},
	}
}

func TestJSON(t *testing.T) {
	rep := Of(aResult(t))
	text, err := rep.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"verdict": "failed"`, `"metric": "mean_hops"`, `"half_log2_members": 0.792`, `"repaired_after_s": 2`, `"planned": 2`, `"short": true`, `"not_repaired": true`,
		`"expected_keys": 30`, `"since_s": 1`, `"finger 3 → 0009 (timeouts: 1)"`, `"unmarked_wrong_fields": null`, `"never": true`, `"phases_not_repaired": 1`, `"stale_reads": 1`, `"failed": 6`, `"refused": 8`, `"refused_writes_shown": 2`, `"mean_hops": 1.5`,
		`"key": "quote/000001"`, `"written_at_s": 1`, `"fate": "crashed"`, `"ended_at_s": 2`, `"reported_by": "0004"`, `"found": "no answer"`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in the report:\n%s", want, text)
		}
	}
	// Values that depend on the machine or the time of day are in "environment" only.
	other := aResult(t)
	shift := 1000 * time.Hour
	other.Started, other.Telemetry.StalenessP99 = start.Add(shift), time.Second
	other.Slowest[0].At = other.Slowest[0].At.Add(shift)
	other.Lost[0].Written, other.Lost[1].Written = start.Add(shift+time.Second), start.Add(shift+time.Second)
	other.Lost[0].Holders[0].At, other.Lost[0].Moves[0].At = start.Add(shift+2*time.Second), start.Add(shift+3*time.Second)
	other.Violations[0].Since, other.Violations[0].Healed = other.Violations[0].Since.Add(shift), other.Violations[0].Healed.Add(shift)
	two, err := Of(other).JSON()
	if err != nil {
		t.Fatal(err)
	}
	if strip(t, text) != strip(t, two) {
		t.Errorf("the hour shows outside of environment:\n%s\n%s", text, two)
	}
}

func strip(t *testing.T, text []byte) string {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	delete(fields, "environment")
	out, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestHTML(t *testing.T) {
	rep := Of(aResult(t))
	rep.JaegerUI = "http://jaeger:16686/"
	page, err := rep.HTML()
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for _, want := range []string{
		"&lt;small&gt;", `<a href="http://jaeger:16686/trace/ab12">`, "not before the end", "OneOrderedRing", "not held", "5.0 MiB", "not measured", "something", "1 of 2</td>",
		`<dt>Puts refused</dt><dd>8</dd>`, `The first 2 of 5.`, `<a href="http://jaeger:16686/trace/cd34">`, "host-a:7001: crashed by phase &#34;crash 1&#34;, reported by 0004 at 2s", "3, hosts not known", `but read</dt><dd>2</dd>`, `<td class="n">6</td><td class="n">8</td><td class="n">1</td>`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	if n := strings.Count(text, "<svg"); n != 7 {
		t.Errorf("%d pictures, want 7", n)
	}
	for _, bad := range []string{"<script", "src=", "@import", "url(", "<link", "<?xml", "<small>"} {
		if strings.Contains(text, bad) {
			t.Errorf("%q is on the page", bad)
		}
	}
	if again, _ := rep.HTML(); !bytes.Equal(page, again) {
		t.Error("drawing twice gives two pages")
	}
}

// A run that ended before anything happened also has a report.
func TestEmpty(t *testing.T) {
	s, err := scenario.Parse("x", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	rep := Of(&result.Result{Scenario: s, Started: start, Error: "stopped after 0s"})
	if rep.Verdict != "unfinished" {
		t.Errorf("verdict %s", rep.Verdict)
	}
	page, err := rep.HTML()
	if err != nil || !bytes.Contains(page, []byte("stopped after 0s")) || bytes.Contains(page, []byte("NaN")) {
		t.Errorf("page: %v", err)
	}
	text, err := rep.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if null := regexp.MustCompile(`"(phases|timeline|repairs|violations|hops|loads|slowest|operations|notes|expectations|lost)": null`).FindString(string(text)); null != "" {
		t.Errorf("a list is null: %s", null)
	}
}

func TestText(t *testing.T) {
	var out bytes.Buffer
	Of(aResult(t)).Text(&out)
	for _, want := range []string{"FAILED after 4s (virtual time)", "ok   lost_keys", "4ms, at most 10ms", "FAIL mean_hops", "not within 500ms, at most 10s", `FAIL phase "crash 2": 1 of 2 done`, "2s", "not before the end", "note: 3.0s: something",
		"lost quote/000001: written at 1s with 2 replicas, trace cd34; the last read found nothing",
		`replica on 0009 at host-a:7001: crashed by phase "crash 1", reported by 0004 at 2s, trace 00000000000000000000000000000001`,
		"replica on 0008 at host-b:7001: on the ring", "not moved from 0008 to 0007 at 3s (leave)", "the hosts of its replicas are not known",
		"40 written, 5 lost (3 without an answer, 1 acknowledged with too few replicas), 1 stale"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
}

// Every value of a report under a name of earlier versions is also under the present name, with its unit.
func TestUnitsOfThePlan(t *testing.T) {
	for name := range 20 {
		r := rand.New(rand.NewPCG(uint64(name), 1))
		random := func() time.Duration { return time.Duration(r.Int64N(int64(time.Hour))) }
		s := &scenario.Scenario{
			Duration: random(), Timing: scenario.Timing{Stabilize: random(), CallLimit: random(), Keyframe: random()},
			Network: scenario.Network{Latency: random(), Jitter: random()},
			Phases:  []scenario.Phase{{At: random(), For: random(), Action: scenario.SlowLink{Latency: random()}}},
		}
		for _, m := range scenario.Metrics() {
			s.Expect = append(s.Expect, scenario.Expectation{Metric: m, Bound: 1})
		}
		text, err := Of(&result.Result{Scenario: s}).JSON()
		if err != nil {
			t.Fatal(err)
		}
		var tree map[string]any
		if err := json.Unmarshal(text, &tree); err != nil {
			t.Fatal(err)
		}
		pairs := 0
		var visit func(path string, v any)
		visit = func(path string, v any) {
			switch v := v.(type) {
			case []any:
				for _, item := range v {
					visit(path, item)
				}
			case map[string]any:
				for key, value := range v {
					visit(path+"."+key, value)
					base, old := strings.CutSuffix(key, "_ns")
					if !old {
						continue
					}
					pairs++
					ns := value.(float64)
					if inS, ok := v[base+"_s"].(float64); ok && math.Abs(inS*1e9-ns) < 1000 {
						continue
					}
					if inMS, ok := v[base+"_ms"].(float64); ok && math.Abs(inMS*1e6-ns) < 1000 {
						continue
					}
					t.Errorf("%s.%s is %v, and beside it is %v", path, key, ns, v)
				}
			}
		}
		visit("", tree)
		if pairs != 9 {
			t.Errorf("%d names in _ns", pairs)
		}
		for _, e := range tree["scenario"].(map[string]any)["expect"].([]any) {
			if e.(map[string]any)["unit"] == "" {
				t.Errorf("no unit: %v", e)
			}
		}
	}
}
