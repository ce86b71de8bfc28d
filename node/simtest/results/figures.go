package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Figures are all measurements: the content of docs/results/figures.json, from which docs/results.md is generated.
type Figures struct {
	Seed     uint64
	Paths    []PathLength
	Balance  []Balance // with more and more keys
	Virtual  []Balance // with more and more members on a host
	Failures []Failure
	Shocks   []Shock
	Churn    []Churn
	Crowds   []JoinBurst
	Modes    []Mode
}

// A Scale sets the sizes of the experiments: members, keys, lookups and repetitions.
type Scale struct {
	Exponents            []int // of the rings whose path length is measured
	PathLookups          int
	BalanceHosts, Rings  int
	Keys, Virtual        []int
	FailureMembers       int
	FailureLookups       int
	ShockMembers         int
	ShockLookups         int
	ChurnMembers         int
	ChurnSpan            time.Duration
	ChurnRates           []float64
	CrowdSettled         []int
	CrowdJoining         int
	ModeMembers, ModeAsk int
}

// paper is the scale of the paper's experiments.
var paper = Scale{
	Exponents: []int{3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}, PathLookups: 20_000,
	BalanceHosts: 10_000, Rings: 5, Virtual: []int{1, 2, 5, 10, 20},
	Keys:           []int{100_000, 200_000, 300_000, 400_000, 500_000, 600_000, 700_000, 800_000, 900_000, 1_000_000},
	FailureMembers: 1000, FailureLookups: 10_000,
	ShockMembers: 250, ShockLookups: 5000,
	ChurnMembers: 1000, ChurnSpan: 3000 * time.Second, ChurnRates: []float64{.05, .10, .15, .20, .25, .30, .35, .40},
	CrowdSettled: []int{4, 64, 500}, CrowdJoining: 500,
	ModeMembers: 1000, ModeAsk: 10_000,
}

var shares = []float64{0, .1, .2, .3, .4, .5} // of members that fail

// A job measures one part of the figures.
type job struct {
	figure, what string
	cost         float64 // roughly, in processor seconds: the most expensive run first
	run          func() error
}

// jobs lists all parts of the measurement. Each writes to its own fields and draws from its own seed, so they may run
// in any order and concurrently.
func (s Scale) jobs(f *Figures) (list []job) {
	add := func(figure, what string, cost float64, run func() error) {
		list = append(list, job{figure, what, cost, run})
	}
	f.Paths = make([]PathLength, len(s.Exponents))
	for i, e := range s.Exponents {
		add("paths", fmt.Sprintf("path length, N = 2^%d", e), float64(e)/10, func() error {
			f.Paths[i] = measurePathLength(e, s.PathLookups, f.Seed)
			return nil
		})
	}
	add("balance", "keys per host", 10, func() error {
		f.Balance = measureBalance(s.BalanceHosts, 1, s.Keys, s.Rings, f.Seed)
		return nil
	})
	f.Virtual = make([]Balance, len(s.Virtual))
	for i, v := range s.Virtual {
		add("virtual", fmt.Sprintf("keys per host of %d members", v), 5+float64(v)/5, func() error {
			f.Virtual[i] = measureBalance(s.BalanceHosts, v, s.Keys[len(s.Keys)-1:], s.Rings, f.Seed)[0]
			return nil
		})
	}
	f.Failures = make([]Failure, len(shares))
	f.Shocks = make([]Shock, len(shares))
	for i, share := range shares {
		add("failures", fmt.Sprintf("lookups after %.0f %% of the members have failed", 100*share), 1, func() error {
			f.Failures[i] = measureFailure(share, s.FailureMembers, s.FailureLookups, f.Seed)
			return nil
		})
		add("shocks", fmt.Sprintf("lookups in a running ring while %.0f %% of its members fail", 100*share), 20, func() (err error) {
			f.Shocks[i], err = measureShock(share, s.ShockMembers, s.ShockLookups, f.Seed)
			return err
		})
	}
	f.Churn = make([]Churn, len(s.ChurnRates))
	for i, rate := range s.ChurnRates {
		add("churn", fmt.Sprintf("churn of %.2f/s", rate), 40, func() (err error) {
			f.Churn[i], err = measureChurn(rate, s.ChurnMembers, s.ChurnSpan, f.Seed+uint64(i))
			return err
		})
	}
	f.Crowds = make([]JoinBurst, len(s.CrowdSettled))
	for i, settled := range s.CrowdSettled {
		add("crowds", fmt.Sprintf("%d join %d", s.CrowdJoining, settled), 15, func() (err error) {
			f.Crowds[i], err = measureJoinBurst(settled, s.CrowdJoining, f.Seed)
			return err
		})
	}
	add("modes", "recursive and iterative lookups", 20, func() (err error) {
		f.Modes, err = measureModes(s.ModeMembers, s.ModeAsk, f.Seed)
		return err
	})
	return list
}

// measure runs jobs, some at a time, and prints its progress.
func measure(jobs []job, workers int, printf func(format string, args ...any)) error {
	slices.SortStableFunc(jobs, func(a, b job) int { return cmp.Compare(b.cost, a.cost) })
	start := time.Now()
	var mu sync.Mutex
	next, done := 0, 0
	var failed []error
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			for {
				mu.Lock()
				if next == len(jobs) {
					mu.Unlock()
					return
				}
				j := jobs[next]
				next++
				mu.Unlock()
				err := j.run()
				mu.Lock()
				done++
				if err != nil {
					failed = append(failed, fmt.Errorf("%s: %w", j.what, err))
				}
				printf("%4.0f s  %d of %d  %s", time.Since(start).Seconds(), done, len(jobs), j.what)
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	return errors.Join(failed...)
}
