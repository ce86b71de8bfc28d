// Package deploytest has a fleet on paper, for tests of what commands fleets.
package deploytest
