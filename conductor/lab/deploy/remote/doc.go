// Package remote reaches the hosts of a ring that run elsewhere. They are known through their telemetry alone, so they
// prove on each connection that they hold the conductor's token before anything is sent to them.
package remote
