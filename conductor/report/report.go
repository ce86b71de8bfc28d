package report

import ("chordconductor/conductor/sim"; "io"; "fmt")

// Report placeholder
type Report struct{ JaegerUI string; r *sim.Result }

func Of(r *sim.Result) *Report { return &Report{r: r} }

func (r *Report) HTML() ([]byte, error) { return nil, nil }
func (r *Report) JSON() ([]byte, error) { return nil, nil }
func (r *Report) Text(w io.Writer) {
	for _, c := range r.r.Checks { fmt.Fprintf(w, "%+v\n", c) }
	for _, c := range r.r.Phases { fmt.Fprintf(w, "%s %v-%v done %d failed %d repaired %v hops %.2f\n", c.Name, c.From, c.To, c.Counts.Done(), c.Counts.Failed, c.Repaired, c.Counts.Hops.Mean()) }
	fmt.Fprintf(w, "%+v %+v %+v %v\n", r.r.Keys, r.r.Lookups, r.r.Moves, r.r.Notes)
	fmt.Fprintf(w, "%+v %v\n", r.r.Telemetry, r.r.Error)
}
