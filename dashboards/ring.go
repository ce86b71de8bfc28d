package main

func ringDashboard() *classic {
	return board("chord-ring", "Chord: Ring", "Is the ring ideal, which members are in it, and how are the keys spread?").
		WithPanel(panel{
			title: "Is the ring ideal?", unit: count, width: 6,
			description: "Ring error of the members that are certain: 0 exactly when none of their pointers is wrong. It rises at each join, leave and crash and must come back to 0.",
			queries:     []query{{expr: `chord_ring_error{chord_ring_name="$ring"}`, legend: "ring error"}},
			limits:      []limit{{1, yellow, "a pointer is wrong"}},
		}.number()).
		WithPanel(panel{
			title: "Does the invariant hold?", unit: count, width: 6,
			description: "Conditions of the proven invariant that do not hold now. Anything but 0 needs a look: see docs/operations.md.",
			queries:     []query{{expr: `sum(chord_ring_violations{chord_ring_name="$ring"}) or vector(0)`, legend: "violations"}},
			limits:      []limit{{1, red, "a violation arises from a partition of the network, never from the protocol"}},
		}.number()).
		WithPanel(panel{
			title: "How many members are there?", unit: count, width: 6,
			description: "Members whose own events report them active.",
			queries:     []query{{expr: `sum(chord_ring_members{chord_ring_name="$ring",chord_member_status="active"})`, legend: "active"}},
			first:       red, limits: []limit{
				{1, yellow, "no more than a successor list is long (--successors): a small ring, which survives fewer failures at once"},
				{successors + 1, green, "one more than that"},
			},
		}.number()).
		WithPanel(panel{
			title: "How many members are not certain?", unit: count, width: 6,
			description: "Members whose events are late or missing, or that others reference and that have sent no event. Status and ring error leave them out.",
			queries:     []query{{expr: `chord_ring_uncertain{chord_ring_name="$ring"}`, legend: "uncertain"}},
			limits:      []limit{{1, yellow, "0 while nothing is lost on the way"}},
		}.number()).
		WithPanel(panel{
			title: "Which members are in the ring?", unit: count,
			description: "Members by status. Failed ones were reported dead by a neighbour, silent ones have sent nothing for three keyframe periods.",
			queries:     []query{{expr: `sum by (chord_member_status) (chord_ring_members{chord_ring_name="$ring"})`, legend: "{{chord_member_status}}"}},
		}.stacked()).
		WithPanel(panel{
			title: "The ring error falls back to 0 after every change", unit: count,
			description: "Ring error: how far the pointers are from ideal; 0 is ideal.",
			queries:     []query{{expr: `chord_ring_error{chord_ring_name="$ring"}`, legend: "ring error"}},
			limits:      []limit{{1, yellow, "the ring is not ideal"}},
		}.graph()).
		WithPanel(panel{
			title: "Which conditions are violated?", unit: count,
			description: "Violations by condition. The local ones (ordered, no duplicates) are alarms at once; the global ones are judged with a grace of two stabilize intervals.",
			queries:     []query{{expr: `sum by (chord_condition) (chord_ring_violations{chord_ring_name="$ring"})`, legend: "{{chord_condition}}"}},
			limits:      []limit{{1, red, "the condition does not hold"}},
		}.graph()).
		WithPanel(panel{
			title: "How evenly are the keys spread?", unit: count,
			description: "Keys owned by the fullest member, the median one and the emptiest. Without virtual nodes the fullest holds about log N times the mean (Chord, IEEE/ACM ToN 2003, section V.B).",
			queries: []query{
				{expr: `max(chord_member_keys{chord_store_role="owned"})`, legend: "fullest"},
				{expr: `quantile(0.5, chord_member_keys{chord_store_role="owned"})`, legend: "median"},
				{expr: `avg(chord_member_keys{chord_store_role="owned"})`, legend: "mean"},
				{expr: `min(chord_member_keys{chord_store_role="owned"})`, legend: "emptiest"},
			},
		}.graph()).
		WithPanel(panel{
			title: "Why do keys move?", unit: perSecond,
			description: "Keys received from another host, by reason.",
			queries:     []query{{expr: `sum by (chord_move_reason) (rate(chord_keys_moved_total{chord_move_direction="in"}[$__rate_interval]))`, legend: "{{chord_move_reason}}"}},
		}.stacked()).
		WithPanel(panel{
			title: "What does maintenance find?", unit: perSecond,
			description: "Maintenance rounds by operation and outcome. In a settled ring nearly all are quiet.",
			queries:     []query{{expr: `sum by (chord_operation, chord_outcome) (rate(chord_maintenance_rounds_total[$__rate_interval]))`, legend: "{{chord_operation}} {{chord_outcome}}"}},
		}.graph()).
		WithPanel(panel{
			title: "Which operations find peers dead?", unit: perSecond,
			description: "Peers found dead, by the operation that noticed.",
			queries:     []query{{expr: `sum by (chord_operation) (rate(chord_peer_failures_total[$__rate_interval]))`, legend: "{{chord_operation}}"}},
		}.stacked()).
		WithPanel(panel{
			title: "Which peers are refused?", unit: perSecond,
			description: "Calls, answers and connections of peers that were refused, by reason: credentials that are missing or wrong, a statement in another member's name, an implausible number. The hosts print the refused address.",
			queries:     []query{{expr: `sum by (chord_refusal_reason) (rate(chord_peer_refusals_total[$__rate_interval]))`, legend: "{{chord_refusal_reason}}"}},
		}.graph()).
		WithPanel(panel{
			title: "Is what members emit at fault?", unit: count,
			description: "Identities that are used twice, and clocks that are off, one for each host. The page and faults of /api/ring name them.",
			queries:     []query{{expr: `sum by (chord_fault_kind) (chord_ring_faults{chord_ring_name="$ring"})`, legend: "{{chord_fault_kind}}"}},
			limits:      []limit{{1, yellow, "an identity is used twice, or a clock is off"}},
		}.graph()).
		WithPanel(panel{
			title: "How much is stored?", unit: bytes,
			description: "Bytes held by the members of each process, as owner and as replica.",
			queries:     []query{{expr: `sum by (chord_store_role) (chord_store_size_bytes)`, legend: "{{chord_store_role}}"}},
		}.stacked())
}
