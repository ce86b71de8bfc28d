// Package netname judges by its text whether a Host header names this server, which the conductor's page, API and
// OTLP/HTTP port share, and words why an address cannot be listened on, which all programs do.
package netname
