// Package controller owns one ring (hosts in this process, or those elsewhere that telemetry names) and at most one
// running simulation. It carries out the commands of the web page and the API (it implements web.Control). `conductor`
// runs the demo with it, `conductor run` a scenario without a page.
//
// The packages beside it do the work: scenario defines what to do, deploy makes and commands hosts, load drives
// operations, run carries out the phases, judge decides what was right, result holds what was measured, report presents
// it. Their imports form layers: none imports a package above it, and none imports the controller.
//
// The controller commands hosts, and reads the ring view like any other consumer; it never writes to the view. A
// command's answer goes to its caller: the state of the ring afterwards is known when its members report it.
package controller
