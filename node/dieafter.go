package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"
)

// A lifetime is --die-after: a host that ends without a word at a random time between the two, for experiments. Whoever
// started it starts it again, so a container platform becomes a source of churn that needs no power over containers.
type lifetime struct{ least, most time.Duration }

// parseLifetime reads MIN-MAX, such as 30s-90s.
func parseLifetime(flag, text string) (lifetime, error) {
	if text == "" {
		return lifetime{}, nil
	}
	low, high, _ := strings.Cut(text, "-")
	least, err := time.ParseDuration(low)
	if err == nil {
		var most time.Duration
		if most, err = time.ParseDuration(high); err == nil && least > 0 && most >= least {
			return lifetime{least, most}, nil
		}
	}
	return lifetime{}, fmt.Errorf("%s %q: want MIN-MAX, two positive durations, such as 30s-90s", flag, text)
}

// begin starts the countdown; it stops with ctx, so that a host that is leaving leaves. A zero lifetime never ends.
func (l lifetime) begin(ctx context.Context, die func()) {
	if l.most == 0 {
		return
	}
	timer := time.AfterFunc(l.least+rand.N(l.most-l.least+1), die)
	context.AfterFunc(ctx, func() { timer.Stop() })
}

// die ends the process as a crash would: no goodbye to the ring, nothing flushed.
func die() {
	printf("dying, as --die-after says")
	os.Exit(137)
}
