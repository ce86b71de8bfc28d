package main

import (
	"bytes"
	"fmt"
	"image/color"
	"regexp"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Colours that people with colour blindness can distinguish, and in print by their darkness.
var (
	blue   = color.RGBA{0x1f, 0x5f, 0xa8, 0xff}
	orange = color.RGBA{0xd9, 0x7a, 0x1e, 0xff}
	green  = color.RGBA{0x2f, 0x8f, 0x6b, 0xff}
	grey   = color.RGBA{0x8a, 0x90, 0x99, 0xff}
)

var palette = []color.Color{blue, orange, green}

// A curve is a line of a picture. theirs: the paper's, drawn dashed.
type curve struct {
	name      string
	colour    color.Color
	points    plotter.XYs
	low, high []float64 // bars around the points; nil: none
	theirs    bool
	plain     bool // no marks at the points
}

// A picture is one plot.
type picture struct {
	title, x, y string
	curves      []curve
	ticks       []plot.Tick // of x; nil: automatic
}

// svg draws the picture, on white, so that it is readable on pages of any colour.
func (p picture) svg() ([]byte, error) {
	out := plot.New()
	out.Title.Text, out.Title.TextStyle.Font, out.Title.Padding = p.title, sans(10), vg.Points(4)
	out.X.Label.Text, out.Y.Label.Text = p.x, p.y
	for _, axis := range []*plot.Axis{&out.X, &out.Y} {
		axis.Label.TextStyle.Font, axis.Tick.Label.Font = sans(9), sans(8)
		axis.LineStyle.Color, axis.Tick.LineStyle.Color = grey, grey
	}
	if p.ticks != nil {
		out.X.Tick.Marker = plot.ConstantTicks(p.ticks)
	}
	out.Legend.Top, out.Legend.Left = true, true
	out.Legend.TextStyle.Font, out.Legend.Padding = sans(8), vg.Points(2)
	for _, c := range p.curves {
		if err := c.add(out); err != nil {
			return nil, fmt.Errorf("cannot draw %q: %w", p.title, err)
		}
	}
	out.Y.Min = 0
	out.Y.Max *= 1.12 // room for the legend
	canvas := vgsvg.New(16*vg.Centimeter, 8*vg.Centimeter)
	const margin = 3 * vg.Millimeter
	out.Draw(draw.Crop(draw.New(canvas), margin, -2*margin, margin, -margin))
	var text bytes.Buffer
	if _, err := canvas.WriteTo(&text); err != nil {
		return nil, fmt.Errorf("cannot draw %q: %w", p.title, err)
	}
	return family.ReplaceAll(text.Bytes(), []byte("font-family:sans-serif")), nil
}

var family = regexp.MustCompile(`font-family:[^;"]*`)

func (c curve) add(to *plot.Plot) error {
	line, err := plotter.NewLine(c.points)
	if err != nil {
		return err
	}
	line.Color, line.Width = c.colour, vg.Points(1.2)
	if c.theirs {
		line.Dashes = []vg.Length{vg.Points(4), vg.Points(2)}
	}
	if c.low != nil {
		errors := make(plotter.YErrors, len(c.points))
		for i, at := range c.points {
			errors[i].Low, errors[i].High = at.Y-c.low[i], c.high[i]-at.Y
		}
		bars, err := plotter.NewYErrorBars(struct {
			plotter.XYs
			plotter.YErrors
		}{c.points, errors})
		if err != nil {
			return err
		}
		bars.Color, bars.LineStyle.Width = c.colour, vg.Points(0.6)
		to.Add(bars)
	}
	to.Add(line)
	if c.plain {
		to.Legend.Add(c.name, line)
		return nil
	}
	marks, err := plotter.NewScatter(c.points)
	if err != nil {
		return err
	}
	marks.GlyphStyle = draw.GlyphStyle{Color: c.colour, Radius: vg.Points(1.8), Shape: draw.CircleGlyph{}}
	to.Add(marks)
	to.Legend.Add(c.name, line, marks)
	return nil
}

func sans(size float64) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Points(size)}
}

// points pairs the x and y of each element of a list.
func points[E any](list []E, x, y func(E) float64) plotter.XYs {
	xys := make(plotter.XYs, len(list))
	for i, e := range list {
		xys[i] = plotter.XY{X: x(e), Y: y(e)}
	}
	return xys
}

func values[E any](list []E, of func(E) float64) []float64 {
	out := make([]float64, len(list))
	for i, e := range list {
		out[i] = of(e)
	}
	return out
}
