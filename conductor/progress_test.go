package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/conductor/lab/result"
	"chordconductor/conductor/ring"
)

// A line of progress never shows more than the scenario's duration, nor more than the time that has passed, nor less
// than the line before, whatever the durations and the speed; the last line of a completed run shows the whole
// duration.
func TestProgressNeverShowsMoreThanTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole := rapid.SampledFrom([]time.Duration{time.Microsecond, time.Millisecond, 10 * time.Millisecond, time.Second}).Draw(t, "unit") *
			time.Duration(rapid.IntRange(1, 100_000).Draw(t, "whole"))
		var out bytes.Buffer
		p := &progress{w: &out, duration: whole}
		var before, at time.Duration
		steps := rapid.SliceOfN(rapid.Int64Range(0, int64(whole)), 1, 20).Draw(t, "steps")
		for i, step := range append(steps, int64(whole)) {
			at += time.Duration(step)
			out.Reset()
			phase := rapid.StringMatching(`[a-z 環]{0,40}`).Draw(t, "phase")
			p.show(result.State{Phase: fmt.Sprint(i, phase), ElapsedS: at.Seconds(), DurationS: whole.Seconds()}, &ring.View{})
			fields := strings.Fields(out.String())
			if len(fields) < 3 || fields[1] != "of" {
				t.Fatalf("%q", &out)
			}
			shown, err := time.ParseDuration(fields[0])
			if err != nil {
				t.Fatalf("%q: %v", &out, err)
			}
			of, err := time.ParseDuration(fields[2])
			if err != nil || of != whole {
				t.Fatalf("%q: of %s, want %s: %v", &out, of, whole, err)
			}
			if shown > whole || shown > at+time.Millisecond || shown < before || at < whole && shown <= at-101*time.Millisecond {
				t.Fatalf("%q after %s, and %s before", &out, at, before)
			}
			before = shown
		}
		if before != whole {
			t.Fatalf("%s at the end of %s", before, whole)
		}
	})
}
