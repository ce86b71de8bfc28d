package run

import (
	"os"
	"testing"

	"chordconductor/conductor/lab/scenario"
)

// slow lists the scenarios of hundreds of members and more, which take minutes.
var slow = map[string]bool{"flash-crowd": true, "table-iii-churn": true}

// Every scenario that comes with the program passes its own expectations, in virtual time. If CHORD_SLOW is set in the
// environment, only the slow ones are run, otherwise only the others.
func TestShippedScenariosPass(t *testing.T) {
	for _, shipped := range scenario.Shipped() {
		if slow[shipped.Name] != (os.Getenv("CHORD_SLOW") != "") || raceDetector && shipped.Name != "key-handover" {
			continue
		}
		t.Run(shipped.Name, func(t *testing.T) {
			s, err := scenario.Load(shipped.Name)
			if err != nil {
				t.Fatal(err)
			}
			if s.Duration == 0 {
				return // runs until it is stopped: there is nothing to pass
			}
			result, err := Virtual(t.Context(), s, Tap{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range result.Checks {
				if !c.OK {
					t.Errorf("%s: %s, at most %s (measured: %v)", c.Metric, c.Metric.Format(c.Value), c.Metric.Format(c.Bound), c.Measured)
				}
			}
			if !result.Finished || len(result.Checks) != len(s.Expect) {
				t.Errorf("finished %v, %d of %d expectations judged", result.Finished, len(result.Checks), len(s.Expect))
			}
			if total := result.Total(); s.Workload.Rate > 0 && total.Done() == 0 || total.Corrupt > 0 {
				t.Errorf("%d operations answered, %d corrupt", total.Done(), total.Corrupt)
			}
			if result.Timeline[len(result.Timeline)-1].Violations == 0 {
				for _, v := range result.Violations {
					if v.Healed.IsZero() {
						t.Errorf("healed in the last view, and not in the result: %+v", v)
					}
				}
			}
			if t.Failed() {
				t.Logf("seed %d; `conductor run %s --speed virtual` shows the same; notes: %q", s.Seed, shipped.Name, result.Notes)
			}
		})
	}
}
