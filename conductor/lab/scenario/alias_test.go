package scenario

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// bomb returns a file whose aliases stand for far more than the file contains: each level names the level before it
// width times, in a shape that the decoder follows. The file itself stays within the limit.
func bomb(shape string, levels, width int) string {
	var b strings.Builder
	switch shape {
	case "lists": // of lists, where any list may stand
		b.WriteString("x0: &a0 [1]\n")
		for i := range levels {
			fmt.Fprintf(&b, "x%d: &a%d [%s]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), width))
		}
		fmt.Fprintf(&b, "phases: *a%d\n", levels)
	case "mappings": // of fields that do not exist
		b.WriteString("x0: &a0 {at: 1s}\n")
		for i := range levels {
			fmt.Fprintf(&b, "x%d: &a%d {", i+1, i+1)
			for j := range width {
				fmt.Fprintf(&b, "b%d: *a%d, ", j, i)
			}
			b.WriteString("}\n")
		}
		fmt.Fprintf(&b, "ring: *a%d\n", levels)
	case "phases": // one phase of many fields, many times
		b.WriteString("phases:\n- &p {")
		for j := range 50 * width {
			fmt.Fprintf(&b, "b%d: 1, ", j)
		}
		b.WriteString("}\n" + strings.Repeat("- *p\n", 10*levels))
	case "workloads": // a workload of many fields in many phases
		b.WriteString("workload: &w {")
		for j := range 50 * width {
			fmt.Fprintf(&b, "b%d: 1, ", j)
		}
		b.WriteString("}\nphases:\n" + strings.Repeat("- {at: 1s, workload: *w}\n", 10*levels))
	case "itself": // an anchor within what it names
		fmt.Fprintf(&b, "phases: &a [%s]\nring: &r {members: *r}\n", strings.Repeat("*a, ", width))
	}
	if b.Len() > MaxSource {
		return b.String()[:MaxSource]
	}
	return b.String()
}

// Whatever a file's aliases stand for, the file is checked in a time bounded by its own size, and the errors are some
// kilobytes at most.
func TestAliasBombs(t *testing.T) {
	shapes := []string{"lists", "mappings", "phases", "workloads", "itself"}
	check := func(t interface{ Fatalf(string, ...any) }, shape string, levels, width int) {
		source := bomb(shape, levels, width)
		begin := time.Now()
		_, err := Parse("f.yaml", []byte(source))
		if err == nil {
			t.Fatalf("%s of %d levels, %d wide: accepted", shape, levels, width)
		}
		if took := time.Since(begin); took > 20*time.Second { // some 10 ms on a machine that is idle
			t.Fatalf("%s of %d levels, %d wide, %d bytes: %s", shape, levels, width, len(source), took)
		}
		if n := len(err.Error()); n > 16<<10 {
			t.Fatalf("%s of %d levels, %d wide: an error of %d bytes", shape, levels, width, n)
		}
	}
	check(t, "phases", 99, 250) // 991 phases of 12,500 fields; 1,000 phases are the most
	check(t, "workloads", 99, 250)
	check(t, "lists", 9, 9)
	if _, err := Parse("f.yaml", []byte(bomb("phases", 99, 250))); !regexp.MustCompile(`\(more than \d+ mistakes\)$`).MatchString(fmt.Sprint(err)) {
		t.Errorf("mistakes behind the bound are counted as none: %v", err)
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, rapid.SampledFrom(shapes).Draw(t, "shape"), rapid.IntRange(1, 100).Draw(t, "levels"), rapid.IntRange(1, 300).Draw(t, "width"))
	})
}

// However long the words of a file are, an error quotes only the beginning of a word.
func TestErrorsAreShort(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	for _, source := range []string{long + ": 1", "ring: {" + long + ": 1}", "seed: " + long, "seed: *" + long, "phases: [{at: " + long + "}]", "name: " + long, "a: b: " + long} {
		if _, err := Parse("f.yaml", []byte(source)); err == nil || len(err.Error()) > 1000 {
			t.Errorf("%.40s…: an error of %d bytes", source, len(fmt.Sprint(err)))
		}
	}
}
