package report

import "chordconductor/conductor/sim"

// Report placeholder
type Report struct{}

func Of(r *sim.Result) *Report { return &Report{} }

func (r *Report) HTML() ([]byte, error) { return nil, nil }
