package otel

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Of every known name, one wrong letter, one too few or too many makes a warning of one line with the name and without the
// value; the name itself makes none.
func TestMisspeltVariables(t *testing.T) {
	var names []string
	for _, v := range variables() {
		names = append(names, v.name)
	}
	names = append(names, ignored...)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, secret)
			if warning := UnknownVariables(); warning != "" {
				t.Error(warning)
			}
		})
	}
	for _, prefix := range ignoredPrefixes {
		t.Run(prefix, func(t *testing.T) {
			t.Setenv(prefix+"ANYTHING", secret)
			if warning := UnknownVariables(); warning != "" {
				t.Error(warning)
			}
		})
	}
	known := map[string]bool{}
	for _, name := range names {
		known[name] = true
	}
	rapid.Check(t, func(r *rapid.T) {
		name := rapid.SampledFrom(names).Draw(r, "name")
		at := rapid.IntRange(len("OTEL_"), len(name)-1).Draw(r, "at")
		letter := rapid.SampledFrom([]string{"A", "E", "S", "_", "x", "\n"}).Draw(r, "letter")
		misspelt := rapid.SampledFrom([]string{name[:at] + name[at+1:], name[:at] + letter + name[at:], name[:at] + letter + name[at+1:]}).Draw(r, "misspelt")
		for _, prefix := range ignoredPrefixes {
			if strings.HasPrefix(misspelt, prefix) {
				r.Skip("of another program")
			}
		}
		if known[misspelt] {
			r.Skip("the same")
		}
		t.Run("", func(t *testing.T) {
			t.Setenv(misspelt, secret)
			warning := UnknownVariables()
			if !strings.Contains(warning, strings.ReplaceAll(misspelt, "\n", `\n`)) || strings.Contains(warning, secret) || strings.Contains(warning, "\n") {
				t.Errorf("%q: %q", misspelt, warning)
			}
			t.Setenv(misspelt, " ") // as good as unset
			if warning := UnknownVariables(); warning != "" {
				t.Error(warning)
			}
		})
	})
}
