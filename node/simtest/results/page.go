package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"text/template"
)

//go:embed results.md.tmpl
var pageText string

var page = template.Must(template.New("results.md").Funcs(template.FuncMap{
	"triple": func(s Stat) string { return fmt.Sprintf("%.2f (%.0f, %.0f)", s.Mean, s.P1, s.P99) },
	"theirs": func(t Triple) string { return fmt.Sprintf("%.2f (%.0f, %.0f)", t.Mean, t.P1, t.P99) },
	"pow":    func(e int) int { return 1 << e },
	"pct":    func(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) },
}).Parse(pageText))

// render makes all files, by name.
func render(f *Figures) (map[string][]byte, error) {
	data, err := json.MarshalIndent(f, "", "\t")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{figuresFile: append(data, '\n')}
	for name, p := range pictures(f) {
		if files["results/"+name], err = p.svg(); err != nil {
			return nil, err
		}
	}
	var text bytes.Buffer
	if err := page.Execute(&text, newView(f)); err != nil {
		return nil, err
	}
	files["results.md"] = text.Bytes()
	return files, nil
}

// A view is the figures with the paper's numbers beside them.
type view struct {
	*Figures
	Scale    Scale
	Failures []failureView
	Churn    []churnView
	Theirs   any
	At500k   Balance // of Balance, the one that the paper gives numbers for
	Sums     struct{ Lookups, Failed, Unanswered, Wrong int }
	Shocked  struct{ Lookups, Unanswered, Wrong int }
}

type failureView struct {
	Failure
	Theirs FailureRow
}

type churnView struct {
	Churn
	Theirs ChurnRow
}

func newView(f *Figures) view {
	v := view{Figures: f, Scale: paper, Theirs: theirBalance}
	for i, row := range f.Failures {
		v.Failures = append(v.Failures, failureView{row, tableII[i]})
	}
	for i, row := range f.Churn {
		v.Churn = append(v.Churn, churnView{row, tableIII[i]})
		v.Sums.Lookups += row.Lookups.Lookups
		v.Sums.Failed += row.Failed
		v.Sums.Unanswered += row.Unanswered
		v.Sums.Wrong += row.Wrong
	}
	for _, row := range f.Shocks {
		v.Shocked.Lookups += row.Lookups.Lookups
		v.Shocked.Unanswered += row.Unanswered
		v.Shocked.Wrong += row.Wrong
	}
	for _, b := range f.Balance {
		if b.Keys == 500_000 {
			v.At500k = b
		}
	}
	return v
}
