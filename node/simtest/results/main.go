// Results measures the figures of the Chord papers on this project's code and writes docs/results.md: tables and plots
// beside the paper's numbers. `make results` runs it.
//
// Path length, key balance and lookups among failed members depend on package chord only and are measured on rings at
// rest that are made of its types; churn, join bursts and latency on running members in a simulated world. One seed is
// one result, on any machine: the file contains nothing about the machine.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

func main() {
	err := run(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "results:", err)
		os.Exit(2)
	}
}

const figuresFile = "results/figures.json" // in the documentation's folder

func run(args []string) error {
	flags := flag.NewFlagSet("results", flag.ContinueOnError)
	out := flags.String("out", "docs", "`folder` of the documentation, where results.md and results/ are written")
	seed := flags.Uint64("seed", 1, "seed of everything")
	only := flags.String("only", "", "comma-separated `figures` to measure, the others being kept as they are: "+strings.Join(figureNames(), ", ")+"; none: only write the page anew")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	figures, fresh := new(Figures), new(Figures)
	fresh.Seed = *seed
	jobs := paper.jobs(fresh)
	if *only != "" {
		var err error
		if figures, err = load(filepath.Join(*out, figuresFile)); err != nil {
			return fmt.Errorf("-only keeps the other figures, which cannot be read: %w", err)
		}
		wanted := strings.Split(*only, ",")
		for _, name := range wanted {
			if !slices.Contains(append(figureNames(), "none"), name) {
				return fmt.Errorf("-only %q: no such figure; there are %s, and none", name, strings.Join(figureNames(), ", "))
			}
		}
		jobs = slices.DeleteFunc(jobs, func(j job) bool { return !slices.Contains(wanted, j.figure) })
	}
	debug.SetGCPercent(400) // rings are large and long-lived, messages small and short-lived
	if err := measure(jobs, runtime.GOMAXPROCS(0), func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	}); err != nil {
		return err
	}
	figures.take(fresh, jobs)
	return write(figures, *out)
}

func figureNames() (names []string) {
	for _, j := range paper.jobs(new(Figures)) {
		if !slices.Contains(names, j.figure) {
			names = append(names, j.figure)
		}
	}
	return names
}

// take copies the results of jobs.
func (f *Figures) take(fresh *Figures, jobs []job) {
	f.Seed = fresh.Seed
	for _, j := range jobs {
		switch j.figure {
		case "paths":
			f.Paths = fresh.Paths
		case "balance":
			f.Balance = fresh.Balance
		case "virtual":
			f.Virtual = fresh.Virtual
		case "failures":
			f.Failures = fresh.Failures
		case "shocks":
			f.Shocks = fresh.Shocks
		case "churn":
			f.Churn = fresh.Churn
		case "crowds":
			f.Crowds = fresh.Crowds
		case "modes":
			f.Modes = fresh.Modes
		}
	}
}

func load(file string) (*Figures, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	f := new(Figures)
	if err := json.Unmarshal(data, f); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return f, nil
}

// write writes the figures, the plots and the page, if all figures are measured.
func write(f *Figures, folder string) error {
	files, err := render(f)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(folder, "results"), 0o755); err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
