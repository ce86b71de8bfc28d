// Package controller runs scenarios: it starts rings, loads them, imposes faults, and measures the outcome.
//
// A Controller owns one Fleet (hosts in this process, or remote ones found through their telemetry) and at most one
// running simulation. It carries out the commands of the web page and the API (it is web.Control), `conductor` has it
// run the demo, `conductor run` a scenario without a page. Package scenario defines what to do, package load drives and
// judges the operations, package report presents the Result.
//
// The controller commands hosts, and reads the ring view like any other consumer; it never writes to the view. A
// command's answer goes to its caller: the state of the ring afterwards is known when its members report it. Figures
// that need to know the ring (ring error, repairs, wrong lookups) are measured on the view and on the events, as a user
// of the conductor could; the load's own figures are measured at the client.
package controller
