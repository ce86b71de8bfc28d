// Package report makes a simulation's Result readable: as one self-contained HTML page that needs no network and prints
// well, as JSON with the same content, and as a summary for the terminal.
//
// `conductor run` writes all three, the API serves the first two. A Report is a pure function of a Result: the package
// measures nothing. All values that depend on the machine or the time of day are in one object, "environment", so two
// runs of one seed in virtual time give the same JSON except for that object.
package report
