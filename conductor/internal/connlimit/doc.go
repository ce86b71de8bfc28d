// Package connlimit bounds the connections of an HTTP server: it closes waiting connections in favor of new ones.
//
// A connection is at work while a handler serves a request of it whose body has arrived, unless its peer does not
// receive what is sent to it. All other connections wait for their peers: idle connections, those that have sent
// nothing or only a part of a header or of a body, and those whose answers are not read. At the limit the connection
// that has waited longest is closed for a new one. When all are at work, a few spare connections are accepted, which
// serve health checks of the process and nothing else.
//
// conductor/web and conductor/ingest use it. It bounds connections, not bytes.
package connlimit
