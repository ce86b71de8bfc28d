package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"
)

// A lifetime is the value of --die-after: the host crashes after a random time between least and
// most, for experiments. The supervisor that started it restarts it, so a container platform
// becomes a source of churn without access to its container API.
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
	return lifetime{}, fmt.Errorf("%s %q: expected MIN-MAX, two positive durations, such as 30s-90s", flag, text)
}

// begin starts the countdown. The end of ctx stops it, so that a leaving host finishes its leave. A
// zero lifetime never ends.
func (l lifetime) begin(ctx context.Context, die func()) {
	if l.most == 0 {
		return
	}
	timer := time.AfterFunc(l.least+rand.N(l.most-l.least+1), die)
	context.AfterFunc(ctx, func() { timer.Stop() })
}

// die ends the process without a leave and without a flush of telemetry, as a crash does.
func die() {
	printf("crashing now, because of --die-after")
	os.Exit(137)
}
