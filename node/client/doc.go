// Package client is the client of a ring's key service, chord.v1.KV, for applications and for the node program's
// commands: gRPC to one host of the ring, which serves every key.
//
//	c, err := client.New(client.Config{Address: "127.0.0.1:7001"})
//	…
//	defer c.Close()
//	written, err := c.Put(ctx, []byte("tide"), []byte("high"), 0)
//	value, err := c.Get(ctx, []byte("tide"))
//
// A Client may be used by any number of goroutines. It does not retry, and does not move on to
// another host: the host itself retries until it has found a key's owner (for some ten seconds at
// most), and if the host cannot be reached, the caller chooses another one. The page
// docs/promises.md has what a ring guarantees for keys; this package adds nothing to it.
//
// It links no member: an application that is to be part of the ring embeds a host (package node/host), which has the
// same operations with the same errors.
package client
