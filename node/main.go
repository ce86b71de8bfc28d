// Command node is one host of a Chord ring, with one or more members, and the client of such a host.
//
//	node --listen 127.0.0.1:7001                             founds a ring
//	node --listen 127.0.0.1:7002 --join 127.0.0.1:7001       joins it
//	node put --addr 127.0.0.1:7001 key value
//
// It emits its state as OpenTelemetry, configured by the standard OTEL_* variables. It takes part in the ring and never
// builds a view of it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"chordconductor/internal/grpclogs"
	"chordconductor/internal/redact"
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	end := &ending{begin: cancel, exit: os.Exit}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go end.follow(signals)
	os.Exit(run(ctx, end, os.Args[1:]))
}

// run runs the program and returns the exit code: 1 if the command failed, 2 if the command line or
// a setting is wrong.
func run(ctx context.Context, end *ending, args []string) int {
	o := new(options)
	cmd := newRoot(end, o)
	secrets.AddEnvironment()
	grpclogs.To(secrets.Writer(os.Stderr))
	cmd.PersistentPreRun = func(*cobra.Command, []string) {
		secrets.Add(o.access.ControlToken, o.access.ClientToken)
		secrets.Add(strings.Split(o.access.RingSecret, ",")...)
	}
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	printf("%v", err)
	if usage := (usageError{}); errors.As(err, &usage) {
		return 2
	}
	return 1
}

// secrets are the values that this program must not print.
var secrets redact.Redactor

func printf(format string, args ...any) {
	fmt.Fprint(os.Stderr, secrets.Text(fmt.Sprintf("node: "+format+"\n", args...)))
}

// A usageError is an error that a different command line would avoid.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }
