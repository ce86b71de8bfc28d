// Package freeport names addresses for tests that must know one before anybody listens on it, leave it and come back, or
// need one where nobody is. Only tests call it.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Ports are drawn from below those that systems hand out by themselves (Linux from 32768, others from 49152), to listeners
// on port 0 and to every outgoing connection: of those any may be another process's a moment after it was free.
const first, count = 20_000, 12_000

// Address returns a loopback address on which nobody listens.
func Address(t testing.TB) string {
	t.Helper()
	var last error
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", first+rand.IntN(count))
		l, err := net.Listen("tcp", address)
		if err != nil {
			last = err // taken
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
