package memory

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A budget greater than the smaller one of the machine's memory and the control group's limit is described with both
// sizes; any other budget is not described.
func TestBeyond(t *testing.T) {
	sizes := rapid.OneOf(rapid.Uint64Range(Least, 1<<40), rapid.SampledFrom([]uint64{Least, 1 << 30, 1 << 40, math.MaxUint64}))
	rapid.Check(t, func(t *rapid.T) {
		group, machine := sizes.Draw(t, "group"), sizes.Draw(t, "machine")
		limit := rapid.OneOf(rapid.Int64Range(Least, 1<<41), rapid.Just(int64(min(group, machine, 1<<41)))).Draw(t, "limit")
		b, err := New(limit, "--memory")
		if err != nil {
			t.Fatal(err)
		}
		text := b.beyond(group, machine)
		if uint64(limit) <= min(group, machine) {
			if text != "" {
				t.Fatal(text)
			}
			return
		}
		whose := "machine"
		if group < machine {
			whose = "control group"
		}
		for _, want := range []string{"--memory", whose, fmt.Sprintf("%d MiB of memory", limit>>20), fmt.Sprintf(" %d MiB:", min(group, machine)>>20)} {
			if !strings.Contains(text, want) {
				t.Fatalf("%q lacks %q", text, want)
			}
		}
	})
}
