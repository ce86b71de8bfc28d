package web

import (
	"fmt"
	"slices"

	"chordconductor/conductor/lab/deploy/faults"
	"chordconductor/conductor/lab/load"
	"chordconductor/conductor/lab/result"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/conductor/lookups"
	"chordconductor/conductor/ring"
	"chordconductor/node/wire"
	"chordconductor/otel/chordevent"
)

// enumerations returns the texts of the API that have a fixed set of values: by schema and property, the values, each
// set from its source. For a list these are the values of its items, for a map those of its keys. A test checks that
// every other text may have any value.
func enumerations() map[string][]string {
	modes := []string{chordevent.ModeRecursive, chordevent.ModeIterative}
	pointers := append([]string{""}, wire.Pointers()...) // "" is not stated
	statuses := textsOf[ring.Status]()
	members := textsOf[ring.MemberStatus]()
	certainties := textsOf[ring.CertaintyState]()
	conditions := chordevent.RingViolations.Values(chordevent.ConditionKey)
	operations := []string{load.Get.String(), load.Put.String(), load.Lookup.String()}
	metrics := list(scenario.Metrics())
	var units []string
	for _, m := range scenario.Metrics() {
		if !slices.Contains(units, m.Unit()) {
			units = append(units, m.Unit())
		}
	}
	distributions := list([]scenario.Distribution{scenario.KeysUniform, scenario.KeysZipf, scenario.KeysHotspot, scenario.KeysSequential})
	return map[string][]string{
		"Ring.status": statuses, "Ring.counts": append(members[1:len(members):len(members)], "uncertain"),
		"Certainty.state": certainties, "Uncertain.why": textsOf[ring.Why](), "Fault.kind": textsOf[ring.FaultKind](),
		"Node.status": members, "NodeDetail.status": members, "Violation.condition": conditions,
		"Event.kind":             kinds(),
		"Lookup.mode":            modes,
		"Lookup.outcome":         {"success", "timeouts", "failed"},
		"Lookup.operation":       lookups.Operations(),
		"Hop.pointer":            pointers,
		"Stats.events_rejected":  list(chordevent.Reasons()),
		"IngestRejection.reason": list(chordevent.Reasons()),
		"MemoryUsage.part":       chordevent.ConductorMemory.Values(chordevent.MemoryPartKey),
		"AuditEntry.who":         {nothing.String(), viewing.String(), commands.String()}, "Health.status": {"ok"}, "Ready.status": {"ready"},
		"Found.mode": modes, "LookupRequest.mode": append(modes[:len(modes):len(modes)], ""),
		"CommandedFault.kind":   faults.Kinds(),
		"Workload.distribution": distributions, "WorkloadRequest.distribution": distributions,

		"ScenarioRing.transport": list([]scenario.Transport{scenario.GRPC, scenario.Memory}), "ScenarioRing.lookup": modes,
		"ReportPlanNetwork.spread":      list([]scenario.Spread{scenario.Uniform, scenario.Exponential}),
		"ScenarioWorkload.distribution": distributions, "ScenarioWorkload.data": list([]scenario.Data{scenario.Quotes, scenario.Synthetic}),
		"ReportPlanBound.metric": metrics, "ReportPlanBound.unit": units, "ReportPlan.allow_unmeasured": metrics,
		"ReportReport.verdict": {"passed", "failed", "unfinished"}, "ReportReport.moves": chordevent.KeysMovedCount.Values(chordevent.MoveReasonKey),
		"ReportCheck.metric": metrics, "ReportCheck.unit": units, "ReportEnvironment.speed": {"real", "virtual"},
		"ReportPoint.status": statuses, "ReportPoint.certainty": certainties, "ReportViolation.condition": conditions,
		"ReportHolder.fate": list(result.Fates()), "ReportKeyMove.reason": chordevent.KeysMovedCount.Values(chordevent.MoveReasonKey),
		"ReportSlow.operation": operations,
	}
}

// kinds returns the names of events.
func kinds() (names []string) {
	for _, e := range chordevent.Vocabulary() {
		if e.Signal == chordevent.SignalEvents {
			names = append(names, e.Name)
		}
	}
	return names
}

// textsOf returns the texts of all values of a type whose values are numbers.
func textsOf[T interface {
	~uint8
	fmt.Stringer
}]() (words []string) {
	for i := range 64 {
		if w := T(i).String(); w != "" && !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	return words
}

func list[T ~string](words []T) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return out
}
