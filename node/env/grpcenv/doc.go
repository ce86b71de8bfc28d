// Package grpcenv is the real environment: goroutines, the system clock, and gRPC over TCP. One Env is one host: one
// listening port, however many members the host carries, and one client connection per other host.
//
//	e, err := grpcenv.Listen(grpcenv.Options{Listen: "127.0.0.1:0"})
//	host, err := member.NewHost(member.HostConfig{Address: e.Address(), …}, e, telemetry)
//	e.Serve(host, host, nil, func(s grpc.ServiceRegistrar) { nodepb.RegisterKVServer(s, kv) })
//	…
//	e.Close()
//
// It serves gRPC health ("" and each service) and reflection in addition to the given services.
// Calls to the host's own address do not leave the process. On a machine that is short of processor
// time it grants calls more time (patience.go).
//
// It makes no decision about the ring, and only transmits messages. Package node/env/faults injects
// faults.
package grpcenv
