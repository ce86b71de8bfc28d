// Package report makes a simulation's Result readable: one self-contained HTML page that needs no network and prints
// well, the same as JSON, and a summary for the terminal.
//
// `conductor run` writes all three, the API serves the first two. A Report is a pure function of a Result: the package
// measures nothing. All that depends on the machine or the hour is in the one object "environment", so two runs of one
// seed in virtual time give the same JSON except for it.
package report
