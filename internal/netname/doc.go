// Package netname decides, from the text of a Host header alone, whether it names this server, for
// the conductor's page, API and OTLP/HTTP port. For all programs, it checks addresses and words the
// error of an address on which a program cannot listen.
package netname
