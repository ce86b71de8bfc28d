package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func memberDashboard() *classic {
	return board("chord-member", "Chord: Member", "One member: what it stores, what it serves, and how far its pointers are from ideal. The conductor emits metrics of single members only in rings of up to 256 members.").
		WithVariable(dashboard.NewQueryVariableBuilder("member").Label("Member").Description("By chord.node.id").
			Query(dashboard.StringOrMap{String: ptr("label_values(chord_member_error, chord_node_id)")}).
			Datasource(source()).Refresh(dashboard.VariableRefreshOnTimeRangeChanged).Multi(false).IncludeAll(false)).
		WithPanel(panel{
			title: "Are its pointers right?", unit: count, width: 8,
			description: "The member's part of the ring error.",
			queries:     []query{{expr: `chord_member_error{chord_node_id="$member"}`, legend: "error"}},
			limits:      []limit{{1, yellow, "a pointer is wrong"}},
		}.number()).
		WithPanel(panel{
			title: "How many keys does it own?", unit: count, width: 8,
			description: "Keys in the range that the member owns.",
			queries:     []query{{expr: `chord_member_keys{chord_node_id="$member",chord_store_role="owned"}`, legend: "owned"}},
		}.number()).
		WithPanel(panel{
			title: "When was its last event?", unit: seconds, width: 8,
			description: "Time since the member's newest event of any kind. A member emits a keyframe every ten seconds.",
			queries:     []query{{expr: `chord_member_age_seconds{chord_node_id="$member"}`, legend: "age"}},
			limits:      []limit{{stalenessPeriods * keyframe, yellow, "one and a half keyframe periods: the member's state is uncertain"}, {silentPeriods * keyframe, red, "three keyframe periods: the member is silent"}},
		}.number()).
		WithPanel(panel{
			title: "How many keys does it store?", unit: count,
			description: "Keys that the member stores, as owner and as replica.",
			queries:     []query{{expr: `sum by (chord_store_role) (chord_member_keys{chord_node_id="$member"})`, legend: "{{chord_store_role}}"}},
		}.stacked()).
		WithPanel(panel{
			title: "How much memory do its keys take?", unit: bytes,
			description: "Bytes of the records that the member stores, as owner and as replica.",
			queries:     []query{{expr: `chord_member_size_bytes{chord_node_id="$member"}`, legend: "bytes"}},
		}.graph()).
		WithPanel(panel{
			title: "Which operations does it serve?", unit: operations,
			description: "Operations that the member serves as the owner of their keys.",
			queries:     []query{{expr: `sum by (chord_operation) (rate(chord_member_operations_total{chord_node_id="$member"}[$__rate_interval]))`, legend: "{{chord_operation}}"}},
		}.stacked()).
		WithPanel(panel{
			title: "How many keys does it own compared with the others?", unit: count,
			description: "Keys that the member owns, compared with the mean and with the fullest member.",
			queries: []query{
				{expr: `chord_member_keys{chord_node_id="$member",chord_store_role="owned"}`, legend: "this member"},
				{expr: `avg(chord_member_keys{chord_store_role="owned"})`, legend: "mean"},
				{expr: `max(chord_member_keys{chord_store_role="owned"})`, legend: "fullest"},
			},
		}.graph())
}
