package web

import (
	"slices"
	"strings"
	"testing"
)

// oldNames lists names of earlier versions, which are kept beside the present ones until the next major version.
var oldNames = []string{"duration_ms", "at_ms", "latency_us"}

// In all answers of the API and reports, the name of a time contains its unit, and the same name always has the same
// unit: seconds over the course of a run, milliseconds for latencies, ages and offsets.
func TestOneUnitPerName(t *testing.T) {
	s, _ := newServer(t, func(*Config) {})
	schemas := s.describe()["components"].(object)["schemas"].(object)
	units := map[string]map[string][]string{} // by name, by unit: where
	fields := 0
	for where, schema := range schemas {
		properties := schema.(object)["properties"].(object)
		for name := range properties {
			at := strings.LastIndexByte(name, '_')
			if at < 0 {
				continue
			}
			switch unit := name[at+1:]; unit {
			case "ns", "us", "micros", "millis", "nanos", "sec", "secs", "seconds", "milliseconds", "min":
				// Beside an old name in _ns or _us there must be a present one.
				base := name[:at]
				if (unit != "ns" && unit != "us") || properties[base+"_s"] == nil && properties[base+"_ms"] == nil {
					t.Errorf("%s of %s: want seconds (_s) or milliseconds (_ms)", name, where)
				}
			case "s", "ms":
				if slices.Contains(oldNames, name) {
					continue
				}
				fields++
				if units[name[:at]] == nil {
					units[name[:at]] = map[string][]string{}
				}
				units[name[:at]][unit] = append(units[name[:at]][unit], where)
			}
		}
	}
	for name, of := range units {
		if len(of) > 1 {
			t.Errorf("%q has several units: %v", name, of)
		}
	}
	if fields < 40 {
		t.Errorf("only %d names of times were found", fields)
	}
}
