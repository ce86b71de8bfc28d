package scenario

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"chordconductor/internal/duration"
	"chordconductor/internal/printable"
)

// A Problem is one mistake in a file.
type Problem struct {
	File  string `json:"file"`
	Line  int    `json:"line"`
	Field string `json:"field,omitempty"`
	Text  string `json:"problem"`
}

func (p Problem) Error() string {
	where := p.File
	if p.Line > 0 {
		where += ":" + strconv.Itoa(p.Line)
	}
	if p.Field != "" {
		where += ": " + p.Field
	}
	return printable.Line(where + ": " + p.Text)
}

// Problems is the error that Parse returns.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// maxProblems bounds the problems that are reported for one file: the first ones are the useful ones.
const maxProblems = 20

// A decoder visits YAML nodes, so that every error has its line, and collects problems instead of stopping.
type decoder struct {
	file     string
	problems Problems
	phasesAt []placedPhase // by time
	more     int           // number of problems beyond maxProblems; the last listed problem states it
	fields   int           // of mappings so far, those of aliases each time; at most maxFields
}

// maxFields bounds the fields of a file with its aliases expanded: an alias is one field in the file, and may stand for
// thousands.
const maxFields = 1 << 15

func (d *decoder) fail(n *yaml.Node, field, format string, args ...any) {
	if len(d.problems) == maxProblems {
		d.more++
		return
	}
	d.problems = append(d.problems, Problem{d.file, n.Line, field, fmt.Sprintf(format, args...)})
}

// A setter decodes one field's value. The field's full name is for error messages.
type setter func(n *yaml.Node, field string)

type fields map[string]setter

func (f fields) names() string {
	names := make([]string, 0, len(f))
	for name := range f {
		names = append(names, name)
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}

// mapping decodes a mapping's fields and returns their names, in the file's order.
func (d *decoder) mapping(n *yaml.Node, path string, fs fields) []string {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		d.fail(n, path, "expected a mapping with the fields %s", fs.names())
		return nil
	}
	seen := make([]string, 0, len(n.Content)/2) // not nil: a mapping without fields is a mapping
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if d.fields++; d.fields > maxFields {
			if d.fields == maxFields+1 {
				d.fail(key, path, "the file has more than %d fields, those of aliases counted each time", maxFields)
			}
			return seen
		}
		field := clip(key.Value)
		if path != "" {
			field = path + "." + field
		}
		set, known := fs[key.Value]
		switch {
		case !known:
			d.fail(key, field, "unknown field; allowed here: %s", fs.names())
		case slices.Contains(seen, key.Value):
			d.fail(key, field, "given twice")
		default:
			set(resolve(value), field)
		}
		seen = append(seen, key.Value)
	}
	return seen
}

// resolve follows a YAML alias. An alias cannot point to another one.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

func (d *decoder) scalar(n *yaml.Node, field, expected string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		d.fail(n, field, "expected %s", expected)
		return "", false
	}
	return n.Value, true
}

func (d *decoder) text(to *string, maxLen int) setter {
	return func(n *yaml.Node, field string) {
		expected := fmt.Sprintf("a text of 1 to %d characters", maxLen)
		if s, ok := d.scalar(n, field, expected); ok {
			if count := utf8.RuneCountInString(s); count == 0 || count > maxLen {
				d.fail(n, field, "the text has %d characters: expected %s", count, expected)
				return
			}
			if i := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
				r, _ := utf8.DecodeRuneInString(s[i:])
				d.fail(n, field, "the text has the character %U, which is not printable", r)
				return
			}
			*to = s
		}
	}
}

func oneOf[T ~string](d *decoder, to *T, allowed ...T) setter {
	names := make([]string, len(allowed))
	for i, a := range allowed {
		names[i] = string(a)
	}
	return func(n *yaml.Node, field string) {
		s, ok := d.scalar(n, field, "one of "+strings.Join(names, ", "))
		if !ok {
			return
		}
		if !slices.Contains(names, s) {
			d.fail(n, field, "expected one of %s, got %q", strings.Join(names, ", "), clip(s))
			return
		}
		*to = T(s)
	}
}

func (d *decoder) flag(to *bool) setter {
	return func(n *yaml.Node, field string) {
		s, ok := d.scalar(n, field, "true or false")
		if !ok {
			return
		}
		switch s { // as in the core schema of YAML 1.2
		case "true", "True", "TRUE":
			*to = true
		case "false", "False", "FALSE":
			*to = false
		default:
			d.fail(n, field, "expected true or false, got %q", clip(s))
		}
	}
}

// unambiguous refuses a number with leading zeros: YAML 1.1 reads it as octal, YAML 1.2 as decimal.
func (d *decoder) unambiguous(n *yaml.Node, field, s string) bool {
	if digits := strings.TrimLeft(s, "+-"); len(digits) < 2 || digits[0] != '0' || strings.Trim(digits, "0123456789_") != "" {
		return true
	}
	d.fail(n, field, "%q: a number with a leading zero is octal to some programs and decimal to others; write it without", clip(s))
	return false
}

func (d *decoder) integer(to *int, low, high int) setter {
	expected := fmt.Sprintf("a whole number from %d to %d", low, high)
	return func(n *yaml.Node, field string) {
		s, ok := d.scalar(n, field, expected)
		if !ok || !d.unambiguous(n, field, s) {
			return
		}
		v, err := strconv.Atoi(s)
		if err != nil || v < low || v > high {
			d.fail(n, field, "expected %s, got %q", expected, clip(s))
			return
		}
		*to = v
	}
}

func (d *decoder) seed(to *uint64) setter {
	return func(n *yaml.Node, field string) {
		const expected = "a whole number from 0 to 2^64-1"
		s, ok := d.scalar(n, field, expected)
		if !ok || !d.unambiguous(n, field, s) {
			return
		}
		v, err := strconv.ParseUint(s, 0, 64)
		if err != nil {
			d.fail(n, field, "expected %s, got %q", expected, clip(s))
			return
		}
		*to = v
	}
}

func (d *decoder) number(to *float64, low, high float64, expected string) setter {
	return func(n *yaml.Node, field string) {
		s, ok := d.scalar(n, field, expected)
		if !ok || !d.unambiguous(n, field, s) {
			return
		}
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(v) || v < low || v > high {
			d.fail(n, field, "expected %s, got %q", expected, clip(s))
			return
		}
		*to = v
	}
}

func (d *decoder) fraction(to *float64) setter { return d.number(to, 0, 1, "a share from 0 to 1") }

func (d *decoder) duration(to *time.Duration, low, high time.Duration) setter {
	expected := fmt.Sprintf("a duration from %s to %s, such as 500ms, 2.5s or 1m", duration.Text(low), duration.Text(high))
	return func(n *yaml.Node, field string) {
		s, ok := d.scalar(n, field, expected)
		if !ok {
			return
		}
		v, err := time.ParseDuration(s)
		if err != nil || v < low || v > high {
			d.fail(n, field, "expected %s, got %q", expected, clip(s))
			return
		}
		*to = v
	}
}

// rate reads "200/s", "30/m", "2/h" into a number per second; a bare number is one per second.
func (d *decoder) rate(to *float64, high float64) setter {
	expected := fmt.Sprintf("a rate up to %g/s, such as 200/s, 0.5/s or 30/m", high)
	return func(n *yaml.Node, field string) {
		s, ok := d.scalar(n, field, expected)
		if !ok || !d.unambiguous(n, field, s) {
			return
		}
		amount, unit, given := strings.Cut(s, "/")
		if !given {
			unit = "s"
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(amount), 64)
		switch strings.TrimSpace(unit) {
		case "s":
		case "m":
			v /= 60
		case "h":
			v /= 3600
		default:
			err = strconv.ErrSyntax
		}
		if err != nil || math.IsNaN(v) || v < 0 || v > high {
			d.fail(n, field, "expected %s, got %q", expected, clip(s))
			return
		}
		*to = v
	}
}

// clip shortens a value that an error quotes.
func clip(s string) string { return shortened(s, 40) }

// shortened returns the first bytes of a text, cut between two characters.
func shortened(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}
