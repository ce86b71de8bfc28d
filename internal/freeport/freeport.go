// Package freeport returns unused addresses for tests that need an address before a listener opens
// it, that close a listener and open it again at the same address, or that need an address without
// a listener. Only tests call it.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Ports are drawn from below those that systems assign by themselves (Linux from 32768, others from
// 49152) to listeners on port 0 and to outgoing connections: another process may be assigned any of
// those ports a moment after this package found it free.
const first, count = 20_000, 12_000

// Address returns a loopback address without a listener.
func Address(t testing.TB) string {
	t.Helper()
	var last error
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", first+rand.IntN(count))
		l, err := net.Listen("tcp", address)
		if err != nil {
			last = err // the port is in use
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return address
	}
	t.Fatalf("no free port: %v", last)
	return ""
}
