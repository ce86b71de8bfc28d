package main

import (
	"fmt"
	"testing"

	"go.opentelemetry.io/otel/metric/noop"

	"chordconductor/node/env/access"
)

// However many speakers there are and however often they come, memory is bounded and lines grow with the logarithm.
func TestRefusalsAreBounded(t *testing.T) {
	r, err := newRefusals(noop.NewMeterProvider())
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	r.print = func(string, ...any) { lines++ }
	for i := range 100_000 {
		who := "192.0.2.1"
		if i%2 == 0 {
			who = fmt.Sprint("192.0.2.", i)
		}
		r.add(&access.Refusal{Reason: access.Credentials, Speaker: who, Text: who + ": no", Method: "/chord.v1.KV/Get"})
	}
	if len(r.times) > maxSpeakers+1 || lines > maxSpeakers+40 {
		t.Errorf("%d speakers are remembered, %d lines printed", len(r.times), lines)
	}
	if r.times[speaker{access.Credentials, "192.0.2.1"}] != 50_000 {
		t.Errorf("the speaker that came early has %d refusals", r.times[speaker{access.Credentials, "192.0.2.1"}])
	}
}

// Each reason and each speaker has a first line.
func TestRefusalsAreNamed(t *testing.T) {
	r, err := newRefusals(noop.NewMeterProvider())
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	r.print = func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for range 5 {
		for _, who := range []string{"192.0.2.1", "192.0.2.2"} {
			for _, reason := range []access.Reason{access.Identity, access.Handshake} {
				r.add(&access.Refusal{Reason: reason, Speaker: who, Text: who + " speaks", Method: "/m"})
			}
		}
	}
	want := map[string]int{}
	for _, who := range []string{"192.0.2.1", "192.0.2.2"} {
		want["refused: "+who+" speaks (/m)"] = 2
		want["refused 2 times: "+who+" speaks (/m)"] = 2
		want["refused 4 times: "+who+" speaks (/m)"] = 2
	}
	for _, line := range lines {
		want[line]--
	}
	for line, n := range want {
		if n != 0 {
			t.Errorf("%q: %d too few", line, n)
		}
	}
}
