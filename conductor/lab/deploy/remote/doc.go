// Package remote reaches the hosts of a ring that run elsewhere. Their addresses come from telemetry alone, so they
// must prove on each connection that they hold the conductor's token before anything is sent to them.
package remote
