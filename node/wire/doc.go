// Package wire is the codec of what the messages of all services have in common: identifiers, peers, arcs and
// ownerships; and of the answers that a client receives. Bytes from other hosts become values here: every identifier
// must fit the circle, everything has a bound.
package wire
