// Package faults keeps a fleet's faults in force. It turns partitions, slow links, pauses and telemetry outages into
// one order for each host, which it sends again until the host has acknowledged it, and also to hosts that start later.
package faults
