// Package run runs a scenario on a deployment, on its runtime's clock: it starts members, loads them, carries out the
// phases, follows the view, and collects the Result. Virtual makes the deployment, the view and the clock itself.
//
// Figures that need to know the ring (ring error, repairs, wrong lookups) are measured on the view and on the events, as
// a user of the conductor could; the load's own figures are measured at the client.
package run
