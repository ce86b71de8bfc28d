package host

import (
	"fmt"
	"testing"

	"go.opentelemetry.io/otel/metric/noop"

	"chordconductor/node/env/access"
)

// The memory is bounded, and the number of lines grows with the logarithm of the calls, however
// many speakers there are.
func TestRefusalsAreBounded(t *testing.T) {
	r, err := newRefusals(noop.NewMeterProvider(), nil)
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	r.print = func(string, ...any) { lines++ }
	for i := range 100_000 {
		source := "192.0.2.1"
		if i%2 == 0 {
			source = fmt.Sprint("192.0.2.", i)
		}
		r.add(&access.Refusal{Reason: access.Credentials, Speaker: source, Text: source + ": no", Method: "/chord.v1.KV/Get"})
	}
	if len(r.times) > maxSpeakers+1 || lines > maxSpeakers+40 {
		t.Errorf("%d speakers are remembered, %d lines printed", len(r.times), lines)
	}
	if r.times[speaker{access.Credentials, "192.0.2.1"}] != 50_000 {
		t.Errorf("the early speaker has %d refusals", r.times[speaker{access.Credentials, "192.0.2.1"}])
	}
}

// Each pair of reason and speaker has a first line of its own.
func TestRefusalsAreNamed(t *testing.T) {
	r, err := newRefusals(noop.NewMeterProvider(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	r.print = func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for range 5 {
		for _, source := range []string{"192.0.2.1", "192.0.2.2"} {
			for _, reason := range []access.Reason{access.Identity, access.Handshake} {
				r.add(&access.Refusal{Reason: reason, Speaker: source, Text: source + " calls", Method: "/m"})
			}
		}
	}
	want := map[string]int{}
	for _, source := range []string{"192.0.2.1", "192.0.2.2"} {
		want["refused: "+source+" calls (/m)"] = 2
		want["refused 2 times: "+source+" calls (/m)"] = 2
		want["refused 4 times: "+source+" calls (/m)"] = 2
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
