// Package hub broadcasts the ring view to browsers over WebSockets: a snapshot, then patches, in protobuf (hubpb).
//
// Package web mounts a Hub at /ws, behind its checks of token, origin and Host header. One goroutine turns published
// views into encoded frames, which all clients share; each client has a goroutine that writes and one that reads. A
// client that cannot keep up skips to a fresh snapshot, and one that does not read at all is dropped after a time limit:
// no client can slow another down, or make the conductor's memory grow.
//
// The package never changes anything: commands go through the HTTP API.
package hub
