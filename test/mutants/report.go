package main

import (
	"fmt"
	"strings"
)

// A tally counts the mutants of one kind by verdict.
type tally struct{ killed, tooLong, survived int }

func (t tally) total() int { return t.killed + t.tooLong + t.survived }

func (t *tally) add(v verdict) {
	switch v {
	case killed:
		t.killed++
	case tooLong:
		t.tooLong++
	case survived:
		t.survived++
	}
}

// report returns the outcomes as Markdown.
func report(all []outcome, sites int, seed uint64) string {
	var b strings.Builder
	var sum tally
	kinds, stages := map[string]*tally{}, map[string]*tally{}
	var kindOrder, stageOrder []string
	count := func(of map[string]*tally, order *[]string, name string, v verdict) {
		if of[name] == nil {
			of[name] = &tally{}
			*order = append(*order, name)
		}
		of[name].add(v)
	}
	for _, o := range all {
		sum.add(o.verdict)
		count(kinds, &kindOrder, o.operator, o.verdict)
		if o.verdict != survived {
			count(stages, &stageOrder, o.stage, o.verdict)
		}
	}
	if sum.total() == 0 {
		return "No mutant has been run.\n"
	}
	noticed := sum.killed + sum.tooLong
	fmt.Fprintf(&b, "%d of %d mutants killed (%.1f %%), %d of them because the tests used far more time;\ndrawn with seed %d from %d places.\n",
		noticed, sum.total(), 100*float64(noticed)/float64(sum.total()), sum.tooLong, seed, sites)
	b.WriteString("\n| kind | mutants | killed by a test | too long | survived |\n|-|-|-|-|-|\n")
	for _, kind := range kindOrder {
		t := kinds[kind]
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d |\n", kind, t.total(), t.killed, t.tooLong, t.survived)
	}
	b.WriteString("\n| tests, the cheapest first | killed by a test | too long |\n|-|-|-|\n")
	for _, stage := range stageOrder {
		fmt.Fprintf(&b, "| %s | %d | %d |\n", stage, stages[stage].killed, stages[stage].tooLong)
	}
	if sum.survived == 0 {
		b.WriteString("\nSurvivors: none.\n")
		return b.String()
	}
	b.WriteString("\nSurvivors:\n")
	for _, o := range all {
		if o.verdict == survived {
			fmt.Fprintf(&b, "\n- %v\n\n  ```go\n  - %s\n  + %s\n  ```\n", o.mutant, indent(o.before), indent(o.after))
			if why := proof(o.mutant); why != "" {
				fmt.Fprintf(&b, "\n  %s\n", why)
			}
		}
	}
	return b.String()
}

func indent(text string) string { return strings.ReplaceAll(text, "\n", "\n    ") }
