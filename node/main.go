// Command node is one host of a Chord ring, with one or more members, and the client of such a host.
//
//	node --listen 127.0.0.1:7001                             founds a ring
//	node --listen 127.0.0.1:7002 --join 127.0.0.1:7001       joins it
//	node put --addr 127.0.0.1:7001 key value
//
// Everything it says about itself leaves as OpenTelemetry, by the standard OTEL_* variables. It takes part in the ring;
// it never draws a picture of it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	end := &ending{begin: cancel, exit: os.Exit}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go end.follow(signals)
	os.Exit(run(ctx, end, os.Args[1:]))
}

// run is the whole program: it returns the exit code. 1: it was not done. 2: it could not be tried, by the user's word.
func run(ctx context.Context, end *ending, args []string) int {
	cmd := newRoot(end, new(options))
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(os.Stderr, "node: %v\n", err)
	if usage := (usageError{}); errors.As(err, &usage) {
		return 2
	}
	return 1
}

// A usageError is one that another command line would avoid.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }
