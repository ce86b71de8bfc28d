package main

// The papers' results, to print beside ours. ToN: Stoica et al., "Chord", IEEE/ACM Transactions on Networking, 2003.

// A Triple is a mean with the 1st and the 99th percentile.
type Triple struct{ Mean, P1, P99 float64 }

// A FailureRow is one of ToN Table II; a ChurnRow of Table III.
type FailureRow struct{ Path, Timeouts Triple }

type ChurnRow struct{ Path, Timeouts, Failed float64 }

var tableII = []FailureRow{ // by shares
	{Triple{3.84, 2, 5}, Triple{0, 0, 0}},
	{Triple{4.03, 2, 6}, Triple{.60, 0, 2}},
	{Triple{4.22, 2, 6}, Triple{1.17, 0, 3}},
	{Triple{4.44, 2, 6}, Triple{2.02, 0, 5}},
	{Triple{4.69, 2, 7}, Triple{3.23, 0, 8}},
	{Triple{5.09, 3, 8}, Triple{5.10, 0, 11}},
}

var tableIII = []ChurnRow{ // by paper.ChurnRates
	{3.90, .05, 0}, {3.83, .11, 0}, {3.84, .16, 2}, {3.81, .23, 5}, {3.83, .30, 6}, {3.91, .34, 8}, {3.94, .42, 16}, {4.06, .46, 15},
}

// Figures of ToN, section V.B, relative to the mean number of keys. Fullest and P99: the fullest host and the 99th
// percentile, with 10^4 hosts and 5·10^5 keys. The others: the 1st and 99th percentiles with 10^6 keys, with one member
// and with twenty members on each host.
var theirBalance = struct{ Fullest, P99, P1One, P99One, P1Twenty, P99Twenty float64 }{9.1, 4.6, 0, 4.8, .5, 1.6}
