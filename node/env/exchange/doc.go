// Package exchange carries all calls of one host to another over one gRPC stream. Requests are
// numbered, answers come in any order, and all messages that wait are sent together. So a call does
// not cost a stream of its own.
//
//	caller := exchange.NewCaller(open, check)                 // at the calling host, one for each other host
//	err := caller.Call(ctx, limit, method, request, answer, header)
//
//	server := exchange.NewServer(answer, stop)                // at the other host
//	nodepb.RegisterExchangeServer(s, server)
//
// A slow call delays no other call. A message above 64 KiB goes over a second stream, which the
// first call that may need it opens. A stream that breaks is no sign of a dead peer: the calls on
// it are repeated over a new stream within their time limits, except that a call of Apply is
// repeated by its caller (ErrBroken). If the other host serves only unary calls, the error is
// ErrNoStreams.
//
// Bounds: at the caller, 256 requests wait for the first stream and 8 for the second; a further
// call waits to be queued until its own limit. The other end serves at most 1,024 calls of the
// first stream and 16 of the second at the same time; beyond that it stops reading, and gRPC's flow
// control stops the caller. A connection has at most 8 sessions. A message has at most 8 MiB, a
// header at most 16 KiB.
//
// Package node/env/grpcenv uses this package, which contains nothing about members, keys, faults or
// telemetry.
package exchange
