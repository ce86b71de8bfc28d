// Package netname decides by its text whether a Host header names this server, for the conductor's page, API and
// OTLP/HTTP port. It checks addresses, and words the error of one that cannot be listened on, for all programs.
package netname
