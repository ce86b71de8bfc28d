package main

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"chordconductor/internal/freeport"
)

// stderr is what is printed there until the test calls it.
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

// A host whose flags do not go with the ring's says in one line what differs, however many members it has.
func TestRefusedJoin(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "true")
	printed := stderr(t)
	a := freeport.Address(t)
	stop := start(t, "--listen", a)
	untilActive(t, a, 1)
	_, err := execute(t.Context(), "--listen", "127.0.0.1:0", "--join", a, "--join-timeout", "10s", // the machine may have other things to do first
		"--replicas", "2", "--successors", "4", "--virtual-nodes", "5")
	stop()
	const differs = "refuses: the ring's successors are 8, the caller's 4; the ring's replicas are 3, the caller's 2"
	if usage := (usageError{}); err == nil || errors.As(err, &usage) || !strings.HasSuffix(err.Error(), a+" "+differs) || strings.Contains(err.Error(), "\n") {
		t.Errorf("it ends with %v", err)
	}
	first := 0
	for line := range strings.Lines(printed()) {
		if strings.Contains(line, "(try 1)") {
			first++
			if want := "node: cannot join through " + a + " yet (try 1): " + a + " " + differs + "\n"; line != want {
				t.Errorf("got  %q\nwant %q", line, want)
			}
		}
	}
	if first != 1 {
		t.Errorf("said %d times:\n%s", first, printed())
	}
}
