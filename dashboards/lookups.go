package main

func lookupsDashboard() *classic {
	return board("chord-lookups", "Chord: Lookups", "How many lookups are there, how fast are they, how many hops do they take, and how many fail?").
		WithPanel(panel{
			title: "How many lookups a second?", unit: operations, width: 6,
			description: "Finished lookups of all members.",
			queries:     []query{{expr: `sum(rate(chord_lookup_duration_seconds_count[$__rate_interval]))`, legend: "lookups"}},
		}.number()).
		WithPanel(panel{
			title: "Do lookups fail?", unit: share, width: 6,
			description: "Share of lookups that ended without an owner.",
			queries:     []query{{expr: `sum(rate(chord_lookup_duration_seconds_count{chord_outcome!="ok"}[$__rate_interval])) / sum(rate(chord_lookup_duration_seconds_count[$__rate_interval])) or vector(0)`, legend: "failed"}},
			limits:      []limit{{aFailure, yellow, "one of 10,000"}, {worstFailed, red, "the greatest share in the Chord paper under churn (ToN, Table III)"}},
		}.number()).
		WithPanel(panel{
			title: "How long do 99 of 100 lookups take at most?", unit: seconds, width: 6,
			description: "99th percentile of the time from a lookup's start to its answer.",
			queries:     []query{{expr: `histogram_quantile(0.99, sum by (le) (rate(chord_lookup_duration_seconds_bucket[$__rate_interval])))`, legend: "p99"}},
			limits:      latencyLimits,
		}.number()).
		WithPanel(panel{
			title: "How many hops, against ½ log2 N?", unit: share, width: 6,
			description: "Mean number of members that a lookup visits, not counting the owner, as a share of ½ log2 N, the mean with fingers alone (ToN, section IV.D). Successor lists make paths shorter.",
			queries:     []query{{expr: `sum(rate(chord_lookup_hops_sum[$__rate_interval])) / sum(rate(chord_lookup_hops_count[$__rate_interval])) / (0.5 * log2(sum(chord_ring_members{chord_ring_name="$ring",chord_member_status="active"}) > 1))`, legend: "of ½ log2 N"}},
			limits:      []limit{{1, yellow, "½ log2 N: as if there were no successor lists"}, {2, red, "log2 N: fingers are wrong, or missing"}},
		}.number()).
		WithPanel(panel{
			title: "How does the latency of lookups develop?", unit: seconds,
			description: "Percentiles of the duration of lookups. The dots are exemplars: each opens a trace in Jaeger.",
			queries: []query{
				{expr: `histogram_quantile(0.5, sum by (le) (rate(chord_lookup_duration_seconds_bucket[$__rate_interval])))`, legend: "p50", exemplars: true},
				{expr: `histogram_quantile(0.9, sum by (le) (rate(chord_lookup_duration_seconds_bucket[$__rate_interval])))`, legend: "p90"},
				{expr: `histogram_quantile(0.99, sum by (le) (rate(chord_lookup_duration_seconds_bucket[$__rate_interval])))`, legend: "p99"},
			},
			limits: latencyLimits,
		}.graph()).
		WithPanel(panel{
			title: "How long do lookups take?", unit: seconds,
			description: "Lookups by duration.",
			queries:     []query{{expr: `sum by (le) (increase(chord_lookup_duration_seconds_bucket[$__rate_interval]))`, legend: "{{le}}", exemplars: true}},
		}.heat()).
		WithPanel(panel{
			title: "The number of hops stays near ½ log2 N", unit: count,
			description: "Mean number of hops, compared with ½ log2 N, the mean that the Chord paper gives for a ring of the present number of members N.",
			queries: []query{
				{expr: `sum by (chord_lookup_mode) (rate(chord_lookup_hops_sum[$__rate_interval])) / sum by (chord_lookup_mode) (rate(chord_lookup_hops_count[$__rate_interval]))`, legend: "{{chord_lookup_mode}}"},
				{expr: `0.5 * log2(sum(chord_ring_members{chord_ring_name="$ring",chord_member_status="active"}) > 0)`, legend: "½ log2 N"},
			},
		}.graph()).
		WithPanel(panel{
			title: "How are the hops distributed?", unit: count,
			description: "Lookups by number of hops.",
			queries:     []query{{expr: `sum by (le) (increase(chord_lookup_hops_bucket[$__rate_interval]))`, legend: "{{le}}"}},
		}.heat()).
		WithPanel(panel{
			title: "How do lookups end?", unit: operations,
			description: "Lookups by outcome.",
			queries:     []query{{expr: `sum by (chord_outcome) (rate(chord_lookup_duration_seconds_count[$__rate_interval]))`, legend: "{{chord_outcome}}"}},
		}.stacked()).
		WithPanel(panel{
			title: "How many peers do not answer during lookups?", unit: perSecond,
			description: "Calls of lookups that ended at their time limit; the lookup continues with the next best candidate.",
			queries:     []query{{expr: `sum by (chord_lookup_mode) (rate(chord_lookup_timeouts_total[$__rate_interval]))`, legend: "{{chord_lookup_mode}}"}},
		}.graph()).
		WithPanel(panel{
			title: "Which operations do clients make?", unit: operations,
			description: "Gets, puts and deletes by outcome.",
			queries:     []query{{expr: `sum by (chord_operation, chord_outcome) (rate(chord_operation_duration_seconds_count[$__rate_interval]))`, legend: "{{chord_operation}} {{chord_outcome}}"}},
		}.stacked()).
		WithPanel(panel{
			title: "How long do clients' operations take?", unit: seconds,
			description: "99th percentile of the duration of gets, puts and deletes, including their lookups.",
			queries:     []query{{expr: `histogram_quantile(0.99, sum by (le, chord_operation) (rate(chord_operation_duration_seconds_bucket[$__rate_interval])))`, legend: "{{chord_operation}}", exemplars: true}},
			limits:      latencyLimits,
		}.graph())
}
