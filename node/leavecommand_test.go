package main

import (
	"strings"
	"testing"

	"chordconductor/internal/freeport"
	"chordconductor/node/nodepb"
)

// A forced leave of a ring's last host prints the number of keys that end with the ring, 0 too.
func TestForcedLeaveCountsKeys(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "true")
	for keys, want := range []string{
		"left; the ring ends, and 0 key(s) with it\n", "left; the ring ends, and 1 key(s) with it\n", "left; the ring ends, and 2 key(s) with it\n",
	} {
		addr := freeport.Address(t)
		start(t, "--listen", addr, "--stabilize", "100ms")
		untilActive(t, addr, 1)
		for n := range keys {
			if _, err := with(strings.NewReader(""), "put", "--addr", addr, string(rune('a'+n)), "high"); err != nil {
				t.Fatal(err)
			}
		}
		if out, err := with(strings.NewReader(""), "leave", "--force", "--addr", addr); err != nil || string(out) != want {
			t.Errorf("%d keys: %q, %v; want %q", keys, out, err, want)
		}
	}
}

// Hosts of earlier versions report the end of a ring only by the number of its keys.
func TestLeftText(t *testing.T) {
	for want, a := range map[string]*nodepb.StopMemberResponse{
		"left": {},
		"left; the ring ends, and 3 key(s) with it": {KeysEnded: 3},
		"left; the ring ends, and 0 key(s) with it": {RingEnded: true},
	} {
		if have := leftText(a); have != want {
			t.Errorf("%v: %q, want %q", a, have, want)
		}
	}
}
