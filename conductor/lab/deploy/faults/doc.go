// Package faults keeps a fleet's faults in force: partitions, slow links, pauses and telemetry outages become one order
// for each host, which is sent again until the host has acknowledged it, and to hosts that come later.
package faults
