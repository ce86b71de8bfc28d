package report

import (
	"bytes"
	"fmt"
	"html/template"
	"image/color"
	"math"
	"regexp"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

const (
	chartWidth  = 17 * vg.Centimeter
	chartHeight = 5.2 * vg.Centimeter
)

// Colours that can be distinguished without seeing red or green, and on paper without colour by their brightness.
var (
	blue   = color.RGBA{0x1f, 0x5f, 0xa8, 0xff}
	orange = color.RGBA{0xd9, 0x7a, 0x1e, 0xff}
	grey   = color.RGBA{0x8a, 0x90, 0x99, 0xff}
	faint  = color.RGBA{0xd5, 0xd9, 0xde, 0xff}
	ink    = color.RGBA{0x2b, 0x30, 0x36, 0xff}
)

// A series is a line of a chart.
type series struct {
	name   string
	colour color.Color
	points plotter.XYs
	dashed bool
}

// A chart is one picture.
type chart struct {
	x, y   string // axis titles, with the unit
	series []series
	bars   []float64 // a histogram: the count of 0, 1, 2, …
	marks  []float64 // instants to mark by a vertical line: the phases
	bound  float64   // a value of x to mark strongly; 0: none
}

// draw returns the picture as SVG text without external resources.
func (c chart) draw() (template.HTML, error) {
	p := plot.New()
	p.BackgroundColor = color.Transparent
	styleAxis(&p.X, c.x)
	styleAxis(&p.Y, c.y)
	p.Y.Min = 0
	p.Legend.Top, p.Legend.TextStyle.Font, p.Legend.TextStyle.Color = true, sans(8), ink
	p.Legend.Left, p.Legend.Padding = true, vg.Points(1)
	for i, x := range c.marks {
		p.Add(vertical{x, faint, strconv.Itoa(i + 1)})
	}
	if c.bars != nil {
		values := make(plotter.Values, len(c.bars))
		copy(values, c.bars)
		width := min(vg.Points(14), vg.Length(0.7)*chartWidth/vg.Length(len(values)+1))
		bars, err := plotter.NewBarChart(values, width)
		if err != nil {
			return "", err
		}
		bars.Color, bars.LineStyle.Width = blue, 0
		p.Add(bars)
	}
	if c.bound > 0 {
		p.Add(vertical{x: c.bound, colour: orange})
	}
	for _, s := range c.series {
		if len(s.points) == 0 {
			continue
		}
		line, err := plotter.NewLine(s.points)
		if err != nil {
			return "", err
		}
		line.Color, line.Width = s.colour, vg.Points(1.2)
		if s.dashed {
			line.Dashes = []vg.Length{vg.Points(3), vg.Points(2)}
		}
		p.Add(line)
		if s.name != "" {
			p.Legend.Add(s.name, line)
		}
	}
	p.X.Min = min(p.X.Min, 0)
	if c.bars != nil {
		p.X.Min, p.X.Max = -0.6, float64(len(c.bars))-0.4 // whole bars at both ends
		p.X.Tick.Marker = counts(len(c.bars))
	}
	p.Y.Max = max(p.Y.Max*1.15, 1e-9) // room for the legend
	canvas := vgsvg.New(chartWidth, chartHeight)
	p.Draw(draw.New(canvas))
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return "", fmt.Errorf("cannot draw the chart of %s: %w", c.y, err)
	}
	return inline(out.Bytes()), nil
}

func styleAxis(a *plot.Axis, title string) {
	a.Label.Text = title
	a.Label.TextStyle.Font, a.Tick.Label.Font = sans(8.5), sans(7.5)
	a.Label.TextStyle.Color, a.Tick.Label.Color = ink, ink
	a.LineStyle.Color, a.Tick.LineStyle.Color = grey, grey
	a.LineStyle.Width, a.Tick.LineStyle.Width = vg.Points(0.5), vg.Points(0.5)
	a.Tick.Length = vg.Points(3)
	a.Tick.Marker = ticks{}
	a.Padding = vg.Points(2)
}

func sans(size float64) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Points(size)}
}

// ticks are the plot library's ticks, with no more decimals than the numbers need.
type ticks struct{}

func (ticks) Ticks(low, high float64) []plot.Tick {
	list := plot.DefaultTicks{}.Ticks(low, high)
	for i, t := range list {
		if !t.IsMinor() {
			list[i].Label = strconv.FormatFloat(math.Round(t.Value*1e6)/1e6, 'f', -1, 64)
		}
	}
	return list
}

// counts are ticks at whole numbers, one for each of that many bars, from 0 on.
type counts int

func (n counts) Ticks(float64, float64) []plot.Tick {
	var list []plot.Tick
	for step, i := max(1, (int(n)+9)/10), 0; i < int(n); i += step {
		list = append(list, plot.Tick{Value: float64(i), Label: strconv.Itoa(i)})
	}
	return list
}

// vertical is a line across the plot at one value of x, with the line's name beside its top.
type vertical struct {
	x      float64
	colour color.Color
	name   string
}

func (v vertical) Plot(c draw.Canvas, p *plot.Plot) {
	if v.x < p.X.Min || v.x > p.X.Max {
		return
	}
	x, _ := p.Transforms(&c)
	at := x(v.x)
	c.StrokeLine2(draw.LineStyle{Color: v.colour, Width: vg.Points(1)}, at, c.Min.Y, at, c.Max.Y)
	style := p.X.Tick.Label
	style.Color, style.XAlign, style.YAlign = grey, draw.XLeft, draw.YTop
	c.FillText(style, vg.Point{X: at + vg.Points(2), Y: c.Max.Y}, v.name)
}

var (
	prologue = regexp.MustCompile(`(?s)^.*?<svg `)
	fixed    = regexp.MustCompile(`width="[^"]*" height="[^"]*"`)
	family   = regexp.MustCompile(`font-family:[^;"]*`)
)

// inline returns a stand-alone SVG file as a part of a page: without the XML prologue, as wide as its container, in the
// page's font.
func inline(svg []byte) template.HTML {
	svg = prologue.ReplaceAll(svg, []byte(`<svg role="img" `))
	if at := fixed.FindIndex(svg); at != nil {
		svg = append(svg[:at[0]:at[0]], append([]byte(`width="100%"`), svg[at[1]:]...)...)
	}
	return template.HTML(family.ReplaceAll(svg, []byte("font-family:inherit")))
}
