// Package connlimit bounds the connections of an HTTP server, and lets those that do nothing give way to those that come.
//
// A connection is busy while a handler serves a request of it; all others (idle ones, ones that have sent nothing yet or
// only a part of a header) are idle. At the limit the connection that has been idle longest is closed for a new one. When
// all are busy, a few spare connections are taken, which may ask for the health of the process and nothing else.
//
// conductor/web and conductor/ingest use it. It bounds connections, not bytes.
package connlimit
