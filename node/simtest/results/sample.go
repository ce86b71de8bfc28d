package main

import (
	"math"
	"slices"
)

// A sample is a list of measured values.
type sample []float64

func add[N int | int64 | float64](s *sample, value N) { *s = append(*s, float64(value)) }

// A Stat is a summary of a sample.
type Stat struct {
	N                       int
	Mean, P1, P50, P99, Max float64
}

func (s sample) stat() Stat {
	return Stat{len(s), round(s.mean()), round(s.quantile(0.01)), round(s.quantile(0.5)), round(s.quantile(0.99)), round(s.quantile(1))}
}

// round keeps more digits than a reader needs, and drops those in which machines differ.
func round(v float64) float64 { return math.Round(v*1e4) / 1e4 }

// mean is the mean; 0 for an empty sample.
func (s sample) mean() float64 {
	sum := 0.0
	for _, v := range s {
		sum += v
	}
	return sum / max(float64(len(s)), 1)
}

// quantile is the least value that at least a share q of the sample does not exceed; 0 for an empty sample.
func (s sample) quantile(q float64) float64 {
	if len(s) == 0 {
		return 0
	}
	if !slices.IsSorted(s) {
		slices.Sort(s)
	}
	return s[max(int(math.Ceil(q*float64(len(s))))-1, 0)]
}

// shares is how much of a sample of small whole numbers falls on 0, 1, 2, …, in percent.
func (s sample) shares() []float64 {
	list := make([]float64, int(s.quantile(1))+1)
	for _, v := range s {
		list[int(v)] += 100 / float64(len(s))
	}
	for i := range list {
		list[i] = round(list[i])
	}
	return list
}

// centiles are the 1st, 2nd, … 99th.
func (s sample) centiles() (list []float64) {
	for q := 1; q < 100; q++ {
		list = append(list, round(s.quantile(float64(q)/100)))
	}
	return list
}
