package run

import (
	"context"
	"time"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/deploy/faults"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/node/chord"
)

// perform carries out one phase at its time, and undoes it when it is over.
func (s *Simulation) perform(ctx context.Context, number int, p scenario.Phase) {
	if s.sleepUntil(p.At) != nil {
		return
	}
	result := s.enter(p.Name)
	s.mu.Lock()
	s.begun[number] = true
	s.mu.Unlock()
	s.plan(result, p)
	var err error
	repairs := scenario.NeedsRepair(p.Action)
	switch a := p.Action.(type) {
	case scenario.Join:
		err = s.spread(a.Count, p.For, func(n int) error { return s.start(ctx, result, n) })
	case scenario.Leave:
		err = s.spread(a.Count, p.For, func(n int) error { return s.stop(ctx, result, s.victims(n, false), false) })
	case scenario.Crash:
		err = s.spread(a.Count, p.For, func(n int) error { return s.stop(ctx, result, s.victims(n, a.Adjacent), true) })
	case scenario.Churn:
		s.churn(ctx, a, p, result)
	case scenario.Partition:
		err = s.inflict(ctx, p, result, &faults.Fault{From: s.someHosts(a.Fraction), Both: true, Partition: true})
	case scenario.OneWayCut:
		from := s.someHosts(a.From)
		err = s.inflict(ctx, p, result, &faults.Fault{From: from, To: s.otherHosts(a.To, from), Partition: true})
	case scenario.SlowLink:
		from := s.someHosts(a.Fraction)
		err = s.inflict(ctx, p, result, &faults.Fault{From: from, To: s.allHosts(), Latency: a.Latency})
	case scenario.Pause:
		err = s.inflict(ctx, p, result, &faults.Fault{From: s.fewHosts(a.Count), Paused: true})
	case scenario.Heal:
		repairs, err = s.heal(ctx, result)
	case scenario.TelemetryOutage:
		err = s.inflict(ctx, p, result, &faults.Fault{From: s.someHosts(a.Fraction), Held: true})
	case scenario.SetLoad:
		s.driver.SetWorkload(a.Workload)
		if p.For > 0 && s.sleepUntil(p.End()) == nil {
			s.driver.SetWorkload(s.Scenario.Workload)
		}
	}
	if err != nil {
		s.note("%s: %v", p.Name, err)
	}
	if repairs {
		s.awaitRepair(result)
	}
}

// spread calls do count times: all at once, or spread over a time.
func (s *Simulation) spread(count int, over time.Duration, do func(n int) error) error {
	if over == 0 {
		return do(count)
	}
	begin := s.elapsed()
	var first error
	for i := range count {
		if s.sleepUntil(begin+over*time.Duration(i)/time.Duration(count)) != nil {
			return first
		}
		if err := do(1); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// plan records how much a phase requests.
func (s *Simulation) plan(result int, p scenario.Phase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.results[result]
	r.Partial = p.AllowPartial
	switch a := p.Action.(type) {
	case scenario.Join:
		r.Planned = a.Count
	case scenario.Leave:
		r.Planned = a.Count
	case scenario.Crash:
		r.Planned = a.Count
	case scenario.Pause:
		r.Planned = a.Count
	} // hosts by their share: see inflict
}

// did adds n to what a phase has done.
func (s *Simulation) did(result, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results[result].Done += n
}

// start starts members. If one fails to start, those started before it count as done.
func (s *Simulation) start(ctx context.Context, result, n int) error {
	started, err := s.fleet.Start(ctx, n, "")
	s.did(result, len(started))
	s.mu.Lock()
	for _, id := range started {
		s.joiners[id] = result
	}
	s.mu.Unlock()
	return err
}

// heal ends all faults. It plans for all hosts that are under a fault, and reports whether there were any.
func (s *Simulation) heal(ctx context.Context, result int) (some bool, err error) {
	before := s.faults.Faulty()
	_, err = s.faults.Heal(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results[result].Planned = before
	s.results[result].Done = max(0, before-s.faults.Faulty())
	return before > 0, err
}

func (s *Simulation) stop(ctx context.Context, result int, ids []chord.ID, crash bool) error {
	first, way := error(nil), deploy.Leave
	if crash {
		way = deploy.Crash
	}
	for _, id := range ids {
		err := s.fleet.Stop(ctx, id, way)
		if err != nil {
			if first == nil {
				first = err
			}
			s.mu.Lock()
			delete(s.stopping, id) // the member stays, and another phase may choose it
			s.mu.Unlock()
			continue
		}
		s.did(result, 1)
		s.mu.Lock()
		s.stoppedBy[id] = result
		if !crash {
			s.leavers[id] = result
		}
		s.mu.Unlock()
	}
	return first
}

// churn runs three Poisson processes until the phase, or the scenario, ends.
func (s *Simulation) churn(ctx context.Context, c scenario.Churn, p scenario.Phase, result int) {
	end := p.End()
	if p.For == 0 {
		end = s.Scenario.Duration
	}
	process := func(rate float64, do func() error) {
		if rate <= 0 {
			return
		}
		_ = s.runtime.Go(ctx, func(context.Context) { // fails only when the runtime ends
			for s.runtime.Sleep(s.exponential(rate)) == nil && (end == 0 || s.elapsed() < end) {
				s.mu.Lock()
				s.results[result].Planned++
				s.mu.Unlock()
				if err := do(); err != nil {
					s.note("%s: %v", p.Name, err)
				}
			}
		})
	}
	process(c.Join, func() error { return s.start(ctx, result, 1) })
	process(c.Leave, func() error { return s.stop(ctx, result, s.victims(1, false), false) })
	process(c.Crash, func() error { return s.stop(ctx, result, s.victims(1, false), true) })
	if end > 0 {
		_ = s.sleepUntil(end) // fails only if the runtime ends, which ends the churn too
	}
}

// inflict puts a fault into force for the phase's time, or until a heal. A host where the fault does not begin at once,
// or does not end in time, counts as not done.
func (s *Simulation) inflict(ctx context.Context, p scenario.Phase, result int, d *faults.Fault) error {
	if d.Partition {
		d.Partitioned = s.countMembers(d.From)
	}
	end, err := s.faults.Add(ctx, d)
	hit := s.faults.Hit(d)
	s.mu.Lock()
	r := &s.results[result]
	r.Planned = max(r.Planned, len(d.From), 1) // the number of hosts that the share amounts to, at least one
	r.Done = hit
	s.mu.Unlock()
	if p.For == 0 {
		return err
	}
	if s.sleepUntil(p.End()) != nil {
		return err
	}
	if endErr := end(ctx); endErr != nil {
		s.did(result, -min(hit, s.faults.Stuck(d)))
		if err == nil {
			err = endErr
		}
	}
	return err
}
