// Package groundtruth asks nodes for their state, to judge the accuracy of the view, which is rebuilt from telemetry
// alone. It is the only package of the conductor that may send such requests: a simulation calls it to measure the
// view's accuracy, and no answer reaches the view. Tests of package deptest verify that no other package of the
// conductor contains these requests. The package does not depend on a kind of fleet: a fleet whose members are in this
// process supplies their states (Members), a fleet whose hosts run elsewhere gives access to the hosts (Hosts).
package groundtruth
