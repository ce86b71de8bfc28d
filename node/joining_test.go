package main

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"chordconductor/internal/freeport"
)

// stderr captures standard error until the test calls printed, which returns the captured text.
func stderr(t *testing.T) (printed func() string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	was := os.Stderr
	os.Stderr = w
	done := make(chan string)
	go func() {
		all, _ := io.ReadAll(r)
		done <- string(all)
	}()
	var all string
	closed := false
	printed = func() string {
		if !closed {
			closed = true
			os.Stderr = was
			w.Close()
			all = <-done
			r.Close()
		}
		return all
	}
	t.Cleanup(func() { printed() })
	return printed
}

// A host whose flags differ from the ring's parameters ends at once and prints in one line what
// differs, however many members it has: waiting would not help.
func TestRefusedJoin(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "true")
	a := freeport.Address(t)
	start(t, "--listen", a, "--bits", "16")
	untilActive(t, a, 1)
	for _, c := range []struct{ flags, differs string }{
		{"--bits 16 --replicas 2 --successors 4 --virtual-nodes 5", "the ring's successors are 8, the caller's 4; the ring's replicas are 3, the caller's 2"},
		{"--bits 32", "the ring's bits are 16, the caller's 32"},
		{"--bits 16 --ring other", `the ring's name is "chord", the caller's "other"`},
	} {
		// A host that waited would run into the test's time limit.
		args := append([]string{"--listen", "127.0.0.1:0", "--join", a, "--join-timeout", "10h"}, strings.Fields(c.flags)...)
		_, err := execute(t.Context(), args...)
		want := "--join " + a + ": cannot join: " + a + " refuses: " + c.differs
		if usage := (usageError{}); err == nil || errors.As(err, &usage) || err.Error() != want {
			t.Errorf("%s: it ends with %v\nwant %s", c.flags, err, want)
		}
	}
}

// A host that one join address refuses and the others do not answer keeps trying, and prints for
// each address why the try failed.
func TestEachJoinAddressHasItsReason(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "true")
	printed := stderr(t)
	a, unused, nowhere := freeport.Address(t), freeport.Address(t), "no-such-host.invalid:7001"
	start(t, "--listen", a)
	untilActive(t, a, 1)
	_, err := execute(t.Context(), "--listen", "127.0.0.1:0", "--bits", "32", "--join", strings.Join([]string{a, unused, nowhere}, ","),
		"--join-timeout", "5s", "--call-limit", "10s")
	if err == nil {
		t.Fatal("it joins")
	}
	for _, want := range []string{
		a + " refuses: the ring's bits are 160, the caller's 32",
		"no answer from " + unused + ": dial tcp " + unused + ": connect: connection refused",
		"no answer from " + nowhere + ": the address does not resolve: lookup no-such-host.invalid",
	} {
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("it ends with %v\nwant %s", err, want)
		}
	}
	if out := printed(); !strings.Contains(out, "(try 1): ") {
		t.Errorf("printed %s", out)
	}
}
