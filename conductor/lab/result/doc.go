// Package result is what a simulation measures: its figures, the fates of lost keys, the checks of the scenario's
// expectations, and its present state for the page. It holds values only, so that judge, run, report and the page share
// them.
package result
