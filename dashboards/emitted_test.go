package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"chordconductor/otel/chordevent"
)

// labelValues are the labels of a series in Prometheus with the values that each may have; nil: any name.
type labelValues map[string][]string

// emitted returns every series that nodes and conductor push, with the names and labels that Prometheus's OTLP endpoint
// gives them.
func emitted() map[string]labelValues {
	all := map[string]labelValues{}
	for _, m := range chordevent.Metrics() {
		name := strings.ReplaceAll(m.Name, ".", "_")
		switch m.Unit {
		case "s":
			name += "_seconds"
		case "By":
			name += "_bytes"
		case "1":
			name += "_ratio"
		}
		values := labelValues{"__name__": nil, "service_instance_id": nil, "service_name": nil, "chord_ring_name": nil}
		for _, key := range m.Attributes {
			values[strings.ReplaceAll(string(key), ".", "_")] = m.Values(key)
		}
		series := []string{name}
		switch m.Instrument {
		case chordevent.Counter:
			series = []string{name + "_total"}
		case chordevent.Histogram:
			series = []string{name + "_bucket", name + "_count", name + "_sum"}
			values["le"] = nil
		}
		for _, s := range series {
			all[s] = values
		}
	}
	return all
}

// labelsOf returns the labels that the result of an expression has.
func labelsOf(node parser.Node, all map[string]labelValues) map[string]bool {
	has := map[string]bool{}
	add := func(node parser.Node) { maps.Copy(has, labelsOf(node, all)) }
	switch n := node.(type) {
	case *parser.VectorSelector:
		for name := range all[n.Name] {
			has[name] = true
		}
	case *parser.AggregateExpr:
		for _, name := range n.Grouping {
			has[name] = true
		}
	case *parser.BinaryExpr:
		add(n.LHS)
		if n.Op == parser.LOR {
			add(n.RHS)
		}
	case *parser.Call:
		for _, argument := range n.Args {
			add(argument)
		}
		switch n.Func.Name {
		case "label_replace":
			has[n.Args[1].(*parser.StringLiteral).Val] = true
		case "histogram_quantile":
			delete(has, "le")
		}
	default:
		for child := range parser.ChildrenIter(node) {
			add(child)
		}
	}
	return has
}

var (
	variables = strings.NewReplacer("$__rate_interval", "1m", "$ring", "chord", "$member", "2a")
	inText    = regexp.MustCompile(`\{\{ *(?:\$labels\.)?(\w+) *\}\}`)
)

// judge reports the series and labels that nothing emits, but that an expression uses, or a text
// into which its result is inserted.
func judge(expr, text string) (complaints []string) {
	complain := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }
	tree, err := parser.NewParser(parser.Options{}).ParseExpr(variables.Replace(expr))
	if err != nil {
		return []string{err.Error()}
	}
	all := emitted()
	parser.Inspect(tree, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			values, ok := all[n.Name]
			if !ok {
				complain("nothing emits %s", n.Name)
				break
			}
			for _, matcher := range n.LabelMatchers {
				if words, ok := values[matcher.Name]; !ok {
					complain("%s has no label %s", n.Name, matcher.Name)
				} else if words != nil {
					for _, asked := range unsaid(matcher, words) {
						complain("%s: expected label %s %q among its values, got %v", n.Name, matcher.Name, asked, words)
					}
				}
			}
		case *parser.AggregateExpr:
			known := labelsOf(n.Expr, all)
			for _, label := range n.Grouping {
				if !known[label] {
					complain("it groups by %s, which nothing in it has", label)
				}
			}
		case *parser.BinaryExpr:
			if n.VectorMatching == nil {
				break
			}
			left, right := labelsOf(n.LHS, all), labelsOf(n.RHS, all)
			for _, label := range n.VectorMatching.MatchingLabels {
				if !left[label] || !right[label] {
					complain("it matches on %s, which one side does not have", label)
				}
			}
		}
		return nil
	})
	has := labelsOf(tree, all)
	for _, name := range inText.FindAllStringSubmatch(text, -1) {
		if !has[name[1]] {
			complain("its text names the label %s, which the result does not have", name[1])
		}
	}
	return complaints
}

// unsaid returns the values of a matcher that no series has. If the matcher is an alternation, it
// returns each part that matches no value.
func unsaid(m *labels.Matcher, words []string) (asked []string) {
	if m.Type == labels.MatchEqual || m.Type == labels.MatchNotEqual {
		if !slices.Contains(words, m.Value) {
			asked = append(asked, m.Value)
		}
		return asked
	}
	for _, a := range strings.Split(m.Value, "|") {
		if !slices.ContainsFunc(words, regexp.MustCompile("^(?:"+a+")$").MatchString) {
			asked = append(asked, a)
		}
	}
	return asked
}

func TestEveryExpressionNamesWhatIsEmitted(t *testing.T) {
	asked := expressions(t)
	if len(asked) < 60 {
		t.Errorf("only %d expressions found: this test no longer finds all of them", len(asked))
	}
	for where, e := range asked {
		for _, complaint := range judge(e.expr, e.text) {
			t.Errorf("%s: %s", where, complaint)
		}
	}
}

// judge reports expressions that can never match any series.
func TestJudge(t *testing.T) {
	for _, c := range []struct{ expr, text, want string }{
		{`increase(chord_conductor_forwarded_total{chord_outcome="failed"}[5m]) > 0`, "", `chord_outcome "failed"`},
		{`chord_history_entries_total{chord_outcome=~"dropped|refused"}`, "", `chord_outcome "refused"`},
		{`chord_lookup_hops_count{chord_outcome!="okay"}`, "", `chord_outcome "okay"`},
		{`chord_ring_members{chord_member_status!~"lost|active"}`, "", `chord_member_status "lost"`},
		{`chord_conductor_forwarded_total{chord_queue="spans"}`, "", "no label chord_queue"},
		{`chord_conductor_sent_total`, "", "nothing emits chord_conductor_sent_total"},
		{`sum by (chord_stage) (chord_ring_error)`, "", "groups by chord_stage"},
		{`chord_ring_error and on (chord_stage) chord_ring_uncertain`, "", "matches on chord_stage"},
		{`sum by (chord_ring_name) (chord_ring_members)`, "{{chord_member_status}}", "names the label chord_member_status"},
		{`histogram_quantile(0.9, sum by (le) (rate(chord_lookup_hops_bucket[1m])))`, "{{le}}", "names the label le"},
		{`sum(chord_ring_error`, "", "unclosed"},
	} {
		if got := judge(c.expr, c.text); len(got) != 1 || !strings.Contains(got[0], c.want) {
			t.Errorf("judge of %s, %s reported %q, want a complaint with %s", c.expr, c.text, got, c.want)
		}
	}
	for _, fine := range []string{
		`sum by (chord_outcome) (increase(chord_history_entries_total{chord_outcome=~"dropped|failed"}[5m])) > 0`,
		`chord_conductor_forwarded_total{chord_outcome!="sent",chord_forward_target=~"trace.*"}`,
	} {
		if got := judge(fine, "{{ $labels.chord_outcome }}"); got != nil {
			t.Errorf("judge of %s reported %q, want no complaint", fine, got)
		}
	}
}
