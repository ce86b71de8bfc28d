// Package exchange makes the calls of one host to another over one stream of gRPC. Requests and answers are numbered
// and come in any order, and what waits is written together: a call costs no stream of its own.
//
//	caller := exchange.NewCaller(open, check)                 // at the calling host, one for each other host
//	err := caller.Call(ctx, method, request, answer, header)
//
//	server := exchange.NewServer(answer, stop)                // at the other one
//	nodepb.RegisterExchangeServer(s, server)
//
// A slow call holds up no other. A message above 64 KiB goes over a second stream, which is opened with the first call
// that may need it. A stream that breaks is no sign of a dead peer: the calls on it are made once more over a new one,
// within their time. ErrNoStreams is the answer of a host that serves single calls alone.
//
// Bounds. At the caller 256 requests wait for the first stream and 8 for the second; further calls wait to be queued,
// each until its own limit. At the other end 1,024 calls of the first stream and 16 of the second are served at once;
// it then reads no further, and gRPC's flow control stops the caller. A message has at most 8 MiB.
//
// Package node/env/grpcenv uses it. It contains nothing about members, keys, faults or telemetry.
package exchange
