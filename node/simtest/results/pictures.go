package main

import (
	"fmt"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
)

// pictures returns the plots, by file name.
func pictures(f *Figures) map[string]picture {
	return map[string]picture{
		"path-length.svg": pathPicture(f.Paths),
		"path-shares.svg": sharesPicture(f.Paths),
		"key-balance.svg": balancePicture(f.Balance),
		"virtual.svg":     virtualPicture(f.Virtual),
		"failures.svg":    failurePicture(f.Failures),
		"churn.svg":       churnPicture(f.Churn),
		"flash-crowd.svg": joinBurstPicture(f.Crowds),
		"latency.svg":     latencyPicture(f.Modes),
	}
}

func pathPicture(list []PathLength) picture {
	at := func(p PathLength) float64 { return float64(p.Exponent) }
	p := picture{title: "Path length (bars: 1st to 99th percentile)", x: "members", y: "hops", curves: []curve{
		{name: "fingers alone", colour: blue, points: points(list, at, func(p PathLength) float64 { return p.Hops.Mean }),
			low: values(list, func(p PathLength) float64 { return p.Hops.P1 }), high: values(list, func(p PathLength) float64 { return p.Hops.P99 })},
		{name: "fingers and lists of 8", colour: green, points: points(list, at, func(p PathLength) float64 { return p.Lists.Mean })},
		{name: "½ log2 N", colour: orange, points: points(list, at, PathLength.Half), theirs: true, plain: true},
	}}
	for _, l := range list {
		p.ticks = append(p.ticks, plot.Tick{Value: at(l), Label: fmt.Sprint(1 << l.Exponent)})
	}
	return p
}

func sharesPicture(list []PathLength) picture {
	p := picture{title: "How many lookups take how many hops", x: "hops", y: "% of lookups"}
	for i, l := range list {
		if l.Exponent == 6 || l.Exponent == 10 || l.Exponent == 14 {
			xys := make(plotter.XYs, len(l.Shares))
			for hops, share := range l.Shares {
				xys[hops] = plotter.XY{X: float64(hops), Y: share}
			}
			p.curves = append(p.curves, curve{name: fmt.Sprintf("%d members", 1<<list[i].Exponent),
				colour: palette[len(p.curves)%len(palette)], points: xys})
		}
	}
	return p
}

func balancePicture(list []Balance) picture {
	at := func(b Balance) float64 { return float64(b.Keys) / 1000 }
	mean := func(b Balance) float64 { return float64(b.Keys) / float64(b.Hosts) }
	return picture{title: "Keys on a host of one member, 10,000 hosts (bars: 1st to 99th percentile)", x: "thousand keys", y: "keys per host", curves: []curve{
		{name: "mean", colour: blue, points: points(list, at, mean),
			low: values(list, func(b Balance) float64 { return b.Load.P1 * mean(b) }), high: values(list, func(b Balance) float64 { return b.Load.P99 * mean(b) })},
		{name: "fullest host", colour: orange, points: points(list, at, func(b Balance) float64 { return b.Fullest.Mean * mean(b) })},
	}}
}

func virtualPicture(list []Balance) picture {
	at := func(b Balance) float64 { return float64(b.Virtual) }
	t := theirBalance
	return picture{title: "Keys on a host of several members, in means", x: "members per host", y: "share of the mean", curves: []curve{
		{name: "99th percentile", colour: blue, points: points(list, at, func(b Balance) float64 { return b.Load.P99 })},
		{name: "1st percentile", colour: green, points: points(list, at, func(b Balance) float64 { return b.Load.P1 })},
		{name: "ToN, 99th", colour: blue, theirs: true, points: plotter.XYs{{X: 1, Y: t.P99One}, {X: 20, Y: t.P99Twenty}}},
		{name: "ToN, 1st", colour: green, theirs: true, points: plotter.XYs{{X: 1, Y: t.P1One}, {X: 20, Y: t.P1Twenty}}},
	}}
}

func failurePicture(list []Failure) picture {
	at := func(f Failure) float64 { return 100 * f.Share }
	theirs := func(y func(FailureRow) float64) plotter.XYs {
		xys := make(plotter.XYs, len(tableII))
		for i, row := range tableII {
			xys[i] = plotter.XY{X: 100 * shares[i], Y: y(row)}
		}
		return xys
	}
	p := picture{title: "Lookups after simultaneous failures", x: "% of members failed", y: "per lookup", curves: []curve{
		{name: "hops", colour: blue, points: points(list, at, func(f Failure) float64 { return f.Hops.Mean })},
		{name: "timeouts", colour: orange, points: points(list, at, func(f Failure) float64 { return f.Timeouts.Mean })},
		{name: "hops, ToN", colour: blue, theirs: true, points: theirs(func(r FailureRow) float64 { return r.Path.Mean })},
		{name: "timeouts, ToN", colour: orange, theirs: true, points: theirs(func(r FailureRow) float64 { return r.Timeouts.Mean })},
	}}
	for _, f := range list {
		p.ticks = append(p.ticks, plot.Tick{Value: at(f), Label: fmt.Sprint(at(f))})
	}
	return p
}

func churnPicture(list []Churn) picture {
	at := func(c Churn) float64 { return c.Rate }
	xys := make(plotter.XYs, len(tableIII))
	for i, row := range tableIII {
		xys[i] = plotter.XY{X: paper.ChurnRates[i], Y: row.Failed}
	}
	return picture{title: "Lookups that fail under churn", x: "joins, and leaves, per second", y: "per 10,000 lookups", curves: []curve{
		{name: "failed", colour: blue, points: points(list, at, func(c Churn) float64 { return c.Per10k(c.Failed) })},
		{name: "wrong", colour: green, points: points(list, at, func(c Churn) float64 { return c.Per10k(c.Wrong) })},
		{name: "failed, ToN", colour: orange, theirs: true, points: xys},
	}}
}

func joinBurstPicture(list []JoinBurst) picture {
	p := picture{title: "500 members join at once: ring error", x: "base stabilize intervals since", y: "ring error"}
	for i, c := range list {
		p.curves = append(p.curves, curve{
			name: fmt.Sprintf("join %d", c.Settled), colour: palette[i%len(palette)], plain: true,
			points: points(c.Errors, func(e Instant) float64 { return e.At }, func(e Instant) float64 { return float64(e.Error) }),
		})
	}
	return p
}

func latencyPicture(list []Mode) picture {
	p := picture{title: "Time that lookups take", x: "seconds", y: "% of lookups have ended"}
	for i, m := range list {
		xys := make(plotter.XYs, len(m.Centiles))
		for q, v := range m.Centiles {
			xys[q] = plotter.XY{X: v, Y: float64(q + 1)}
		}
		p.curves = append(p.curves, curve{name: string(m.Mode), colour: palette[i%len(palette)], points: xys, plain: true})
	}
	return p
}
