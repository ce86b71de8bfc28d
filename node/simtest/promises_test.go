package simtest

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

var promisesFile = flag.String("promises", "", "page whose table of promises is replaced by the outcome")

// The section of the page between these marks is replaced by the table, as test/internal/section does in the tests' module.
const (
	beginMark = "<!-- promises: begin -->\n"
	endMark   = "<!-- promises: end -->\n"
)

// A row is a promise, how many times it was tried, and the worst time observed.
type row struct {
	promise promise
	text    string
	tried   func(*oracle) int
	unit    string
	time    func(*oracle) time.Duration // nil: not a promise about time
}

var rows = []row{
	{promiseOrder, "Every range has one owner and the ring is ideal within T, as long as one active member is alive",
		func(o *oracle) int { return 1 }, "plans", func(o *oracle) time.Duration { return o.order }},
	{promiseReplicas, "Every key is on min(R, hosts) distinct hosts within T",
		func(o *oracle) int { return len(o.keys) }, "keys", func(o *oracle) time.Duration { return o.replicated }},
	{promiseKept, "A write acknowledged with c replicas, or read, survives c-1 crashes within one repair time (25 s), any number of leaves, and partitions",
		func(o *oracle) int { return o.kept }, "keys", nil},
	{promiseReads, "Without partitions, message loss and false suspicion, operations on a key see those that ended before they began",
		func(o *oracle) int { return o.calmGets }, "gets", nil},
	{promiseRefused, "A refused write has no effect: no get returns it",
		func(o *oracle) int { return o.refusals }, "refusals", nil},
	{promiseLeaves, "A host that leaves without faults meanwhile completes its leave; any number leave at once",
		func(o *oracle) int { return o.leaves }, "leaves", func(o *oracle) time.Duration { return o.left }},
	{promiseLookups, "The owner that a lookup returns owned the key at some instant meanwhile",
		func(o *oracle) int { return o.lookups }, "lookups", nil},
	{promiseAnswers, "Within T every get and put is answered again, from any host",
		func(o *oracle) int { return o.finals }, "operations", nil},
	{promiseRest, "Two minutes later there is one version of a key, on min(R, hosts) hosts and no other",
		func(o *oracle) int { return o.rested }, "keys", nil},
}

// table is the outcome as Markdown.
func table(all []outcome) string {
	var b strings.Builder
	extinct, operations := 0, 0
	for _, x := range all {
		operations += x.o.gets + x.o.puts + x.o.deletes
		if x.o.extinct {
			extinct++
		}
	}
	fmt.Fprintf(&b, "%d seeds, %d operations; in %d plans no active member was left. T is %v.\n", len(all), operations, extinct, convergence)
	b.WriteString("\n| promise | tried | broken | p99 | worst |\n|-|-|-|-|-|\n")
	for _, r := range rows {
		tried := 0
		var broken []string
		var times []time.Duration
		for _, x := range all {
			tried += r.tried(x.o)
			if slices.ContainsFunc(x.o.wrong, func(v violation) bool { return v.promise == r.promise }) {
				broken = append(broken, fmt.Sprint(x.seed))
			}
			if r.time != nil && !x.o.extinct {
				times = append(times, r.time(x.o))
			}
		}
		p99, worst := "", ""
		if r.time != nil {
			p99, worst = seconds(quantile(times, .99)), seconds(quantile(times, 1))
		}
		fmt.Fprintf(&b, "| %s | %d %s | %s | %s | %s |\n", r.text, tried, r.unit, seedsOf(broken), p99, worst)
	}
	if len(knownFailures) > 0 && !*ungated {
		b.WriteString("\nNot run, while the faults that they show are not repaired:\n\n")
		for _, seed := range slices.Sorted(maps.Keys(knownFailures)) {
			fmt.Fprintf(&b, "- seed %d: %s\n", seed, knownFailures[seed])
		}
	}
	return b.String()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// seedsOf lists the seeds, with their number.
func seedsOf(seeds []string) string {
	switch n := len(seeds); {
	case n == 0:
		return "never"
	case n > 8:
		return fmt.Sprintf("in %d seeds: %s, …", n, strings.Join(seeds[:8], ", "))
	}
	return fmt.Sprintf("in %d seeds: %s", len(seeds), strings.Join(seeds, ", "))
}

func writePromises(t *testing.T, file string, all []outcome) {
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := bytes.Cut(page, []byte(beginMark))
	_, after, ok2 := bytes.Cut(rest, []byte(endMark))
	if !ok || !ok2 {
		t.Fatalf("%s has no section for the table", file)
	}
	if err := os.WriteFile(file, []byte(string(before)+beginMark+"\n"+table(all)+"\n"+endMark+string(after)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestEveryPromiseHasARow: the table has a row for each promise that an oracle can find broken.
func TestEveryPromiseHasARow(t *testing.T) {
	for _, p := range []promise{promiseOrder, promiseReplicas, promiseKept, promiseReads, promiseRefused, promiseLeaves, promiseLookups, promiseAnswers, promiseRest} {
		if !slices.ContainsFunc(rows, func(r row) bool { return r.promise == p }) {
			t.Errorf("%s has no row", p)
		}
	}
}
