// Package host is a host of a Chord ring for an application to embed: one listening port, one or
// more members (virtual nodes), and their keys. The node program consists of this package and
// flags.
//
//	cfg := host.LAN()
//	cfg.Listen, cfg.Join = "10.0.0.2:7001", []string{"10.0.0.1:7001"}
//	cfg.Access.RingSecret = os.Getenv("CHORD_RING_SECRET")
//	h, err := host.Open(cfg)
//	…
//	defer h.Close(context.Background())
//	err = h.Joined(ctx)
//	written, err := h.Put(ctx, []byte("tide"), []byte("high"), 0)
//
// A Host has the operations of a client (package node/client), with the same errors. On its port it
// serves the operations of others, gRPC health and, for a controller, chord.v1.Host. It emits its
// state as OpenTelemetry. The page docs/promises.md has what a ring guarantees, and in which
// settings that is tested; this package adds nothing to it.
//
// All methods may be called from any goroutine. The package never prints, handles no signals and does not end the process.
package host
