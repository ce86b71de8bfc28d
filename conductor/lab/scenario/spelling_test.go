package scenario

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The numbers of YAML 1.1 and of the core schema of YAML 1.2, by their specifications. Sexagesimal numbers have a
// colon, which no spelling below has.
var (
	decimal11 = regexp.MustCompile(`^[-+]?(0|[1-9][0-9_]*)$`)
	octal11   = regexp.MustCompile(`^[-+]?0[0-7_]+$`)
	hex11     = regexp.MustCompile(`^[-+]?0x[0-9a-fA-F_]+$`)
	binary11  = regexp.MustCompile(`^[-+]?0b[01_]+$`)
	float11   = regexp.MustCompile(`^[-+]?([0-9][0-9_]*)?\.[0-9_]*([eE][-+][0-9]+)?$`)
	decimal12 = regexp.MustCompile(`^[-+]?[0-9]+$`)
	octal12   = regexp.MustCompile(`^0o[0-7]+$`)
	hex12     = regexp.MustCompile(`^0x[0-9a-fA-F]+$`)
	float12   = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
)

// digitsOf reads the digits of a number in a base; NaN if there are none.
func digitsOf(s, prefix string, base int) float64 {
	minus := strings.HasPrefix(s, "-")
	v, err := strconv.ParseUint(strings.ReplaceAll(strings.TrimPrefix(strings.TrimLeft(s, "+-"), prefix), "_", ""), base, 64)
	if err != nil {
		return math.NaN()
	}
	if minus {
		return -float64(v)
	}
	return float64(v)
}

func float(s string) float64 {
	v, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

// asYAML11 and asYAML12 return the number that a program of that YAML version reads; NaN: the program reads a text.
func asYAML11(s string) float64 {
	switch {
	case decimal11.MatchString(s):
		return digitsOf(s, "", 10)
	case octal11.MatchString(s):
		return digitsOf(s, "0", 8)
	case hex11.MatchString(s):
		return digitsOf(s, "0x", 16)
	case binary11.MatchString(s):
		return digitsOf(s, "0b", 2)
	case float11.MatchString(s):
		return float(s)
	}
	return math.NaN()
}

func asYAML12(s string) float64 {
	switch {
	case decimal12.MatchString(s):
		return digitsOf(s, "", 10)
	case octal12.MatchString(s):
		return digitsOf(s, "0o", 8)
	case hex12.MatchString(s):
		return digitsOf(s, "0x", 16)
	case float12.MatchString(s):
		return float(s)
	}
	return math.NaN()
}

// numeric lists fields that hold a number, and how to read the number back.
var numeric = []struct {
	source string // with %s for the value
	read   func(*Scenario) float64
}{
	{"seed: %s", func(s *Scenario) float64 { return float64(s.Seed) }},
	{"ring: {members: %s}", func(s *Scenario) float64 { return float64(s.Ring.Members) }},
	{"workload: {rate: %s}", func(s *Scenario) float64 { return s.Workload.Rate }},
	{"network: {loss: %s}", func(s *Scenario) float64 { return s.Network.Loss }},
	{"duration: 9s\nexpect: {max_violations: %s}", func(s *Scenario) float64 { b, _ := s.Expected(MaxViolations); return b }},
	{"phases: [{at: 1s, join: %s}]", func(s *Scenario) float64 { return float64(s.Phases[0].Action.(Join).Count) }},
	{"phases: [{at: 1s, churn: {join: %s}}]", func(s *Scenario) float64 { return s.Phases[0].Action.(Churn).Join }},
}

// However a number is written, and in whatever field: if it is accepted, no program that reads YAML 1.1 or 1.2 reads
// another number. (One of them may read a text: then that program reports an error.)
func TestNumbersAreReadAlike(t *testing.T) {
	check := func(t interface{ Errorf(string, ...any) }, field int, value string) {
		f := numeric[field]
		s, err := Parse("f.yaml", fmt.Appendf(nil, f.source, value))
		if err != nil {
			return
		}
		ours := f.read(s)
		for version, theirs := range map[string]float64{"1.1": asYAML11(value), "1.2": asYAML12(value)} {
			if !math.IsNaN(theirs) && theirs != ours {
				t.Errorf("%s with %s: accepted as %g, in YAML %s it is %g", f.source, value, ours, version, theirs)
			}
		}
	}
	for field := range numeric {
		for _, value := range []string{"010", "0_10", "00", "0o10", "0x10", "0b11", "1_0", "+5", "1e1", "08", "0.5", "00.5", "020/s"} {
			check(t, field, value)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, rapid.IntRange(0, len(numeric)-1).Draw(t, "field"), rapid.StringMatching(`[-+]?(0[oOxXbB]?)?[0-9_]{1,6}(\.[0-9]{0,3})?([eE][-+]?[0-9])?`).Draw(t, "value"))
	})
}

// Any character that affects a terminal, or the direction of text, is rejected in a name and escaped in an error;
// length is counted in characters.
func TestNamesAreShownAsTheyAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.OneOf(rapid.RuneFrom([]rune{'\x1b', '\x7f', '\u0085', '\u009b', '\u200e', '\u202e', '\u2028', '\ufeff', '\u00ad', 'ü', '環', '🙂'}), rapid.Rune()).Draw(t, "character")
		n := rapid.IntRange(1, 90).Draw(t, "length")
		name := strings.Repeat("a", n-1) + string(r)
		for _, source := range []string{"name: %s", "phases: [{at: 1s, join: 1, name: %s}]"} {
			s, err := Parse("f.yaml", fmt.Appendf(nil, source, quoted(name)))
			shown, allowed := strconv.IsPrint(r), n <= 80
			if (err == nil) != (shown && allowed) {
				t.Fatalf("%q of %d characters in %s: %v", r, n, source, err)
			}
			if err == nil && s.Name != name && s.Phases[0].Name != name {
				t.Fatalf("%q became %q", name, s.Name)
			}
		}
		_, err := Parse(name, fmt.Appendf(nil, "%s: %s", quoted(name), quoted(name))) // as a file, a field and a value
		if err == nil || strings.IndexFunc(strings.ReplaceAll(err.Error(), "\n", ""), func(r rune) bool { return !strconv.IsPrint(r) }) >= 0 || len(AsProblems(err)) != 1+strings.Count(err.Error(), "\n") {
			t.Fatalf("%q", err)
		}
	})
}

// quoted writes a text in YAML's double quotes, with every character escaped.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		fmt.Fprintf(&b, `\U%08x`, r)
	}
	return b.String() + `"`
}
