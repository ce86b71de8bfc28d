package main

import (
	"os"
	"testing"
)

// The endpoint in the banner leads to this conductor, also when it listens on all interfaces.
func TestTarget(t *testing.T) {
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		address string
		tls     bool
		want    string
	}{
		{"127.0.0.1:4317", false, "http://127.0.0.1:4317"},
		{"[::]:4317", false, "http://" + name + ":4317"},
		{"0.0.0.0:4317", true, "https://" + name + ":4317"},
	} {
		if got := target(test.address, test.tls); got != test.want {
			t.Errorf("%s: %s, want %s", test.address, got, test.want)
		}
	}
}
