package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"chordconductor/test/internal/section"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run() error {
	var (
		root    = flag.String("root", "..", "root of the repository")
		which   = flag.String("suite", "node", "which code is mutated: "+strings.Join(names(), ", "))
		count   = flag.Int("n", 100, "mutants to draw, beside the named ones")
		seed    = flag.Uint64("seed", 1, "seed of the random draw of mutants")
		workers = flag.Int("workers", 1, "number of mutants tested at the same time")
		only    = flag.String("only", "", "test only the mutants whose name matches this regular expression")
		stages  = flag.Int("stages", 0, "run only this many of a package's test runs, the cheapest first; 0: all")
		list    = flag.Bool("list", false, "print the mutants and run nothing")
		verbose = flag.Bool("v", false, "print the tests' output")
		most    = flag.Duration("limit", 0, "begin no further mutant after this time; 0: no limit")
		file    = flag.String("results", "", "file of outcomes: mutants in it are not tested again, and the outcomes of others are appended")
		noRun   = flag.Bool("report", false, "test nothing: report the outcomes in the file, up to the first drawn mutant that is not in it")
		again   = flag.Bool("again", false, "test the mutants again that the file of outcomes lists as survivors")
		out     = flag.String("out", "", "page whose section on mutants is replaced by the results")
	)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	i := slices.IndexFunc(suites, func(s suite) bool { return s.name == *which })
	if i < 0 {
		return fmt.Errorf("-suite %s: must be one of %s", *which, strings.Join(names(), ", "))
	}
	s := suites[i]
	match, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	absolute, err := filepath.Abs(*root)
	if err != nil {
		return err
	}
	chosen, drawn, sites, err := s.choose(absolute, *seed)
	if err != nil {
		return err
	}
	fits := func(m mutant) bool { return !match.MatchString(m.String()) }
	chosen, drawn = slices.DeleteFunc(chosen, fits), slices.DeleteFunc(drawn, fits)
	if *list {
		for _, m := range slices.Concat(chosen, drawn[:min(*count, len(drawn))]) {
			fmt.Printf("%v\n\t%s\n\t%s\n", m, m.before, m.after)
		}
		return nil
	}
	known, err := readResults(*file)
	if err != nil {
		return err
	}
	if *noRun {
		if i := slices.IndexFunc(drawn, func(m mutant) bool { _, ok := known.get(m, false); return !ok }); i >= 0 {
			drawn = drawn[:i]
		}
	}
	r := &runner{root: absolute, verbose: *verbose, limits: map[string]limit{}, stages: func(dir string) []stage {
		all := s.stages(dir)
		if *stages > 0 {
			all = all[:min(*stages, len(all))]
		}
		return all
	}}
	one := func(m mutant) (outcome, error) {
		if o, ok := known.get(m, *again); ok {
			return o, nil
		}
		o, err := r.run(ctx, m)
		if err != nil {
			return o, err
		}
		fmt.Printf("%-9s %v %s %s (%v)\n", o.verdict, m, o.stage, o.by, o.took.Round(time.Second))
		return o, known.add(o)
	}
	outcomes, err := all(one, chosen, drawn, *count, *workers, *most)
	page := report(outcomes, sites, *seed)
	fmt.Println(page)
	if err != nil || *out == "" {
		return err
	}
	return section.Replace(*out, "mutants", page)
}

// all returns the outcomes of the chosen mutants, then of drawn mutants until count of these have compiled.
func all(run func(mutant) (outcome, error), chosen, drawn []mutant, count, workers int, most time.Duration) ([]outcome, error) {
	var mu sync.Mutex
	var outcomes []outcome
	var failure error
	valid := 0 // drawn mutants that compile, or are being tried
	begin := time.Now()
	next := func() (mutant, bool) {
		mu.Lock()
		defer mu.Unlock()
		if failure != nil || most > 0 && time.Since(begin) > most {
			return mutant{}, false
		}
		if len(chosen) > 0 {
			m := chosen[0]
			chosen = chosen[1:]
			return m, true
		}
		if valid == count || len(drawn) == 0 {
			return mutant{}, false
		}
		valid++
		m := drawn[0]
		drawn = drawn[1:]
		return m, true
	}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for m, ok := next(); ok; m, ok = next() {
				o, err := run(m)
				mu.Lock()
				switch {
				case err != nil:
					failure = err
				case o.verdict == invalid && m.name != "":
					failure = fmt.Errorf("%v does not compile", m)
				case o.verdict == invalid:
					valid--
				default:
					outcomes = append(outcomes, o)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.SortStableFunc(outcomes, func(a, b outcome) int { return strings.Compare(a.String(), b.String()) })
	return outcomes, failure
}

// choose returns a suite's named mutants, the others in the order in which they are drawn, and the number of others.
func (s suite) choose(root string, seed uint64) (chosen, drawn []mutant, total int, err error) {
	for _, n := range s.named {
		m, err := n.mutant(root)
		if err != nil {
			return nil, nil, 0, err
		}
		chosen = append(chosen, m)
	}
	var all []mutant
	for _, dir := range s.dirs {
		found, err := sites(root, dir)
		if err != nil {
			return nil, nil, 0, err
		}
		all = append(all, found...)
	}
	return chosen, draw(all, func(m mutant) string { return part(m.file) }, seed), len(all), nil
}

func names() []string {
	var all []string
	for _, s := range suites {
		all = append(all, s.name)
	}
	return all
}
