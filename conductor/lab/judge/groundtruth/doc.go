// Package groundtruth asks nodes for their state, to judge the accuracy of the view, which is rebuilt from telemetry
// alone. It is the only package of the conductor that may: a simulation calls it to measure the view's accuracy, and no
// answer reaches the view. Tests of package deptest hold that no other package of the conductor has the requests.
//
// It knows no fleet: one whose members are in this process has their states (Members), one whose hosts run elsewhere
// gives access to them (Hosts).
package groundtruth
