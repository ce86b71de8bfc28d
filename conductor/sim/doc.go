// Package sim is the laboratory: it starts rings, loads them, hurts them, and measures what came of it.
//
// A Lab owns one Fleet (hosts in this process, or remote ones found through their telemetry) and at most one running
// simulation. The web page's and the API's commands go through it (it is web.Control), `conductor` has it run the demo,
// `conductor run` a scenario without a page. Package scenario says what to do, package load drives and judges the
// operations, package report presents the Result.
//
// The lab commands hosts, and it reads the ring view like everybody else; it never writes to the view. What a command
// answered goes to whoever gave it: what the ring looks like afterwards is known when its members say so. Figures that
// need to know the ring (ring error, repairs, wrong lookups) are measured on the view and on the events, as a user of
// the conductor could; the load's own figures are measured at the client.
package sim
