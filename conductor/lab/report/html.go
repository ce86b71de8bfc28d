package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/plot/plotter"

	"chordconductor/conductor/lab/load"
	"chordconductor/internal/duration"
)

//go:embed page.html.tmpl
var pageText string

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"join":    strings.Join,
	"bytes":   bytesText,
	"percent": func(v float64) string { return fmt.Sprintf("%.0f %%", 100*v) },
	"f1":      func(v float64) string { return fmt.Sprintf("%.1f", v) },
	"f2":      func(v float64) string { return fmt.Sprintf("%.2f", v) },
	"top":     func(n int, list []Load) []Load { return list[:min(n, len(list))] },
	"topOps":  func(n int, list []Operation) []Operation { return list[:min(n, len(list))] },
	"at":      func(s float64) string { return secondsText(s) },
	"seconds": func(s *float64) string { return secondsText(*s) },
	"trace":   traceLink,
	"slow":    slowTables,
	"ms":      millisText,
	"path":    pathText,
	"few":     fewText,
}).Parse(pageText))

// HTML returns the report as one page without external resources.
func (rep *Report) HTML() ([]byte, error) {
	charts, err := rep.charts()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = page.Execute(&out, map[string]any{"R": rep, "C": charts, "Jaeger": rep.JaegerUI})
	return out.Bytes(), err
}

// charts draws all pictures, by name.
func (rep *Report) charts() (map[string]template.HTML, error) {
	var marks []float64
	for _, p := range rep.Phases[min(1, len(rep.Phases)):] { // the first is the time before all phases
		marks = append(marks, p.FromS)
	}
	over := func(y string, lines ...series) chart {
		return chart{x: "seconds since the start", y: y, series: lines, marks: marks}
	}
	line := func(name string, value func(Point) float64) series {
		s := series{name: name, colour: blue}
		for _, p := range rep.Timeline {
			s.points = append(s.points, plotter.XY{X: p.AtS, Y: value(p)})
		}
		return s
	}
	other := func(s series) series { s.colour = orange; return s }
	pictures := map[string]chart{
		"members":    over("active members", line("", func(p Point) float64 { return float64(p.Active) })),
		"error":      over("ring error", line("", func(p Point) float64 { return float64(p.RingError) })),
		"violations": over("violations", line("", func(p Point) float64 { return float64(p.Violations) })),
		"latency": over("latency, ms", line("p50", func(p Point) float64 { return p.P50MS }),
			other(line("p99", func(p Point) float64 { return p.P99MS }))),
		"rate": over("operations per second", line("answered", func(p Point) float64 { return p.Rate }),
			other(line("failed or refused", func(p Point) float64 { return float64(p.Failures + p.Refused) }))),
		"hops":  {x: "hops, the owner not counted", y: "share of operations, %", bars: rep.hopShares(), bound: rep.Summary.HalfLog},
		"loads": rep.loadChart(),
	}
	out := make(map[string]template.HTML, len(pictures))
	for name, c := range pictures {
		svg, err := c.draw()
		if err != nil {
			return nil, err
		}
		out[name] = svg
	}
	return out, nil
}

// hopShares returns the share of operations in percent, by the number of hops from 0 on.
func (rep *Report) hopShares() []float64 {
	var total uint64
	for _, b := range rep.Hops {
		total += b.Count
	}
	shares := []float64{0}
	for _, b := range rep.Hops {
		for int64(len(shares)) <= min(b.Top, 63) {
			shares = append(shares, 0)
		}
		shares[min(b.Top, 63)] += 100 * float64(b.Count) / float64(total)
	}
	return shares
}

// loadChart shows the members' keys, the member with the most keys first, beside the keys expected from their arcs, and
// beside the theory of arcs: with one point on the circle for each member, the lengths of arcs are distributed
// exponentially.
func (rep *Report) loadChart() chart {
	n := len(rep.Loads)
	owned := series{name: "keys owned", colour: blue}
	arcs := series{name: "expected from the arc", colour: orange, dashed: true}
	theory := series{name: "theory, exponential arcs", colour: grey}
	var keys float64
	expected := make([]float64, 0, n)
	for _, l := range rep.Loads {
		keys += float64(l.Owned)
		expected = append(expected, l.Expected)
	}
	slices.SortFunc(expected, func(a, b float64) int { return -cmpFloat(a, b) })
	for i, l := range rep.Loads {
		x := float64(i + 1)
		owned.points = append(owned.points, plotter.XY{X: x, Y: float64(l.Owned)})
		arcs.points = append(arcs.points, plotter.XY{X: x, Y: expected[i]})
		theory.points = append(theory.points, plotter.XY{X: x, Y: keys / float64(n) * math.Log(float64(n)/(x-0.5))})
	}
	return chart{x: "members, the fullest first", y: "keys", series: []series{theory, arcs, owned}}
}

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// A slowTable lists slow operations of one kind.
type slowTable struct {
	Name    string
	HasPath bool // the path is known hop by hop
	List    []Slow
}

// slowTables separates lookups, whose path is known hop by hop, from gets and puts.
func slowTables(all []Slow) []slowTable {
	tables := []slowTable{{Name: "lookups", HasPath: true}, {Name: "gets and puts"}}
	for _, s := range all {
		t := &tables[1]
		if s.Operation == load.Lookup.String() {
			t = &tables[0]
		}
		t.List = append(t.List, s)
	}
	return slices.DeleteFunc(tables, func(t slowTable) bool { return len(t.List) == 0 })
}

// traceLink returns the address of a trace in Jaeger; empty if there is none.
func traceLink(jaeger, id string) template.URL {
	if jaeger == "" || id == "" {
		return ""
	}
	return template.URL(strings.TrimSuffix(jaeger, "/") + "/trace/" + id)
}

// secondsText formats a time of the run in the same form as the durations of scenarios.
func secondsText(s float64) string {
	return duration.Text(time.Duration(s * float64(time.Second)).Round(100 * time.Millisecond))
}

// millisText formats a time given in milliseconds in the same form, with three significant digits.
func millisText(ms float64) string {
	d := time.Duration(ms * float64(time.Millisecond))
	digits := 10 * time.Microsecond
	for d >= 1000*digits && digits < 100*time.Millisecond {
		digits *= 10
	}
	return duration.Text(d.Round(digits))
}

// pathText formats a lookup's path; of a long path it has the beginning and the end. The JSON has the whole path.
func pathText(path []string) string {
	const begin, end = 6, 3
	if skipped := len(path) - begin - end; skipped > 1 {
		path = slices.Concat(path[:begin], []string{fmt.Sprintf("… %d more …", skipped)}, path[len(path)-end:])
	}
	return strings.Join(path, ", ")
}

func bytesText(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, name := float64(n)/unit, "KiB"
	for _, next := range []string{"MiB", "GiB", "TiB"} {
		if value < unit {
			break
		}
		value, name = value/unit, next
	}
	return fmt.Sprintf("%.1f %s", value, name)
}
