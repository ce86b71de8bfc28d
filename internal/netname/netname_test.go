package netname

import (
	"fmt"
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// Any IP address and the given names are accepted, with or without a port; any other name is not.
func TestServes(t *testing.T) {
	names := []string{"conductor.example"}
	for host, want := range map[string]bool{
		"localhost": true, "x.localhost": true, "LOCALHOST:4321": true, "localhost.": true, "conductor.example": true, "Conductor.Example.:1": true,
		"evil.example": false, "localhost.evil.example": false, "conductor.example.evil.example": false, "": false, ":1": false, "1.2.3.4.evil.example": false,
	} {
		if got := Serves(host, names); got != want {
			t.Errorf("Serves(%q) = %v", host, got)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		a := netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(r, "IPv4"))).String()
		if rapid.Bool().Draw(r, "IPv6") {
			a = "[" + netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(r, "address"))).String() + "]"
		}
		if rapid.Bool().Draw(r, "port") {
			a += fmt.Sprintf(":%d", rapid.Uint16().Draw(r, "number"))
		}
		if !Serves(a, nil) {
			r.Fatalf("%q was not accepted as a name of this server", a)
		}
		if name := rapid.StringMatching(`[a-z0-9-]{1,20}(\.[a-z]{2,8}){1,2}`).Draw(r, "name"); Serves(name, nil) && name != "localhost" {
			r.Fatalf("%q was accepted as a name of this server", name)
		}
	})
}
