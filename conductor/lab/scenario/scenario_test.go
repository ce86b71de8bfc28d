package scenario

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestDesignExample(t *testing.T) {
	s, err := Parse("churn.yaml", []byte(`
name: churn-demo
seed: 42
ring: {members: 64, bits: 160, successors: 8, replicas: 3, virtual_nodes: 1, transport: memory}
timing: {stabilize: 500ms}
network: {latency: 5ms, jitter: 2ms, loss: 0.001}
workload: {rate: 200/s, reads: 0.8, keys: 5000, distribution: zipf, value_bytes: 128, data: quotes}
phases:
  - {at: 35s, crash: 2, adjacent: true}
  - {at: 10s, churn: {join: 0.5/s, leave: 0.25/s, crash: 15/m}, for: 20s}
  - {at: 45s, partition: {fraction: 0.3}, for: 10s}
duration: 70s
expect: {lost_keys: 0, final_ring_error: 0, wrong_lookups: 0, p99_lookup: 80ms}
`))
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "churn-demo" || s.Seed != 42 || !s.OwnRing || s.Ring.Members != 64 || s.Ring.Transport != Memory {
		t.Errorf("head: %+v", s)
	}
	if s.Workload.Rate != 200 || s.Workload.ValueMin != 128 || s.Workload.ValueMax != 128 || s.Network.Loss != 0.001 {
		t.Errorf("workload or network: %+v %+v", s.Workload, s.Network)
	}
	want := []Phase{
		{"churn: join 0.5/s, leave 0.25/s, crash 0.25/s", 10 * time.Second, 20 * time.Second, Churn{0.5, 0.25, 0.25}, false},
		{"crash 2 adjacent", 35 * time.Second, 0, Crash{2, true}, false},
		{"partition: 30 % of the hosts", 45 * time.Second, 10 * time.Second, Partition{0.3}, false},
	}
	if fmt.Sprint(s.Phases) != fmt.Sprint(want) {
		t.Errorf("phases, which come in order of time:\n%v\nwant\n%v", s.Phases, want)
	}
	if bound, ok := s.Expected(P99Lookup); !ok || bound != 0.08 {
		t.Errorf("p99_lookup: %v %v", bound, ok)
	}
	if _, ok := s.Expected(StaleReads); ok {
		t.Error("stale_reads is expected without being named")
	}
}

func TestEveryPhaseKind(t *testing.T) {
	for text, want := range map[string]Action{
		"join: 24":                          Join{24},
		"leave: 20, for: 5s":                Leave{20},
		"crash: 2":                          Crash{2, false},
		"pause: 3, for: 1s":                 Pause{3},
		"heal: true":                        Heal{},
		"one_way_cut: {from: 0.1, to: 0.2}": OneWayCut{0.1, 0.2},
		"slow_link: {fraction: 0.1, latency: 200ms}":              SlowLink{0.1, 200 * time.Millisecond},
		"telemetry_outage: {fraction: 0.5}":                       TelemetryOutage{0.5},
		"workload: {rate: 5/s}, for: 3s":                          SetLoad{with(func(w *Workload) { w.Rate = 5 })},
		"workload: {reads: 0.1, value_bytes: {min: 40, max: 50}}": SetLoad{with(func(w *Workload) { w.Reads, w.ValueMin, w.ValueMax = 0.1, 40, 50 })},
	} {
		s, err := Parse("x", []byte("phases:\n- {at: 1s, "+text+"}\n"))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := s.Phases[0].Action; got != want {
			t.Errorf("%s: %#v, want %#v", text, got, want)
		}
	}
}

func with(change func(*Workload)) Workload {
	w := defaults().Workload
	change(&w)
	return w
}

var problems = []struct{ source, want string }{
	{"name: x\nring:\n  membres: 3\n",
		"f.yaml:3: ring.membres: unknown field; allowed here: bits, lookup, members, replicas, successors, transport, virtual_nodes"},
	{"rings: {}", "f.yaml:1: rings: unknown field; allowed here: duration, expect, name, network, phases, ring, seed, timing, workload"},
	{"ring: {members: many}", `f.yaml:1: ring.members: expected a whole number from 1 to 10000, got "many"`},
	{"ring: {members: 0}", `f.yaml:1: ring.members: expected a whole number from 1 to 10000, got "0"`},
	{"ring: 7", "f.yaml:1: ring: expected a mapping with the fields bits, lookup, members, replicas, successors, transport, virtual_nodes"},
	{"ring: {bits: 4, members: 30}", "f.yaml:1: ring.bits: 4 bits give 16 identifiers: too few for 30 members, which may be at most a quarter of the identifiers"},
	{"ring: {successors: 1}", "f.yaml:1: ring: replicas 3 with successors 1: a list of one entry does not survive the crash that replicas are for; successors must be at least 2"},
	{"ring: {bits: 5, members: 8, virtual_nodes: 9}", "f.yaml:1: ring: virtual nodes 9: a host of a ring of 5 bits carries at most 8, a quarter of its 32 identifiers"},
	{"ring: {transport: tcp}", `f.yaml:1: ring.transport: expected one of grpc, memory, got "tcp"`},
	{"ring: {members: 3, members: 4}", "f.yaml:1: ring.members: given twice"},
	{"seed: -1", `f.yaml:1: seed: expected a whole number from 0 to 2^64-1, got "-1"`},
	{"timing:\n  stabilize: 500", `f.yaml:2: timing.stabilize: expected a duration from 10ms to 1h, such as 500ms, 2.5s or 1m, got "500"`},
	{"network: {loss: 2}", `f.yaml:1: network.loss: expected a share from 0 to 0.9, got "2"`},
	{"network: {spread: exponential, jitter: 1ms}", "f.yaml:1: network.jitter: an exponential latency has no jitter of its own; remove one of the two"},
	{"workload: {rate: 200/d}", `f.yaml:1: workload.rate: expected a rate up to 100000/s, such as 200/s, 0.5/s or 30/m, got "200/d"`},
	{"workload: {rate: NaN/s}", `f.yaml:1: workload.rate: expected a rate up to 100000/s, such as 200/s, 0.5/s or 30/m, got "NaN/s"`},
	{"workload: {distribution: zip}", `f.yaml:1: workload.distribution: expected one of uniform, zipf, hotspot, sequential, got "zip"`},
	{"workload: {value_bytes: {min: 90, max: 80}}", "f.yaml:1: workload.value_bytes: min 90 is greater than max 80"},
	{"workload: {poisson: maybe}", `f.yaml:1: workload.poisson: expected true or false, got "maybe"`},
	{"phases: {at: 1s}", "f.yaml:1: phases: expected a list, such as - {at: 10s, crash: 2}"},
	{"phases:\n- {at: 1s}", "f.yaml:2: phases[0]: no action: expected one of churn, crash, heal, join, leave, one_way_cut, partition, pause, slow_link, telemetry_outage, workload"},
	{"phases:\n- {at: 1s, join: 1, leave: 1}", "f.yaml:2: phases[0]: does join and leave at once; give each a phase of its own"},
	{"phases:\n- {join: 1}", "f.yaml:2: phases[0].at: missing: the time from the start at which the phase begins"},
	{"phases:\n- {at: 1s, join: 1, adjacent: true}", "f.yaml:2: phases[0].adjacent: applies to crash only"},
	{"phases:\n- {at: 1s, heal: true, for: 2s}", "f.yaml:2: phases[0].for: heal happens at once"},
	{"phases:\n- {at: 1s, churn: {}}", "f.yaml:2: phases[0].churn: no rate: give join, leave or crash, such as 0.5/s"},
	{"phases:\n- {at: 1s, partition: {}}", "f.yaml:2: phases[0].partition.fraction: missing: a share from 0.001 to 1"},
	{"phases:\n- {at: 1s, slow_link: {fraction: 0.1}}", "f.yaml:2: phases[0].slow_link.latency: missing"},
	{"phases:\n- {at: 9s, join: 1, for: 2s}\nduration: 10s", "f.yaml:2: phases[0]: ends at 11s, after the scenario's duration of 10s"},
	{"phases:\n- {at: 1s, workload: {keys: 7}}", "f.yaml:2: phases[0].workload.keys: the scenario sets the number of keys, 1000; a phase cannot change it"},
	{"expect: {lost_keys: 0}", "f.yaml:1: expect: a scenario without a duration has no end at which expectations can be checked; add duration"},
	{"duration: 5s\nexpect: {lost_key: 0}", "f.yaml:2: expect.lost_key: unknown field; allowed here: allow_unmeasured, failed_lookups_per_10k, final_ring_error, lost_keys, max_violations, mean_hops, p99_lookup, refused_writes_shown, repaired_within, stale_reads, unmarked_wrong_fields, wrong_lookups"},
	{"duration: 5s\nexpect: {p99_lookup: 3}", `f.yaml:2: expect.p99_lookup: expected a duration from 0s to 24h, such as 500ms, 2.5s or 1m, got "3"`},
	{"name: ''", "f.yaml:1: name: the text has 0 characters: expected a text of 1 to 80 characters"},
	{"name:", "f.yaml:1: name: expected a text of 1 to 80 characters"},
	{"- 1\n- 2", "f.yaml:1: expected a mapping with the fields duration, expect, name, network, phases, ring, seed, timing, workload"},
	{"name: x\n---\nname: y", "f.yaml:2: not YAML: a second document: one file holds one scenario"},
	{"a: b: c", "f.yaml:1: not YAML: mapping values are not allowed in this context"},
	{"name: x\nseed: *nope\n", "f.yaml:2: not YAML: unknown anchor 'nope' referenced"},
	{"name: x\nseed: \x01\n", "f.yaml:2: not YAML: control characters are not allowed"},
	{"name: x\nring: {members: 3\nduration: 5s\n", "f.yaml:2: not YAML: did not find expected ',' or '}'"},
	{"name: x\nring: {members: 3}\nexpect: {lost_keys: 0}", "f.yaml:3: expect: a scenario without a duration has no end at which expectations can be checked; add duration"},
	{"phases:\n- {at: 1s, heal: false}", "f.yaml:2: phases[0].heal: expected true: leave the phase out instead"},
	{"phases:\n- {at: 1s, chrash: 1}", "f.yaml:2: phases[0].chrash: unknown field; allowed here: adjacent, allow_partial, at, churn, crash, for, heal, join, leave, name, one_way_cut, partition, pause, slow_link, telemetry_outage, workload"},
	{"name: x\nring:\n  members: 3\n bits: 4\n", "f.yaml:4: not YAML: did not find expected key"},
	{"name: [x", "f.yaml:1: not YAML: did not find expected ',' or ']'"},
	{"ring: &r {members: nine}\ntiming: *r", "f.yaml:1: ring.members: expected a whole number from 1 to 10000, got \"nine\"\n" +
		"f.yaml:1: timing.members: unknown field; allowed here: call_limit, keyframe, stabilize"},
}

func TestProblems(t *testing.T) {
	for _, test := range problems {
		_, err := Parse("f.yaml", []byte(test.source))
		if err == nil || err.Error() != test.want {
			t.Errorf("%q:\n got %v\nwant %s", test.source, err, test.want)
		}
	}
}

// texts are sources that other YAML programs read differently, or that would affect a terminal.
var texts = map[string]string{
	"seed: 010":                        `f.yaml:1: seed: "010": a number with a leading zero is octal to some programs and decimal to others; write it without`,
	"ring: {members: 010}":             `f.yaml:1: ring.members: "010": a number with a leading zero is octal to some programs and decimal to others; write it without`,
	"%YAML 1.2\n---\nname: a":          "",
	"# x\n%YAML 1.2 # y\n---\nnam: a":  "f.yaml:4: nam: unknown field; allowed here: duration, expect, name, network, phases, ring, seed, timing, workload",
	"name: " + strings.Repeat("ü", 80): "",
	"name: " + strings.Repeat("ü", 81): "f.yaml:1: name: the text has 81 characters: expected a text of 1 to 80 characters",
	`name: "x\e[31mRED"`:               "f.yaml:1: name: the text has the character U+001B, which is not printable",
	`name: "x\u202ey"`:                 "f.yaml:1: name: the text has the character U+202E, which is not printable",
	`"a\e[2Jb": 1`:                     `f.yaml:1: a\x1b[2Jb: unknown field; allowed here: duration, expect, name, network, phases, ring, seed, timing, workload`,
	"workload: {poisson: True}":        "",
	"workload: {rate: 20}":             "",
	"phases: [{at: 1s, heal: TRUE}]":   "",
}

func TestTexts(t *testing.T) {
	for source, want := range texts {
		_, err := Parse("f.yaml", []byte(source))
		if got := fmt.Sprint(err); want == "" && err != nil || want != "" && got != want {
			t.Errorf("%q:\n got %s\nwant %s", source, got, want)
		}
	}
	if s, err := Parse("x", []byte("workload: {rate: 20, poisson: True}")); err != nil || s.Workload.Rate != 20 || !s.Workload.Poisson {
		t.Errorf("%+v %v", s, err)
	}
}

const load = "duration: 20s\nworkload: {rate: 5/s}\n"

// impossible lists scenarios that no run could carry out or measure: they are rejected before a run is started. The
// value is the error; empty: the scenario is possible.
var impossible = map[string]string{
	"ring: {members: 4}\nduration: 20s\nphases:\n- {at: 5s, crash: 40}":                                    "f.yaml:4: phases[0].crash: at 5s the phase can affect at most 3 members; lower the count, or add allow_partial: true",
	"ring: {members: 4}\nduration: 20s\nphases:\n- {at: 5s, crash: 40, allow_partial: true}":               "",
	"ring: {members: 4}\nduration: 20s\nphases:\n- {at: 5s, leave: 2}\n- {at: 6s, crash: 2}":               "f.yaml:5: phases[1].crash: at 6s the phase can affect at most 1 members; lower the count, or add allow_partial: true",
	"ring: {members: 4}\nduration: 20s\nphases:\n- {at: 6s, crash: 2}\n- {at: 4s, leave: 2}":               "f.yaml:4: phases[0].crash: at 6s the phase can affect at most 1 members; lower the count, or add allow_partial: true",
	"ring: {members: 4}\nduration: 20s\nphases:\n- {at: 1s, join: 40}\n- {at: 6s, crash: 40}":              "",
	"ring: {members: 4}\nduration: 20s\nphases:\n- {at: 1s, churn: {join: 1/s}}\n- {at: 6s, crash: 40}":    "",
	"ring: {members: 8, virtual_nodes: 4}\nduration: 20s\nphases:\n- {at: 1s, pause: 2}":                   "f.yaml:4: phases[0].pause: at 1s the phase can affect at most 1 hosts; lower the count, or add allow_partial: true",
	"ring: {members: 8, virtual_nodes: 8}\nduration: 20s\nphases:\n- {at: 1s, partition: {fraction: 0.5}}": "f.yaml:4: phases[0].partition: at 1s the phase can affect at most 0 hosts; lower the count, or add allow_partial: true",
	"ring: {members: 8, virtual_nodes: 4}\nduration: 20s\nphases:\n- {at: 1s, crash: 3, adjacent: true}":   "f.yaml:4: phases[0].crash: at 1s the phase can affect at most 2 hosts; lower the count, or add allow_partial: true",
	"phases:\n- {at: 5s, crash: 400}":                                                                                                      "", // of a ring that is there already
	"duration: 20s\nexpect: {lost_keys: 0}":                                                                                                "f.yaml:2: expect.lost_keys: cannot be measured: no operation is ever sent; set workload.rate, or list it in expect.allow_unmeasured",
	"duration: 20s\nexpect: {p99_lookup: 1s}":                                                                                              "f.yaml:2: expect.p99_lookup: cannot be measured: no operation is ever sent; set workload.rate, or list it in expect.allow_unmeasured",
	"duration: 20s\nexpect: {lost_keys: 0, allow_unmeasured: [lost_keys]}":                                                                 "",
	"duration: 20s\nexpect: {final_ring_error: 0}":                                                                                         "",
	"duration: 20s\nphases: [{at: 1s, workload: {rate: 1/s}}]\nexpect: {lost_keys: 0}":                                                     "",
	load + "expect: {lost_keys: 0, allow_unmeasured: [lost_key]}":                                                                          `f.yaml:3: expect.allow_unmeasured: expected one of lost_keys, final_ring_error, wrong_lookups, stale_reads, refused_writes_shown, failed_lookups_per_10k, p99_lookup, mean_hops, repaired_within, unmarked_wrong_fields, max_violations, got "lost_key"`,
	"duration: 20s\nworkload: {rate: 5/s, reads: 1}\nexpect: {lost_keys: 0, p99_lookup: 1s}":                                               "f.yaml:3: expect.lost_keys: cannot be measured: nothing is ever written; lower workload.reads or workload.lookups, or list it in expect.allow_unmeasured",
	"duration: 20s\nphases: [{at: 1s, telemetry_outage: {fraction: 0.5}}, {at: 2s, workload: {rate: 1/s}}]\nexpect: {repaired_within: 5s}": "f.yaml:3: expect.repaired_within: cannot be measured: no phase does anything to the ring that it has to repair; add one, or list it in expect.allow_unmeasured",
	"duration: 20s\nphases: [{at: 1s, join: 1}]\nexpect: {repaired_within: 5s}":                                                            "",
	"duration: 20s\nworkload: {rate: 5/s, reads: 0}\nexpect: {stale_reads: 0}":                                                             "f.yaml:3: expect.stale_reads: cannot be measured: nothing is ever read; raise workload.reads or lower workload.lookups, or list it in expect.allow_unmeasured",
	"duration: 20s\nworkload: {rate: 5/s, reads: 0, lookups: 0}\nphases: [{at: 1s, workload: {reads: 0.1}}]\nexpect: {stale_reads: 0}":     "",
}

func TestImpossible(t *testing.T) {
	for source, want := range impossible {
		_, err := Parse("f.yaml", []byte(source))
		if got := fmt.Sprint(err); want == "" && err != nil || want != "" && got != want {
			t.Errorf("%q:\n got %s\nwant %s", source, got, want)
		}
	}
}

func TestNoFieldIsTheDefault(t *testing.T) {
	s, err := Parse("x", []byte("{}"))
	if err != nil || s.OwnRing || s.Ring.Members != 32 {
		t.Errorf("%+v %v", s, err)
	}
}

func TestEmptyIsNoScenario(t *testing.T) {
	for _, source := range []string{"", "\n", "# nothing\n"} {
		if _, err := Parse("x.yaml", []byte(source)); err == nil || !strings.HasPrefix(err.Error(), "x.yaml: the file is empty") {
			t.Errorf("%q: %v", source, err)
		}
	}
}

func TestBounds(t *testing.T) {
	if _, err := Parse("x", make([]byte, MaxSource+1)); err == nil {
		t.Error("a file over the limit was read")
	}
	many := "phases:\n" + strings.Repeat("- {}\n", 500)
	reported := AsProblems(second(Parse("x", []byte(many))))
	if len(reported) != maxProblems {
		t.Fatalf("%d problems reported, want %d", len(reported), maxProblems)
	}
	if last := reported[maxProblems-1].Text; !strings.HasSuffix(last, " mistakes in all)") {
		t.Errorf("the last one reported is %q, expected their number", last)
	}
}

func second(_ *Scenario, err error) error { return err }

func TestShipped(t *testing.T) {
	if len(Shipped()) < 9 {
		t.Errorf("only %d scenarios are shipped", len(Shipped()))
	}
	for _, shipped := range Shipped() {
		s, err := Load(shipped.Name)
		if err != nil {
			t.Error(err)
			continue
		}
		if s.Name != shipped.Name {
			t.Errorf("%s.yaml is named %s", shipped.Name, s.Name)
		}
		if len(shipped.About) < 80 || !strings.Contains(shipped.About, "Look at") {
			t.Errorf("%s does not name what to look at", shipped.Name)
		}
		if s.OwnRing && s.Name != Demo && (s.Duration == 0 || len(s.Expect) == 0) {
			t.Errorf("%s has no end or no expectation", s.Name)
		}
	}
	if _, err := Load("no-such"); err == nil || !strings.Contains(err.Error(), "the shipped scenarios are adjacent-crashes, ") {
		t.Errorf("unknown name: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range Shipped() {
		f.Add([]byte(s.Source))
	}
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, source []byte) {
		s, err := Parse("fuzz", source)
		if err != nil {
			if AsProblems(err) == nil {
				t.Fatalf("error of type %T", err)
			}
			return
		}
		if s.Ring.Members < 1 || s.Workload.ValueMin > s.Workload.ValueMax || s.Workload.Keys < 1 {
			t.Fatalf("accepted %+v", s)
		}
	})
}
