// Package member is a running Chord member and the host that carries it.
//
//	e, err := grpcenv.Listen(grpcenv.Options{Listen: "127.0.0.1:0", Tracer: …})   // or (*simenv.World).Host
//	h, err := member.NewHost(member.Config{Join: seeds}, e.Address(), e, telemetry)
//	e.Serve(h, h, nil, nil)
//	members, err := h.Start(8)            // virtual nodes; they join by themselves
//	found, err := h.Any().Find(ctx, key, member.Recursive)
//	_, err = h.Leave(ctx)                    // graceful; or h.Crash()
//	e.Close()
//
// A Member decides by the pure functions of node/chord: it collects the facts, calls one of them,
// and carries out the result. It uses time, tasks, randomness and the network only through
// node/env, so it runs unchanged in the real world (node/env/grpcenv) and in a deterministic one
// (node/simenv). The part of a member that owns and stores keys is behind the interface Keys, which
// package kv implements.
//
// Concurrency: each member has one task for maintenance, which does one operation at a time. Ring
// state is an immutable value behind an atomic pointer: calls from peers and lookups read it
// without a lock, and maintenance never blocks them. No lock is held across a call of the
// environment.
//
// A member emits every change of ring state as an event (otel/chordevent), numbered without gaps.
// Every operation that changed something has a trace. A lookup's trace has one span for each hop,
// each a child of the previous hop's: the span of hop i (chord.lookup.hop, with chord.lookup.hop =
// i, 0 for the initiator) names the pointer by which that member chose hop i+1.
//
// The package imports of gRPC only the generated interfaces and the status codes, and nothing of
// the OpenTelemetry SDK.
package member
