// Package result holds what a simulation measures: numbers, what happened to lost keys, the checks of the scenario's
// expectations, and the simulation's present state for the page. It contains values only, so that judge, run, report
// and the page share them.
package result
