package report

import (
	"encoding/json"
	"math"
	"runtime"
	"time"

	"chordconductor/conductor/lab/load"
	"chordconductor/conductor/lab/result"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/conductor/ring"
	"chordconductor/internal/version"
	"chordconductor/node/wire"
)

// A Report is the result of a simulation. Programs depend on its JSON form; times are seconds since the simulation's
// start.
type Report struct {
	Scenario    Plan             `json:"scenario"`
	Source      string           `json:"scenario_source"`
	Verdict     string           `json:"verdict"` // passed, failed, or unfinished
	Error       string           `json:"error,omitempty"`
	Checks      []Check          `json:"expectations"`
	ElapsedS    float64          `json:"elapsed_s"`
	Summary     Summary          `json:"summary"`
	Phases      []Phase          `json:"phases"`
	Timeline    []Point          `json:"timeline"`
	Repairs     []Repair         `json:"repairs"`
	Violations  []Violation      `json:"violations"`
	Hops        []load.Bucket    `json:"hops"`       // operations by number of hops, the owner not counted
	LatencyMS   []LatencyBucket  `json:"latency_ms"` // operations by latency from their intended start
	LatencyUS   []load.Bucket    `json:"latency_us"` // the same in microseconds, as earlier versions had it
	Loads       []Load           `json:"loads"`      // members on the ring at the end, the fullest first
	Moves       map[string]Moves `json:"moves"`      // by reason
	Lost        []LostKey        `json:"lost"`       // by key, at most 100; summary.lost_keys counts all
	Slowest     []Slow           `json:"slowest"`
	Operations  []Operation      `json:"operations"` // time spent, by operation
	Busiest     []Operation      `json:"busiest"`    // the same by member, the busiest first
	Telemetry   Telemetry        `json:"telemetry"`
	Notes       []string         `json:"notes"` // deviations from the plan
	Environment Environment      `json:"environment"`

	// JaegerUI is the address of Jaeger's page, for links to traces; empty: no links.
	JaegerUI string `json:"-"`
}

// Check is an expectation and its result.
type Check struct {
	Metric   scenario.Metric `json:"metric"`
	Bound    float64         `json:"at_most"`
	Value    float64         `json:"value"`
	Measured bool            `json:"measured"`          // false: the run had no measurement for it, so the expectation is not met
	Allowed  bool            `json:"allowed,omitempty"` // "not measured" is allowed
	Never    bool            `json:"never,omitempty"`   // no ideal ring occurred before the end; a value in seconds is the time until then
	OK       bool            `json:"ok"`
	Unit     string          `json:"unit"` // of at_most and value, as UCUM writes it: s, {key}, …
}

// Summary describes the whole run in a few numbers.
type Summary struct {
	MembersStart  int     `json:"members_first"` // when the ring was first ideal
	MembersEnd    int     `json:"members_end"`
	Operations    uint64  `json:"operations"`
	Failed        uint64  `json:"failed"`  // of a put, the outcome is unknown
	Refused       uint64  `json:"refused"` // puts that were not carried out
	Retried       uint64  `json:"retried"`
	Unsent        uint64  `json:"operations_unsent"` // operations that were due and never sent, because too many were under way
	StaleReads    uint64  `json:"stale_reads"`
	CorruptReads  uint64  `json:"corrupt_reads"`
	RefusedShown  int     `json:"refused_writes_shown"` // refused writes whose value a read returned
	KeysWritten   int     `json:"keys_written"`
	LostKeys      int     `json:"lost_keys"`
	LostSilent    int     `json:"lost_keys_unanswered"`      // lost keys that were not read because no host answered: they may exist
	LostWeak      int     `json:"lost_keys_of_fewer_copies"` // lost keys that were acknowledged with fewer replicas than the ring's R
	WrongLookups  uint64  `json:"wrong_lookups"`
	JudgedLookups uint64  `json:"judged_lookups"`
	MeanHops      float64 `json:"mean_hops"`
	HalfLog       float64 `json:"half_log2_members"`
	P50MS         float64 `json:"p50_ms"`
	P99MS         float64 `json:"p99_ms"`
	P999MS        float64 `json:"p999_ms"`
	MaxMS         float64 `json:"max_ms"`
	PeakRingError uint64  `json:"peak_ring_error"`
	LongestRepair float64 `json:"longest_repair_s"`
	Unrepaired    int     `json:"phases_not_repaired"` // the ring was not ideal again after them
}

// Phase is the time from one phase's beginning to the next one's.
type Phase struct {
	Name       string   `json:"name"`
	FromS      float64  `json:"from_s"`
	ToS        float64  `json:"to_s"`
	Gets       uint64   `json:"gets"`
	Puts       uint64   `json:"puts"`
	Lookups    uint64   `json:"lookups"`
	Failed     uint64   `json:"failed"`
	Refused    uint64   `json:"refused"`
	Stale      uint64   `json:"stale_reads"`
	Timeouts   uint64   `json:"timeouts"`
	MeanHops   float64  `json:"mean_hops"`
	P50MS      float64  `json:"p50_ms"`
	P99MS      float64  `json:"p99_ms"`
	MaxMS      float64  `json:"max_ms"`
	RepairedS  *float64 `json:"repaired_after_s"` // null: nothing to repair, or not before the end
	Unrepaired bool     `json:"not_repaired,omitempty"`
	Planned    int      `json:"planned"` // members started or stopped, hosts hit by a fault, that the phase requests; 0: none
	Done       int      `json:"done"`
	Unsent     uint64   `json:"operations_unsent"` // operations that were due and never sent, because too many were under way
	Short      bool     `json:"short,omitempty"`   // the phase did less, or fewer operations were sent, and the scenario does not allow that
}

// Point is one second of the run.
type Point struct {
	AtS        float64 `json:"at_s"`
	Active     int     `json:"active"`
	Joining    int     `json:"joining"`
	Failed     int     `json:"failed"`
	Uncertain  int     `json:"uncertain"`
	Status     string  `json:"status"`
	Certainty  string  `json:"certainty"`
	RingError  uint64  `json:"ring_error"`
	Unknown    uint64  `json:"ring_error_unknown"` // pointers that are not included
	Violations int     `json:"violations"`
	Rate       float64 `json:"operations_per_second"`
	Failures   uint64  `json:"operations_failed"`
	Refused    uint64  `json:"puts_refused"`
	P50MS      float64 `json:"p50_ms"`
	P99MS      float64 `json:"p99_ms"`
	Lost       int     `json:"lost_keys"`
	Staleness  float64 `json:"staleness_p99_ms"`
}

// Repair is a time in which the ring was not ideal.
type Repair struct {
	FromS  float64 `json:"from_s"`
	ToS    float64 `json:"to_s"`
	Peak   uint64  `json:"peak_ring_error"`
	Healed bool    `json:"healed"`
}

// Violation is a condition that did not hold.
type Violation struct {
	Condition string   `json:"condition"`
	Detail    string   `json:"detail"`
	Members   []string `json:"members"` // at most 32 of them
	SinceS    float64  `json:"since_s"`
	HealedS   *float64 `json:"healed_s"`
	TraceID   string   `json:"trace_id,omitempty"`
}

// Load has the keys and operations of one member, and the keys expected from the member's share of the circle.
type Load struct {
	Member   string  `json:"member"`
	Owned    int64   `json:"owned_keys"`
	Expected float64 `json:"expected_keys"`
	Replica  int64   `json:"replica_keys"`
	Bytes    int64   `json:"bytes"`
	Gets     int64   `json:"gets"`
	Puts     int64   `json:"puts"`
}

// Moves adds up finished handoffs.
type Moves struct {
	Moves  int64 `json:"moves"`
	Keys   int64 `json:"keys"`
	Bytes  int64 `json:"bytes"`
	Failed int64 `json:"failed"`
}

// Slow is one of the slowest lookups, with its path, or one of the slowest gets and puts, which name only the member
// that served them.
type Slow struct {
	Operation string   `json:"operation"`
	AtS       float64  `json:"at_s"`
	LatencyMS float64  `json:"latency_ms"`
	Path      []string `json:"path"`
	Timeouts  int      `json:"timeouts"`
	TraceID   string   `json:"trace_id,omitempty"`
}

// Operation is the time spent in one kind of span.
type Operation struct {
	Operation string  `json:"operation,omitempty"`
	Member    string  `json:"member,omitempty"`
	Count     uint64  `json:"count"`
	Failed    uint64  `json:"failed"`
	TotalMS   float64 `json:"total_ms"`
	MeanMS    float64 `json:"mean_ms"`
	MaxMS     float64 `json:"max_ms"`
}

// Telemetry describes how accurate the numbers about the ring are.
type Telemetry struct {
	Applied        uint64   `json:"events_applied"`
	Outdated       uint64   `json:"events_outdated"`
	Lost           int64    `json:"records_lost"`
	Uncertain      int      `json:"members_uncertain_at_end"`
	UnmarkedWrong  *uint64  `json:"unmarked_wrong_fields"` // null: not measured
	LookupsSampled *float64 `json:"lookups_sampled"`       // share that arrived as traces; null: unknown
}

// Environment has all values that depend on the machine or the time of day.
type Environment struct {
	Started        time.Time `json:"started"`
	Speed          string    `json:"speed"` // real or virtual
	Version        string    `json:"version"`
	Go             string    `json:"go"`
	Platform       string    `json:"platform"`
	CPUs           int       `json:"cpus"`
	StalenessP50MS float64   `json:"staleness_p50_ms"` // event timestamp to applied
	StalenessP99MS float64   `json:"staleness_p99_ms"`
}

// Of returns the report of a result.
func Of(r *result.Result) *Report {
	rep := &Report{
		Scenario: planOf(r.Scenario), Source: r.Scenario.Source, Error: r.Error, ElapsedS: secs(r.Elapsed),
		Verdict: verdict(r), Summary: summary(r), Checks: []Check{}, Notes: append([]string{}, r.Notes...),
		Moves: map[string]Moves{"join": Moves(r.Moves.Join), "leave": Moves(r.Moves.Leave), "repair": Moves(r.Moves.Repair)},
		Environment: Environment{
			Started: r.Started.UTC(), Speed: "real", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(),
			Version: version.Text(), StalenessP50MS: msec(r.Telemetry.StalenessP50), StalenessP99MS: msec(r.Telemetry.StalenessP99),
		},
	}
	if r.Virtual {
		rep.Environment.Speed = "virtual"
	}
	for _, c := range r.Checks {
		rep.Checks = append(rep.Checks, Check{
			Metric: c.Metric, Bound: c.Bound, Value: c.Value, Measured: c.Measured, Allowed: c.Allowed, Never: c.Never, OK: c.OK, Unit: c.Metric.Unit(),
		})
	}
	rep.courses(r)
	rep.figures(r)
	return rep
}

// courses fills in the values over time.
func (rep *Report) courses(r *result.Result) {
	rep.Phases = make([]Phase, 0, len(r.Phases))
	for _, p := range r.Phases {
		all := p.Counts.All()
		out := Phase{
			Name: p.Name, FromS: secs(p.From), ToS: secs(p.To),
			Gets: p.Counts.Latency[load.Get].Count(), Puts: p.Counts.Latency[load.Put].Count(), Lookups: p.Counts.Latency[load.Lookup].Count(),
			Failed: p.Counts.Failed, Refused: p.Counts.Refused, Stale: p.Counts.Stale, Timeouts: p.Counts.Timeouts, MeanHops: p.Counts.Hops.Mean(),
			P50MS: usec(all.Quantile(0.5)), P99MS: usec(all.Quantile(0.99)), MaxMS: usec(all.Max()),
		}
		if p.Measured && p.Repaired >= 0 {
			s := secs(p.Repaired)
			out.RepairedS = &s
		}
		out.Unrepaired = p.Measured && p.Repaired < 0
		out.Planned, out.Done, out.Unsent, out.Short = p.Planned, p.Done, p.Counts.Unsent, p.Short()
		rep.Phases = append(rep.Phases, out)
	}
	rep.Timeline = make([]Point, 0, len(r.Timeline))
	for _, p := range r.Timeline {
		rep.Timeline = append(rep.Timeline, Point{
			AtS: secs(p.At), Active: p.Members.Active, Joining: p.Members.Joining, Failed: p.Members.Failed, Uncertain: p.Uncertain,
			Status: p.Status.String(), Certainty: p.Certainty.String(), RingError: p.RingError, Unknown: p.Unknown, Violations: p.Violations, Rate: p.Rate, Failures: p.Failed, Refused: p.Refused,
			P50MS: msec(p.P50), P99MS: msec(p.P99), Lost: p.Lost, Staleness: p.StalenessMS,
		})
	}
	rep.Repairs = make([]Repair, 0, len(r.Repairs))
	for _, p := range r.Repairs {
		rep.Repairs = append(rep.Repairs, Repair{secs(p.From), secs(p.To), p.PeakError, p.Healed})
	}
	rep.Violations = make([]Violation, 0, len(r.Violations))
	for _, v := range r.Violations {
		out := Violation{Condition: v.Condition, Detail: v.Detail, Members: make([]string, 0, len(v.Members)), SinceS: secs(v.Since.Sub(r.Started))}
		for _, id := range v.Members {
			out.Members = append(out.Members, short(id, r.Bits))
		}
		if !v.Healed.IsZero() {
			s := secs(v.Healed.Sub(r.Started))
			out.HealedS = &s
		}
		if v.Trace.IsValid() {
			out.TraceID = v.Trace.String()
		}
		rep.Violations = append(rep.Violations, out)
	}
}

// figures fills in the measurements of the whole run.
func (rep *Report) figures(r *result.Result) {
	total := r.Total()
	rep.Hops, rep.LatencyUS = notNil(total.Hops.Buckets()), notNil(total.All().Buckets())
	rep.LatencyMS = latencies(rep.LatencyUS)
	rep.Loads = loads(r)
	rep.Lost = lostKeys(r)
	rep.Slowest = make([]Slow, 0, len(r.Slowest))
	for _, s := range r.Slowest {
		one := Slow{Operation: s.Op.String(), AtS: secs(s.At.Sub(r.Started)), LatencyMS: msec(s.Latency), Path: []string{}}
		if s.Found != nil {
			one.Path, one.Timeouts, one.TraceID = path(s.Found, r.Bits), s.Found.Timeouts, s.Found.Trace
		}
		rep.Slowest = append(rep.Slowest, one)
	}
	rep.Operations, rep.Busiest = []Operation{}, []Operation{}
	for _, o := range r.Operations {
		out := Operation{Operation: o.Operation, Member: o.Member, Count: o.Count, Failed: o.Failed, TotalMS: msec(o.Total), MaxMS: msec(o.Max)}
		if o.Count > 0 {
			out.MeanMS = round(out.TotalMS / float64(o.Count))
		}
		if o.Member == "" {
			rep.Operations = append(rep.Operations, out)
		} else {
			rep.Busiest = append(rep.Busiest, out)
		}
	}
	t := r.Telemetry
	rep.Telemetry = Telemetry{Applied: t.Applied, Outdated: t.Outdated, Lost: t.Lost, Uncertain: t.Uncertain}
	if t.UnmarkedMeasured {
		rep.Telemetry.UnmarkedWrong = &t.Unmarked
	}
	if t.LookupsSampled >= 0 {
		rep.Telemetry.LookupsSampled = &t.LookupsSampled
	}
}

func verdict(r *result.Result) string {
	switch {
	case !r.Finished:
		return "unfinished"
	case r.Passed():
		return "passed"
	}
	return "failed"
}

func summary(r *result.Result) Summary {
	total := r.Total()
	all := total.All()
	s := Summary{
		Operations: total.Done(), Failed: total.Failed, Refused: total.Refused, Retried: total.Retried, Unsent: total.Unsent,
		StaleReads: total.Stale, CorruptReads: total.Corrupt, RefusedShown: r.Keys.Refused,
		KeysWritten: r.Keys.Written, LostKeys: r.Keys.Lost, LostSilent: r.Keys.Unanswered, LostWeak: r.Keys.Weak,
		WrongLookups: r.Lookups.Wrong, JudgedLookups: r.Lookups.Judged, MeanHops: total.Hops.Mean(),
		P50MS: usec(all.Quantile(0.5)), P99MS: usec(all.Quantile(0.99)), P999MS: usec(all.Quantile(0.999)), MaxMS: usec(all.Max()),
	}
	for _, p := range r.Timeline {
		s.PeakRingError = max(s.PeakRingError, p.RingError)
		s.MembersEnd = p.Members.Active
		if s.MembersStart == 0 && p.Status == ring.Ideal && p.Certainty == ring.AllCertain {
			s.MembersStart = p.Members.Active
		}
	}
	if s.MembersEnd > 0 {
		s.HalfLog = round(math.Log2(float64(s.MembersEnd)) / 2)
	}
	for _, p := range r.Phases {
		if p.Measured && p.Repaired < 0 {
			s.Unrepaired++
		} else if p.Measured {
			s.LongestRepair = max(s.LongestRepair, secs(p.Repaired))
		}
	}
	return s
}

// path formats the members that a lookup visited, each with the pointer that led there.
func path(l *wire.Lookup, bits int) []string {
	if len(l.Path) == 0 {
		return []string{short(l.Owner.ID, bits)} // puts and gets name only the member that served them
	}
	out := make([]string, 0, len(l.Path))
	for _, h := range l.Path {
		out = append(out, hop(h, bits))
	}
	return out
}

// JSON returns the report as JSON.
func (rep *Report) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(rep, "", "  ")
	return append(text, '\n'), err
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func secs(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }
func msec(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
func usec(us int64) float64        { return float64(us) / 1000 }
func round(v float64) float64      { return math.Round(v*1000) / 1000 }
