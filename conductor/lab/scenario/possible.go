package scenario

import (
	"slices"

	"go.yaml.in/yaml/v3"

	"chordconductor/internal/duration"
)

// unmeasured decodes the list of metrics that also pass if there was nothing to measure.
func (d *decoder) unmeasured(n *yaml.Node, path string, s *Scenario) {
	if n.Kind != yaml.SequenceNode {
		d.fail(n, path, "expected a list of expectations, such as [lost_keys]")
		return
	}
	for _, item := range n.Content {
		var m Metric
		oneOf(d, &m, metrics...)(resolve(item), path)
		if m != "" {
			s.AllowUnmeasured = append(s.AllowUnmeasured, m)
		}
	}
}

// possible rejects a scenario that no run could pass. So the mistake is reported before anything is started; a run
// would only end as failed.
func (d *decoder) possible(expect *yaml.Node, s *Scenario) {
	if expect != nil {
		d.measurable(expect, s)
	}
	if s.OwnRing {
		d.feasible(s)
	}
}

// NeedsRepair reports whether an action may give the ring something to repair.
func NeedsRepair(a Action) bool {
	switch a.(type) {
	case SetLoad, TelemetryOutage:
		return false
	}
	return true
}

// measurable rejects expectations that no run of the scenario could measure.
func (d *decoder) measurable(expect *yaml.Node, s *Scenario) {
	loads, needed := []Workload{s.Workload}, false
	for _, p := range s.Phases {
		if a, ok := p.Action.(SetLoad); ok {
			loads = append(loads, a.Workload)
		}
		needed = needed || NeedsRepair(p.Action)
	}
	any := func(has func(Workload) bool) bool { return slices.ContainsFunc(loads, has) }
	runs := any(func(w Workload) bool { return w.Rate > 0 })
	writes := any(func(w Workload) bool { return w.Rate > 0 && w.Reads < 1 && w.Lookups < 1 })
	reads := any(func(w Workload) bool { return w.Rate > 0 && w.Reads > 0 && w.Lookups < 1 })
	for _, e := range s.Expect {
		if slices.Contains(s.AllowUnmeasured, e.Metric) {
			continue
		}
		field := "expect." + string(e.Metric)
		switch {
		case e.Metric == RepairedWithin && !needed:
			d.fail(expect, field, "cannot be measured: no phase does anything to the ring that it has to repair; add one, or list it in expect.allow_unmeasured")
		case slices.Contains(loadMetrics, e.Metric) && !runs:
			d.fail(expect, field, "cannot be measured: no operation is ever sent; set workload.rate, or list it in expect.allow_unmeasured")
		case (e.Metric == LostKeys || e.Metric == RefusedWritesShown) && !writes:
			d.fail(expect, field, "cannot be measured: nothing is ever written; lower workload.reads or workload.lookups, or list it in expect.allow_unmeasured")
		case (e.Metric == StaleReads || e.Metric == RefusedWritesShown) && !reads:
			d.fail(expect, field, "cannot be measured: nothing is ever read; raise workload.reads or lower workload.lookups, or list it in expect.allow_unmeasured")
		}
	}
}

// feasible rejects phases that request more members or hosts than there can be at their time. One member always
// remains, and one host is never hit by a fault.
func (d *decoder) feasible(s *Scenario) {
	members, hosts := s.Ring.Members, s.Ring.Hosts() // at most
	unbounded := false
	for _, p := range d.phasesAt {
		refuse := func(most int, of string) {
			if unbounded || p.AllowPartial {
				return
			}
			d.fail(p.node, p.path+"."+p.Action.Verb(), "at %s the phase can affect at most %d %s; lower the count, or add allow_partial: true", duration.Text(p.At), max(most, 0), of)
		}
		stop := func(count int) {
			if count > members-1 {
				refuse(members-1, "members")
			}
			members = max(1, members-count)
		}
		switch a := p.Action.(type) {
		case Join:
			members += a.Count
			hosts += a.Count
		case Leave:
			stop(a.Count)
		case Crash:
			if a.Adjacent && a.Count > hosts {
				refuse(hosts, "hosts")
			}
			stop(a.Count)
		case Churn:
			unbounded = unbounded || a.Join > 0
		case Pause:
			if a.Count > hosts-1 {
				refuse(hosts-1, "hosts")
			}
		case Partition, OneWayCut, TelemetryOutage, SlowLink:
			if hosts < 2 {
				refuse(hosts-1, "hosts")
			}
		}
	}
}
