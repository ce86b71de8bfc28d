package senderstest

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"testing"
	"time"
)

// The worst senders run in a process of their own, so that they take no processor time from the honest ring and the
// page client, which measure. The process has a lower priority than the conductor too: such senders would be on other
// machines.
var (
	limitOfSenders = flag.Int64("senders", 0, "be the senders against a conductor with this limit of `memory`; for the test itself")
	pageOfTarget   = flag.String("page", "", "with -senders: `HOST:PORT` of the conductor's page")
	otlpOfTarget   = flag.String("otlp", "", "with -senders: `HOST:PORT` of OTLP over HTTP")
	onlyKinds      = flag.String("kinds", ".", "`pattern` of the kinds of senders and readers that are at work")
)

// beSenders runs the senders until the standard input ends, and prints the answers to their requests.
func beSenders() {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	w := &world{c: &conductor{page: *pageOfTarget, otlp: *otlpOfTarget}, client: newClient(60 * time.Second), answers: map[string]int{}}
	only := regexp.MustCompile(*onlyKinds)
	w.run(ctx, slices.DeleteFunc(kinds(), func(k kind) bool { return !only.MatchString(k.name) }))
	if err := json.NewEncoder(os.Stdout).Encode(w.answers); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// startSenders starts the senders; stop ends them and returns the answers to their requests.
func startSenders(t *testing.T, c *conductor, limit int64) (stop func() map[string]int) {
	t.Helper()
	cmd := exec.Command("nice", "-n", "5", os.Args[0], fmt.Sprintf("-senders=%d", limit), "-kinds="+*onlyKinds, "-page="+c.page, "-otlp="+c.otlp)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return func() (answers map[string]int) {
		t.Helper()
		_ = in.Close()
		if err := json.NewDecoder(out).Decode(&answers); err != nil {
			t.Error("the senders printed no answers: ", err)
		}
		if err := cmd.Wait(); err != nil {
			t.Error("the senders: ", err)
		}
		return answers
	}
}
