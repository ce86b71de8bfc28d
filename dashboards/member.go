package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func memberDashboard() *classic {
	return board("chord-member", "Chord: Member", "One member: what it holds, what it serves, how far its pointers are off. The conductor names members one by one only up to 256 of them.").
		WithVariable(dashboard.NewQueryVariableBuilder("member").Label("Member").Description("By chord.node.id").
			Query(dashboard.StringOrMap{String: ptr("label_values(chord_member_error, chord_node_id)")}).
			Datasource(source()).Refresh(dashboard.VariableRefreshOnTimeRangeChanged).Multi(false).IncludeAll(false)).
		WithPanel(panel{
			title: "Are its pointers right?", unit: count, width: 8,
			description: "Its share of the ring error.",
			queries:     []query{{expr: `chord_member_error{chord_node_id="$member"}`, legend: "error"}},
			limits:      []limit{{1, yellow, "one of them is wrong"}},
		}.number()).
		WithPanel(panel{
			title: "How many keys does it own?", unit: count, width: 8,
			description: "Keys in its own range.",
			queries:     []query{{expr: `chord_member_keys{chord_node_id="$member",chord_store_role="owned"}`, legend: "owned"}},
		}.number()).
		WithPanel(panel{
			title: "When was its last event?", unit: seconds, width: 8,
			description: "Time since its newest event. A keyframe is due every ten seconds; its other events count too.",
			queries:     []query{{expr: `chord_member_age_seconds{chord_node_id="$member"}`, legend: "age"}},
			limits:      []limit{{stalenessPeriods * keyframe, yellow, "one and a half keyframe periods, the staleness bound: its fields are uncertain"}, {silentPeriods * keyframe, red, "three: it is silent"}},
		}.number()).
		WithPanel(panel{
			title: "What does it hold?", unit: count,
			description: "Keys as owner and as replica.",
			queries:     []query{{expr: `sum by (chord_store_role) (chord_member_keys{chord_node_id="$member"})`, legend: "{{chord_store_role}}"}},
		}.stacked()).
		WithPanel(panel{
			title: "How much memory do its keys take?", unit: bytes,
			description: "Bytes of owned and replica records.",
			queries:     []query{{expr: `chord_member_size_bytes{chord_node_id="$member"}`, legend: "bytes"}},
		}.graph()).
		WithPanel(panel{
			title: "What does it serve?", unit: operations,
			description: "Operations served as owner.",
			queries:     []query{{expr: `sum by (chord_operation) (rate(chord_member_operations_total{chord_node_id="$member"}[$__rate_interval]))`, legend: "{{chord_operation}}"}},
		}.stacked()).
		WithPanel(panel{
			title: "How does it compare with the others?", unit: count,
			description: "Its keys against the mean and the fullest member.",
			queries: []query{
				{expr: `chord_member_keys{chord_node_id="$member",chord_store_role="owned"}`, legend: "this member"},
				{expr: `avg(chord_member_keys{chord_store_role="owned"})`, legend: "mean"},
				{expr: `max(chord_member_keys{chord_store_role="owned"})`, legend: "fullest"},
			},
		}.graph())
}
