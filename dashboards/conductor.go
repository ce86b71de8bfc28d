package main

func conductorDashboard() *classic {
	return board("chord-conductor", "Chord: Conductor", "Does the conductor receive all events, how late, and does it forward all telemetry?").
		WithPanel(panel{
			title: "How stale is the view?", unit: seconds, width: 6,
			description: "99th percentile of the time from an event's timestamp until it was applied.",
			queries:     []query{{expr: `histogram_quantile(0.99, sum by (le) (rate(chord_ring_staleness_seconds_bucket{chord_stage="applied"}[$__rate_interval])))`, legend: "p99"}},
			limits:      stalenessLimits,
		}.number()).
		WithPanel(panel{
			title: "Was telemetry lost at the nodes?", unit: count, width: 6,
			description: "Event records that nodes know they lost in the last hour. After the next keyframe of each member the view is complete again.",
			queries:     []query{{expr: `sum(increase(chord_telemetry_lost_total[1h])) or vector(0)`, legend: "lost"}},
			limits:      []limit{{1, yellow, "the history has a gap"}},
		}.number()).
		WithPanel(panel{
			title: "Did the conductor drop anything?", unit: count, width: 6,
			description: "Records that the conductor dropped in the last hour: from its lookups, its history and its forwarding queues.",
			queries: []query{
				{expr: `sum(increase(chord_conductor_dropped_total[1h])) or vector(0)`, legend: "lookups"},
				{expr: `sum(increase(chord_history_entries_total{chord_outcome=~"dropped|failed"}[1h])) or vector(0)`, legend: "history"},
				{expr: `sum(increase(chord_conductor_forwarded_total{chord_outcome="dropped"}[1h])) or vector(0)`, legend: "forwarding"},
			},
			limits: []limit{{1, red, "what was dropped is lost"}},
		}.number()).
		WithPanel(panel{
			title: "How many clients are connected?", unit: count, width: 6,
			description: "Clients that receive the live view, such as open pages.",
			queries:     []query{{expr: `sum(chord_conductor_clients)`, legend: "clients"}},
			limits:      queueLimits(viewers, "the greatest number of clients accepted"),
		}.number()).
		WithPanel(panel{
			title: "What happens to the events?", unit: perSecond,
			description: "Events by outcome: applied, outdated (older than the state), unknown, or malformed with the reason.",
			queries:     []query{{expr: `sum by (chord_event_outcome) (rate(chord_conductor_events_total[$__rate_interval]))`, legend: "{{chord_event_outcome}}"}},
		}.stacked()).
		WithPanel(panel{
			title: "How late do events arrive, and how late do clients receive them?", unit: seconds,
			description: "99th percentiles of the time from an event's timestamp until it is applied to the view, and from then until it is pushed to clients.",
			queries:     []query{{expr: `histogram_quantile(0.99, sum by (le, chord_stage) (rate(chord_ring_staleness_seconds_bucket[$__rate_interval])))`, legend: "{{chord_stage}}"}},
			limits:      stalenessLimits,
		}.graph()).
		WithPanel(panel{
			title: "How much telemetry arrives?", unit: perSecond,
			description: "Log records, spans and data points received.",
			queries:     []query{{expr: `sum by (chord_signal, chord_outcome) (rate(chord_conductor_received_total[$__rate_interval]))`, legend: "{{chord_signal}} {{chord_outcome}}"}},
		}.graph()).
		WithPanel(panel{
			title: "Is all telemetry forwarded?", unit: perSecond,
			description: "Records forwarded to Jaeger, Prometheus and the store of logs, by outcome.",
			queries:     []query{{expr: `sum by (chord_forward_target, chord_outcome) (rate(chord_conductor_forwarded_total[$__rate_interval]))`, legend: "{{chord_forward_target}} {{chord_outcome}}"}},
		}.graph()).
		WithPanel(panel{
			title: "Is the history complete?", unit: perSecond, width: 8,
			description: "Entries of the history by outcome: recorded; dropped, because the history was too slow; failed, because a write failed. Entries that are not recorded cannot be viewed later, neither on the page's time line nor with the API.",
			queries:     []query{{expr: `sum by (chord_outcome) (rate(chord_history_entries_total[$__rate_interval]))`, legend: "{{chord_outcome}}"}},
		}.stacked()).
		WithPanel(panel{
			title: "How far back does the history reach?", unit: seconds, width: 8,
			description: "Time from the oldest instant in the history until now. It grows until the bound on size or age is reached; then the oldest part is deleted first.",
			queries:     []query{{expr: `max(chord_history_reach_seconds)`, legend: "reach"}},
		}.graph()).
		WithPanel(panel{
			title: "How much space does the history take?", unit: bytes, width: 8,
			description: "Size of the history, in memory or, with --data-dir, on disk. The bound is 256 MiB in memory and 4 GiB on disk.",
			queries:     []query{{expr: `sum(chord_history_size_bytes)`, legend: "history"}},
		}.graph()).
		WithPanel(panel{
			title: "Do queues fill up?", unit: share, width: 8,
			description: "Fill of the conductor's queues, as a share of their bounds: events for the view, spans for the page's lookups, entries for the history, and records to forward. When the queue of events is full, nodes must send events again; the other queues drop further records when they are full.",
			queries:     []query{{expr: `max by (chord_queue) (chord_conductor_queue_utilization_ratio)`, legend: "{{chord_queue}}"}},
			limits:      []limit{{halfFull, yellow, "half full"}, {almostFull, red, "almost full"}},
		}.graph()).
		WithPanel(panel{
			title: "How much waits to be forwarded?", unit: bytes, width: 8,
			description: "Records that Jaeger, Prometheus and the store of logs have not accepted yet, in memory or, with --data-dir, on disk.",
			queries:     []query{{expr: `sum by (chord_forward_target) (chord_conductor_forward_queue_bytes)`, legend: "{{chord_forward_target}}"}},
			limits:      queueLimits(forwardQueue, "each queue's bound, 32 MiB"),
		}.graph()).
		WithPanel(panel{
			title: "Do events pile up at the nodes?", unit: count, width: 8,
			description: "Event records that wait for export, in the process where most of them wait. When the queue is full, the oldest records are overwritten.",
			queries:     []query{{expr: `max(chord_telemetry_queue)`, legend: "fullest process"}},
			limits:      queueLimits(nodeQueue, "the bound, 65,536"),
		}.graph()).
		WithPanel(panel{
			title: "Is the conductor's memory almost used up?", unit: share, width: 12,
			description: "How much each part of the conductor uses of its share of the memory (--memory).",
			queries:     []query{{expr: `max by (chord_memory_part) (chord_conductor_memory_bytes / chord_conductor_memory_limit_bytes)`, legend: "{{chord_memory_part}}"}},
			limits:      []limit{{almostFull, red, "almost full"}},
		}.graph()).
		WithPanel(panel{
			title: "What is dropped or refused for lack of memory?", unit: perSecond, width: 12,
			description: "Requests that must be sent again, events refused, entries not recorded, readers disconnected, and oldest lookups dropped. The section Memory of docs/operations.md lists what each part does.",
			queries:     []query{{expr: `sum by (chord_memory_part) (rate(chord_conductor_memory_short_total[$__rate_interval]))`, legend: "{{chord_memory_part}}"}},
		}.stacked())
}
