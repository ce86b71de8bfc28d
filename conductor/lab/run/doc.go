// Package run runs a scenario on a deployment, by the clock of the deployment's runtime: it starts members and the
// load, carries out the phases, follows the view, and collects the Result. Virtual also makes the deployment, the view
// and the clock.
//
// Values that depend on the ring (ring error, repairs, wrong lookups) are measured on the view and on the events, as a
// user of the conductor could; the values of the load are measured at the client.
package run
