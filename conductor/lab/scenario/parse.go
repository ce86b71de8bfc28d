package scenario

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"chordconductor/node/member"
)

// Bounds of a scenario's values. They keep a typing error from starting more than the machine can hold.
const (
	MaxSource   = 256 << 10 // bytes of a file
	MaxMembers  = 10_000
	MaxPhases   = 1_000
	MaxKeys     = 1_000_000 // the oracle keeps about 100 bytes for each
	MaxRate     = 100_000.0 // operations per second
	MaxChurn    = 1_000.0   // members per second
	MaxValue    = 1 << 20   // bytes; also the store's limit
	MaxDuration = 24 * time.Hour

	minValue = 32 // bytes: room for the mark by which the oracle distinguishes writes (load.markMax)
)

// Parse reads a scenario. The file's name is for error messages only. The error, if any, is of type Problems.
func Parse(file string, source []byte) (*Scenario, error) {
	if len(source) > MaxSource {
		return nil, Problems{{File: file, Text: fmt.Sprintf("the file has %d bytes: a scenario may have at most %d", len(source), MaxSource)}}
	}
	root, err := document(withoutVersion(source))
	if err != nil {
		return nil, Problems{syntaxProblem(file, source, err)}
	}
	if root == nil { // more likely a file that was never written, or an empty pipe, than a request for all defaults
		return nil, Problems{{File: file, Text: "the file is empty: a scenario must have at least one field, or be {} to use only defaults"}}
	}
	d := &decoder{file: file}
	s := defaults()
	s.Source = string(source)
	d.scenario(root, s)
	slices.SortStableFunc(d.problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	if d.more > 0 {
		format := " (%d mistakes in all)"
		if d.fields > maxFields { // the rest was not read
			format = " (more than %d mistakes)"
		}
		d.problems[maxProblems-1].Text += fmt.Sprintf(format, maxProblems+d.more)
	}
	if len(d.problems) > 0 {
		return nil, d.problems
	}
	return s, nil
}

// yamlVersion is a directive that the YAML library accepts only for version 1.1. What differs between the versions,
// numbers with leading zeros and words for true and false, is read here and not by the library.
var yamlVersion = regexp.MustCompile(`\A((?:\s*(?:#[^\n]*)?\n)*)%YAML[ \t]+1\.[0-9]+[ \t]*(?:#[^\n]*)?(\r?\n)`)

// withoutVersion replaces the directive by a comment, so that lines keep their numbers.
func withoutVersion(source []byte) []byte { return yamlVersion.ReplaceAll(source, []byte("${1}#${2}")) }

// document returns the root node of the one YAML document in source, or nil if there is none.
func document(source []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(source))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var more yaml.Node
	if err := dec.Decode(&more); err == nil {
		return nil, fmt.Errorf("yaml: line %d: a second document: one file holds one scenario", more.Line)
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	return doc.Content[0], nil
}

var (
	yamlLine      = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)
	parserError   = regexp.MustCompile(`did not find expected (?:key|node content|'-' indicator|',' or|<document start>)`)
	unknownAnchor = regexp.MustCompile(`^yaml: unknown anchor '([^']*)'`)
)

// maxText bounds the bytes that are shown of the YAML library's message, which may quote the file.
const maxText = 200

// syntaxProblem separates the line number from the YAML library's message. The library reports the line at which the
// collection begins where it failed. It reports no line if that is the first line, and for anchors and bytes that are
// not text.
func syntaxProblem(file string, source []byte, err error) Problem {
	text := err.Error()
	m := yamlLine.FindStringSubmatch(text)
	if m == nil {
		return Problem{File: file, Text: shortened(text, maxText)}
	}
	line, _ := strconv.Atoi(m[1])
	if line > 0 && parserError.MatchString(text) {
		line = min(line+1, 1+bytes.Count(bytes.TrimSpace(source), []byte("\n"))) // the library's parser counts lines from 0, its scanner from 1
	}
	if line == 0 {
		at := bytes.IndexFunc(source, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\r\n", r) || r == utf8.RuneError })
		if a := unknownAnchor.FindStringSubmatch(text); a != nil {
			at = bytes.Index(source, []byte("*"+a[1]))
		}
		line = 1 + bytes.Count(source[:max(at, 0)], []byte("\n"))
	}
	return Problem{File: file, Line: line, Text: "not YAML: " + shortened(text[len(m[0]):], maxText)}
}

func (d *decoder) scenario(root *yaml.Node, s *Scenario) {
	var phases, expect *yaml.Node
	seen := d.mapping(root, "", fields{
		"name":     d.text(&s.Name, 80),
		"seed":     d.seed(&s.Seed),
		"ring":     func(n *yaml.Node, f string) { d.ring(n, f, &s.Ring) },
		"timing":   func(n *yaml.Node, f string) { d.timing(n, f, &s.Timing) },
		"network":  func(n *yaml.Node, f string) { d.network(n, f, &s.Network) },
		"workload": func(n *yaml.Node, f string) { d.workload(n, f, &s.Workload) },
		"phases":   func(n *yaml.Node, _ string) { phases = n },
		"duration": d.duration(&s.Duration, time.Second, MaxDuration),
		"expect": func(n *yaml.Node, f string) {
			expect = n
			d.expect(n, f, s)
		},
	})
	s.OwnRing = slices.Contains(seen, "ring")
	if phases != nil { // after the workload, since a phase's workload starts from it
		d.phases(phases, s)
	}
	if s.Duration == 0 && len(s.Expect) > 0 {
		d.fail(expect, "expect", "a scenario without a duration has no end at which expectations can be checked; add duration")
	}
	if len(d.problems) == 0 {
		d.possible(expect, s)
	}
}

func (d *decoder) ring(n *yaml.Node, path string, r *Ring) {
	d.mapping(n, path, fields{
		"members":       d.integer(&r.Members, 1, MaxMembers),
		"bits":          d.integer(&r.Bits, 3, 160),
		"successors":    d.integer(&r.Successors, 1, member.MaxSuccessors),
		"replicas":      d.integer(&r.Replicas, 1, member.MaxReplicas),
		"virtual_nodes": d.integer(&r.VirtualNodes, 1, member.MaxVirtualNodes),
		"transport":     oneOf(d, &r.Transport, GRPC, Memory),
		"lookup":        oneOf(d, &r.Lookup, "recursive", "iterative"),
	})
	if r.Bits < 20 && r.Members > 1<<r.Bits/4 {
		d.fail(n, path+".bits", "%d bits give %d identifiers: too few for %d members, which may be at most a quarter of the identifiers", r.Bits, 1<<r.Bits, r.Members)
	} else if err := (member.Config{Bits: r.Bits, Successors: r.Successors, Replicas: r.Replicas}).Validate("host:1", r.VirtualNodes); err != nil {
		d.fail(n, path, "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
}

func (d *decoder) timing(n *yaml.Node, path string, t *Timing) {
	d.mapping(n, path, fields{
		"stabilize":  d.duration(&t.Stabilize, 10*time.Millisecond, time.Hour),
		"call_limit": d.duration(&t.CallLimit, 10*time.Millisecond, time.Minute),
		"keyframe":   d.duration(&t.Keyframe, time.Second, time.Hour),
	})
}

func (d *decoder) network(n *yaml.Node, path string, net *Network) {
	d.mapping(n, path, fields{
		"latency": d.duration(&net.Latency, 0, 10*time.Second),
		"jitter":  d.duration(&net.Jitter, 0, 10*time.Second),
		"spread":  oneOf(d, &net.Spread, Uniform, Exponential),
		"loss":    d.number(&net.Loss, 0, 0.9, "a share from 0 to 0.9"),
	})
	if net.Spread == Exponential && net.Jitter > 0 {
		d.fail(n, path+".jitter", "an exponential latency has no jitter of its own; remove one of the two")
	}
}

func (d *decoder) workload(n *yaml.Node, path string, w *Workload) {
	d.mapping(n, path, fields{
		"rate":         d.rate(&w.Rate, MaxRate),
		"reads":        d.fraction(&w.Reads),
		"lookups":      d.fraction(&w.Lookups),
		"keys":         d.integer(&w.Keys, 1, MaxKeys),
		"distribution": oneOf(d, &w.Distribution, KeysUniform, KeysZipf, KeysHotspot, KeysSequential),
		"value_bytes":  func(n *yaml.Node, f string) { d.valueBytes(n, f, w) },
		"data":         oneOf(d, &w.Data, Quotes, Synthetic),
		"poisson":      d.flag(&w.Poisson),
	})
}

// valueBytes decodes the size of values: one size, or a range from which sizes are drawn evenly.
func (d *decoder) valueBytes(n *yaml.Node, path string, w *Workload) {
	if n.Kind != yaml.MappingNode {
		size := w.ValueMin
		d.integer(&size, minValue, MaxValue)(n, path)
		w.ValueMin, w.ValueMax = size, size
		return
	}
	d.mapping(n, path, fields{
		"min": d.integer(&w.ValueMin, minValue, MaxValue),
		"max": d.integer(&w.ValueMax, minValue, MaxValue),
	})
	if w.ValueMin > w.ValueMax {
		d.fail(n, path, "min %d is greater than max %d", w.ValueMin, w.ValueMax)
	}
}

func (d *decoder) expect(n *yaml.Node, path string, s *Scenario) {
	bounds := make(map[Metric]*float64)
	fs := make(fields)
	count := func(m Metric) {
		bounds[m] = new(float64)
		fs[string(m)] = d.number(bounds[m], 0, 1e15, "a number of 0 or more")
	}
	for _, m := range []Metric{LostKeys, FinalRingError, WrongLookups, StaleReads, RefusedWritesShown, FailedPer10k, MeanHops, UnmarkedWrongFields, MaxViolations} {
		count(m)
	}
	for _, m := range []Metric{P99Lookup, RepairedWithin} {
		bound := new(float64)
		bounds[m] = bound
		fs[string(m)] = func(n *yaml.Node, f string) {
			var v time.Duration
			d.duration(&v, 0, MaxDuration)(n, f)
			*bound = v.Seconds()
		}
	}
	fs["allow_unmeasured"] = func(n *yaml.Node, f string) { d.unmeasured(n, f, s) }
	for _, name := range d.mapping(n, path, fs) {
		if b := bounds[Metric(name)]; b != nil {
			s.Expect = append(s.Expect, Expectation{Metric(name), *b})
		}
	}
}
