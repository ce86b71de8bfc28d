// Package truthtest proves that each field of the ring view is right, or marked uncertain. It runs rings of members in
// virtual time and over real OTLP, through churn, crashes and partitions, and spoils their telemetry: outages, batches
// lost, doubled and late, a conductor that restarts. It continually compares every field of the view with the members'
// own memory. A field may differ if its value was right at most a staleness bound ago, or if its member is marked
// uncertain. Once all is quiet nothing may differ at all.
//
// It contains only tests.
package truthtest
