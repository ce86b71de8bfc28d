// Package host is a host of a Chord ring for an application to embed: one listening port, one or more members (virtual
// nodes), and the ring's keys. The node program is this package with flags.
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
// A Host has the operations of a client (package node/client) with the same errors, and serves those of others on its
// port, beside gRPC health and, for a controller, chord.v1.Host. It emits its state as OpenTelemetry. Which guarantees a
// ring gives, and in which settings that is tested, is on the page docs/promises.md; this package adds none.
//
// All methods may be called from any goroutine. The package never prints, handles no signals and does not end the process.
package host
