// Package truthtest proves that each field of the ring view is right, or marked uncertain. It runs rings of members in
// virtual time and over real OTLP, through churn, crashes and partitions, and damages their telemetry: outages, batches
// that are lost, sent twice or late, a conductor that restarts. It continually compares every field of the view with
// the members' own memory. A field may differ if its value was right at most a staleness bound ago, or if its member is
// marked uncertain. Once everything is quiet no field may differ.
//
// It contains only tests.
package truthtest
