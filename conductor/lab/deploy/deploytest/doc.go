// Package deploytest provides a fleet that exists only in memory, for tests of code that commands fleets.
package deploytest
