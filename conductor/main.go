package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"chordconductor/internal/grpclogs"
	"chordconductor/internal/printable"
	"chordconductor/internal/redact"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process immediately
	os.Exit(execute(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// Exit codes of all commands.
const (
	exitOK     = 0
	exitFailed = 1 // an expectation did not hold, or something failed while running
	exitUsage  = 2 // the command could not run: a bad flag, a bad file, a port in use
)

// execute is the program: it returns the exit code, and prints an error as one line (for a scenario, one line for each
// problem).
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	secrets := new(redact.Redactor)
	secrets.AddEnvironment()
	cmd := command(secrets)
	cmd.PersistentPreRun = func(cmd *cobra.Command, _ []string) { addSecrets(secrets, cmd.Flags()) }
	stderr = secrets.Writer(printable.Writer(stderr))
	grpclogs.To(stderr)
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if text := err.Error(); text != "" {
		fmt.Fprintf(stderr, "conductor: %s\n", text)
	}
	var failed *failure
	if errors.As(err, &failed) {
		return exitFailed
	}
	return exitUsage
}

// A failure is an error of a program that did run. All other errors are usage errors.
type failure struct{ err error }

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// failed wraps the error of a program that has started its work; nil stays nil.
func failed(err error) error {
	if err == nil {
		return nil
	}
	return &failure{err}
}
