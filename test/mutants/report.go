package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// The marks around the section of a page that the outcome replaces.
const (
	beginMark = "<!-- mutants: begin -->\n"
	endMark   = "<!-- mutants: end -->\n"
)

// report is the outcome as Markdown.
func report(all []outcome, sites int, seed uint64) string {
	type tally struct{ killed, total int }
	var b strings.Builder
	byKind := map[string]*tally{}
	var order []string
	var sum tally
	for _, o := range all {
		kind := o.operator
		if o.name != "" {
			kind = "named"
		}
		t := byKind[kind]
		if t == nil {
			t = &tally{}
			byKind[kind] = t
			order = append(order, kind)
		}
		t.total++
		sum.total++
		if o.verdict == killed {
			t.killed++
			sum.killed++
		}
	}
	if sum.total == 0 {
		return "No mutant has been run.\n"
	}
	fmt.Fprintf(&b, "%d of %d mutants killed (%.1f %%), drawn with seed %d from %d places.\n\n| kind | mutants | killed |\n|-|-|-|\n", sum.killed, sum.total, 100*float64(sum.killed)/float64(sum.total), seed, sites)
	for _, kind := range order {
		fmt.Fprintf(&b, "| %s | %d | %d |\n", kind, byKind[kind].total, byKind[kind].killed)
	}
	b.WriteString("\nSurvivors:\n")
	for _, o := range all {
		if o.verdict == survived {
			fmt.Fprintf(&b, "\n- %v\n\n  ```go\n  - %s\n  + %s\n  ```\n", o.mutant, indent(o.before), indent(o.after))
			if why := excuses[o.String()]; why != "" {
				fmt.Fprintf(&b, "\n  Equivalent: %s\n", why)
			}
		}
	}
	if sum.killed == sum.total {
		b.WriteString("none.\n")
	}
	return b.String()
}

// excuses prove that a survivor does the same as the program.
var excuses = map[string]string{}

func indent(text string) string { return strings.ReplaceAll(text, "\n", "\n    ") }

// replaceSection puts text between the marks of a page.
func replaceSection(file, text string) error {
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(page, []byte(beginMark))
	_, after, ok2 := bytes.Cut(rest, []byte(endMark))
	if !ok || !ok2 {
		return fmt.Errorf("%s: has no section between %q and %q", file, beginMark, endMark)
	}
	return os.WriteFile(file, []byte(string(before)+beginMark+"\n"+text+"\n"+endMark+string(after)), 0o644)
}
