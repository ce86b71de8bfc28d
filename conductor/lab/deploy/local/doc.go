// Package local makes the hosts of a ring in this process: over gRPC on loopback and the wall clock, or in a simulated
// world, which follows the wall clock or runs as fast as it can.
package local
