package main

func ringDashboard() *classic {
	return board("chord-ring", "Chord: Ring", "Is the ring ideal, which members are in it, and how evenly are the keys distributed?").
		WithPanel(panel{
			title: "Is the ring ideal?", unit: count, width: 6,
			description: "Ring error of the members whose state is certain: 0 exactly when all their pointers are right. It rises at each join, leave and crash, and must return to 0.",
			queries:     []query{{expr: `chord_ring_error{chord_ring_name="$ring"}`, legend: "ring error"}},
			limits:      []limit{{1, yellow, "a pointer is wrong"}},
		}.number()).
		WithPanel(panel{
			title: "Does the invariant hold?", unit: count, width: 6,
			description: "Number of conditions of the proven invariant that do not hold now. If it is not 0, see docs/operations.md.",
			queries:     []query{{expr: `sum(chord_ring_violations{chord_ring_name="$ring"}) or vector(0)`, legend: "violations"}},
			limits:      []limit{{1, red, "a violation arises from a partition of the network, never from the protocol"}},
		}.number()).
		WithPanel(panel{
			title: "How many members are there?", unit: count, width: 6,
			description: "Members whose own events report that they are active.",
			queries:     []query{{expr: `sum(chord_ring_members{chord_ring_name="$ring",chord_member_status="active"})`, legend: "active"}},
			first:       red, limits: []limit{
				{1, yellow, "at most as many members as a successor list has entries (--successors): a small ring, which survives fewer simultaneous failures"},
				{successors + 1, green, "more members than a successor list has entries"},
			},
		}.number()).
		WithPanel(panel{
			title: "Of how many members is the state uncertain?", unit: count, width: 6,
			description: "Members whose events are late or missing, and members that others reference but that have sent no event. Status and ring error do not include them.",
			queries:     []query{{expr: `chord_ring_uncertain{chord_ring_name="$ring"}`, legend: "uncertain"}},
			limits:      []limit{{1, yellow, "events are late or lost: the number is 0 as long as all arrive in time"}},
		}.number()).
		WithPanel(panel{
			title: "Which members are in the ring?", unit: count,
			description: "Members by status. Failed members were reported dead by a neighbour; silent members have sent nothing for three keyframe periods.",
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
			description: "Violations by condition. Conditions on one member (ordered, no duplicates) count as violated immediately; conditions on the whole ring count once they have not held for two stabilize intervals.",
			queries:     []query{{expr: `sum by (chord_condition) (chord_ring_violations{chord_ring_name="$ring"})`, legend: "{{chord_condition}}"}},
			limits:      []limit{{1, red, "the condition does not hold"}},
		}.graph()).
		WithPanel(panel{
			title: "How evenly are the keys distributed?", unit: count,
			description: "Keys owned per member: the most, the median, the mean and the fewest. Without virtual nodes the fullest member owns about log N times the mean (Chord, IEEE/ACM ToN 2003, section V.B).",
			queries: []query{
				{expr: `max(chord_member_keys{chord_store_role="owned"})`, legend: "fullest"},
				{expr: `quantile(0.5, chord_member_keys{chord_store_role="owned"})`, legend: "median"},
				{expr: `avg(chord_member_keys{chord_store_role="owned"})`, legend: "mean"},
				{expr: `min(chord_member_keys{chord_store_role="owned"})`, legend: "emptiest"},
			},
		}.graph()).
		WithPanel(panel{
			title: "Why do keys move?", unit: perSecond,
			description: "Keys that members receive from other hosts, by the reason of the move.",
			queries:     []query{{expr: `sum by (chord_move_reason) (rate(chord_keys_moved_total{chord_move_direction="in"}[$__rate_interval]))`, legend: "{{chord_move_reason}}"}},
		}.stacked()).
		WithPanel(panel{
			title: "What does maintenance find?", unit: perSecond,
			description: "Maintenance rounds by operation and outcome. In an ideal ring without changes nearly all are quiet: they change nothing.",
			queries:     []query{{expr: `sum by (chord_operation, chord_outcome) (rate(chord_maintenance_rounds_total[$__rate_interval]))`, legend: "{{chord_operation}} {{chord_outcome}}"}},
		}.graph()).
		WithPanel(panel{
			title: "Which operations find peers dead?", unit: perSecond,
			description: "Peers found dead, by the operation that found them dead.",
			queries:     []query{{expr: `sum by (chord_operation) (rate(chord_peer_failures_total[$__rate_interval]))`, legend: "{{chord_operation}}"}},
		}.stacked()).
		WithPanel(panel{
			title: "Which peers are refused?", unit: perSecond,
			description: "Calls, answers and connections of peers that were refused, by reason: credentials that are missing or wrong, a statement in another member's name, an implausible number. The hosts print the refused address.",
			queries:     []query{{expr: `sum by (chord_refusal_reason) (rate(chord_peer_refusals_total[$__rate_interval]))`, legend: "{{chord_refusal_reason}}"}},
		}.graph()).
		WithPanel(panel{
			title: "Do members emit wrong telemetry?", unit: count,
			description: "Identities that two processes use, and clocks that are wrong, one for each host. The page and the field faults of /api/ring name them.",
			queries:     []query{{expr: `sum by (chord_fault_kind) (chord_ring_faults{chord_ring_name="$ring"})`, legend: "{{chord_fault_kind}}"}},
			limits:      []limit{{1, yellow, "an identity is used by two processes, or a clock is wrong"}},
		}.graph()).
		WithPanel(panel{
			title: "How much is stored?", unit: bytes,
			description: "Bytes that the members of each process store, as owner and as replica.",
			queries:     []query{{expr: `sum by (chord_store_role) (chord_store_size_bytes)`, legend: "{{chord_store_role}}"}},
		}.stacked())
}
