package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// prometheusUID is the fixed uid of the provisioned data source.
const prometheusUID = "prometheus"

const (
	neutral = "text" // the colour of a value that is neither good nor bad
	green   = "green"
	yellow  = "yellow"
	red     = "red"
)

func ptr[T any](v T) *T { return &v }

func source() common.DataSourceRef {
	return common.DataSourceRef{Type: ptr("prometheus"), Uid: ptr(prometheusUID)}
}

// A query is an expression and the template for the names of its series.
type query struct {
	expr, legend string
	exemplars    bool
}

func (q query) target(ref string) *prometheus.DataqueryBuilder {
	return prometheus.NewDataqueryBuilder().Expr(q.expr).LegendFormat(q.legend).RefId(ref).Exemplar(q.exemplars).
		EditorMode(prometheus.QueryEditorModeCode).Range().Datasource(source())
}

// A limit is a value at which a panel's colour changes, and the reason for that value.
type limit struct {
	at    float64
	color string
	why   string
}

// thresholds returns thresholds that begin with the colour first and change the colour at each
// limit.
func thresholds(first string, limits ...limit) *dashboard.ThresholdsConfigBuilder {
	steps := []dashboard.Threshold{{Color: first}}
	for _, l := range limits {
		steps = append(steps, dashboard.Threshold{Value: ptr(l.at), Color: l.color})
	}
	return dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(steps)
}

// A panel has the settings that all panels have in common. Its title is a statement or a question.
// Its description ends with the limits and their reasons. A value that is neither good nor bad has
// no limits.
type panel struct {
	title, description, unit string
	queries                  []query
	first                    string  // colour below the first limit; green if empty
	limits                   []limit // ascending
	width, height            uint32
}

func (p panel) targets() (targets []cog.Builder[variants.Dataquery]) {
	for i, q := range p.queries {
		targets = append(targets, q.target(string(rune('A'+i))))
	}
	return targets
}

func (p panel) colors() *dashboard.ThresholdsConfigBuilder {
	switch {
	case len(p.limits) == 0:
		return thresholds(neutral)
	case p.first == "":
		return thresholds(green, p.limits...)
	}
	return thresholds(p.first, p.limits...)
}

// text returns the description, with the limits and their reasons.
func (p panel) text() string {
	var limits []string
	for _, l := range p.limits {
		limits = append(limits, fmt.Sprintf("%s from %s: %s", l.color, amount(l.at, p.unit), l.why))
	}
	if limits == nil {
		return p.description
	}
	all := strings.Join(limits, "; ")
	return p.description + " " + strings.ToUpper(all[:1]) + all[1:] + "."
}

// amount formats a value in a unit as Grafana does.
func amount(v float64, unit string) string {
	switch unit {
	case seconds:
		return fmt.Sprintf("%g s", v)
	case share:
		return fmt.Sprintf("%g %%", math.Round(v*1e6)/1e4)
	case bytes:
		return fmt.Sprintf("%.4g MiB", v/(1<<20))
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// graph returns a panel with lines over time.
func (p panel) graph() *timeseries.PanelBuilder {
	b := timeseries.NewPanelBuilder().Title(p.title).Description(p.text()).Unit(p.unit).Datasource(source()).
		Targets(p.targets()).Thresholds(p.colors()).Span(or(p.width, 12)).Height(or(p.height, 8)).Min(0).
		LineWidth(1).FillOpacity(8).ShowPoints(common.VisibilityModeNever).SpanNulls(common.BoolOrFloat64{Bool: ptr(false)}).
		Legend(common.NewVizLegendOptionsBuilder().DisplayMode(common.LegendDisplayModeList).
			Placement(common.LegendPlacementBottom).ShowLegend(true)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending))
	if len(p.limits) > 0 {
		b = b.ThresholdsStyle(common.NewGraphThresholdsStyleConfigBuilder().Mode(common.GraphThresholdsStyleModeDashed))
	}
	return b
}

// stacked returns a graph whose series are stacked.
func (p panel) stacked() *timeseries.PanelBuilder {
	return p.graph().FillOpacity(40).Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal).Group("A"))
}

// number returns a panel with one large number, coloured by the limits.
func (p panel) number() *stat.PanelBuilder {
	return stat.NewPanelBuilder().Title(p.title).Description(p.text()).Unit(p.unit).Datasource(source()).
		Targets(p.targets()).Thresholds(p.colors()).Span(or(p.width, 4)).Height(or(p.height, 4)).
		GraphMode(common.BigValueGraphModeArea).ColorMode(common.BigValueColorModeValue).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"}))
}

// heat returns a panel with a heatmap of a histogram over time.
func (p panel) heat() *heatmap.PanelBuilder {
	target := p.queries[0].target("A").Format(prometheus.PromQueryFormatHeatmap)
	return heatmap.NewPanelBuilder().Title(p.title).Description(p.text()).Unit(p.unit).Datasource(source()).
		WithTarget(target).Thresholds(p.colors()).Span(or(p.width, 12)).Height(or(p.height, 8)).Calculate(false).
		YAxis(heatmap.NewYAxisConfigBuilder().Unit(p.unit)).ExemplarsColor("rgba(255,0,255,0.7)")
}

func or(v, otherwise uint32) uint32 {
	if v == 0 {
		return otherwise
	}
	return v
}

// Grafana's names of units.
const (
	count      = units.Short
	seconds    = units.Seconds
	share      = units.PercentUnit
	bytes      = units.BytesIEC
	perSecond  = units.CountsPerSecond
	operations = units.OpsPerSecond
)
