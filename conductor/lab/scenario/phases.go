package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"chordconductor/internal/duration"
)

func (d *decoder) phases(n *yaml.Node, s *Scenario) {
	if n.Kind != yaml.SequenceNode {
		d.fail(n, "phases", "expected a list, such as - {at: 10s, crash: 2}")
		return
	}
	if len(n.Content) > MaxPhases {
		d.fail(n, "phases", "%d phases: expected at most %d", len(n.Content), MaxPhases)
		return
	}
	for i, item := range n.Content {
		d.phase(resolve(item), fmt.Sprintf("phases[%d]", i), s)
	}
	slices.SortStableFunc(d.phasesAt, func(a, b placedPhase) int { return cmp.Compare(a.At, b.At) })
	for _, p := range d.phasesAt {
		s.Phases = append(s.Phases, p.Phase)
	}
}

// phase decodes one phase. Its action is a field beside at, for and name; exactly one action must be given.
func (d *decoder) phase(n *yaml.Node, path string, s *Scenario) {
	var (
		p        Phase
		adjacent bool
		action   Action
		verbs    []string
	)
	before := len(d.problems)
	verb := func(f string, a Action) { action, verbs = a, append(verbs, f[strings.LastIndexByte(f, '.')+1:]) }
	count := func(n *yaml.Node, f string) int {
		v := 1
		d.integer(&v, 1, MaxMembers)(n, f)
		return v
	}
	seen := d.mapping(n, path, fields{
		"name":          d.text(&p.Name, 80),
		"at":            d.duration(&p.At, 0, MaxDuration),
		"for":           d.duration(&p.For, time.Millisecond, MaxDuration),
		"adjacent":      d.flag(&adjacent),
		"allow_partial": d.flag(&p.AllowPartial),
		"join":          func(n *yaml.Node, f string) { verb(f, Join{count(n, f)}) },
		"leave":         func(n *yaml.Node, f string) { verb(f, Leave{count(n, f)}) },
		"crash":         func(n *yaml.Node, f string) { verb(f, Crash{Count: count(n, f)}) },
		"pause":         func(n *yaml.Node, f string) { verb(f, Pause{count(n, f)}) },
		"churn":         func(n *yaml.Node, f string) { verb(f, d.churn(n, f)) },
		"heal": func(n *yaml.Node, f string) {
			yes := true
			if d.flag(&yes)(n, f); !yes {
				d.fail(n, f, "expected true: leave the phase out instead")
			}
			verb(f, Heal{})
		},
		"partition":        func(n *yaml.Node, f string) { verb(f, Partition{d.share(n, f, "fraction")["fraction"]}) },
		"telemetry_outage": func(n *yaml.Node, f string) { verb(f, TelemetryOutage{d.share(n, f, "fraction")["fraction"]}) },
		"one_way_cut": func(n *yaml.Node, f string) {
			v := d.share(n, f, "from", "to")
			verb(f, OneWayCut{v["from"], v["to"]})
		},
		"slow_link": func(n *yaml.Node, f string) { verb(f, d.slowLink(n, f)) },
		"workload": func(n *yaml.Node, f string) {
			w := s.Workload // values that a change does not name stay those of the scenario's own workload
			d.workload(n, f, &w)
			if w.Keys != s.Workload.Keys {
				d.fail(n, f+".keys", "the scenario sets the number of keys, %d; a phase cannot change it", s.Workload.Keys)
			}
			verb(f, SetLoad{w})
		},
	})
	if len(verbs) == 0 && len(d.problems) > before {
		return // the action's name is misspelt, which has been reported
	}
	d.checkPhase(n, path, seen, verbs, s, p)
	if c, ok := action.(Crash); ok {
		c.Adjacent = adjacent
		action = c
	} else if adjacent {
		d.fail(n, path+".adjacent", "applies to crash only")
	}
	if action == nil {
		return
	}
	p.Action = action
	if p.Name == "" {
		p.Name = action.String()
	}
	d.phasesAt = append(d.phasesAt, placedPhase{p, n, path})
}

// A placedPhase is a phase with its place in the file.
type placedPhase struct {
	Phase
	node *yaml.Node
	path string // phases[INDEX], in the file's order
}

func (d *decoder) checkPhase(n *yaml.Node, path string, seen, verbs []string, s *Scenario, p Phase) {
	if n.Kind != yaml.MappingNode {
		return // reported already
	}
	const all = "churn, crash, heal, join, leave, one_way_cut, partition, pause, slow_link, telemetry_outage, workload"
	switch {
	case len(verbs) == 0:
		d.fail(n, path, "no action: expected one of %s", all)
	case len(verbs) > 1:
		d.fail(n, path, "does %s at once; give each a phase of its own", strings.Join(verbs, " and "))
	}
	if !slices.Contains(seen, "at") {
		d.fail(n, path+".at", "missing: the time from the start at which the phase begins")
	}
	if s.Duration > 0 && p.End() > s.Duration {
		d.fail(n, path, "ends at %s, after the scenario's duration of %s", duration.Text(p.End()), duration.Text(s.Duration))
	}
	if s.Duration > 0 && p.At == s.Duration {
		d.fail(n, path+".at", "the scenario ends at %s: a phase that begins then has no effect", duration.Text(s.Duration))
	}
	if slices.Contains(verbs, "heal") && p.For > 0 {
		d.fail(n, path+".for", "heal happens at once")
	}
}

func (d *decoder) churn(n *yaml.Node, path string) Churn {
	var c Churn
	d.mapping(n, path, fields{
		"join":  d.rate(&c.Join, MaxChurn),
		"leave": d.rate(&c.Leave, MaxChurn),
		"crash": d.rate(&c.Crash, MaxChurn),
	})
	if n.Kind == yaml.MappingNode && c == (Churn{}) {
		d.fail(n, path, "no rate: give join, leave or crash, such as 0.5/s")
	}
	return c
}

// share decodes a mapping in which every field must be given and is a share above 0.
func (d *decoder) share(n *yaml.Node, path string, names ...string) map[string]float64 {
	values := make(map[string]float64, len(names))
	fs := make(fields, len(names))
	for _, name := range names {
		fs[name] = func(n *yaml.Node, f string) {
			var v float64
			d.number(&v, 0.001, 1, "a share from 0.001 to 1")(n, f)
			values[name] = v
		}
	}
	seen := d.mapping(n, path, fs)
	for _, name := range names {
		if seen != nil && !slices.Contains(seen, name) {
			d.fail(n, path+"."+name, "missing: a share from 0.001 to 1")
		}
	}
	return values
}

func (d *decoder) slowLink(n *yaml.Node, path string) SlowLink {
	var a SlowLink
	seen := d.mapping(n, path, fields{
		"fraction": d.number(&a.Fraction, 0.001, 1, "a share from 0.001 to 1"),
		"latency":  d.duration(&a.Latency, time.Millisecond, 10*time.Second),
	})
	for _, name := range []string{"fraction", "latency"} {
		if seen != nil && !slices.Contains(seen, name) {
			d.fail(n, path+"."+name, "missing")
		}
	}
	return a
}
