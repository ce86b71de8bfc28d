package printable

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

// Whatever is written, the output contains only graphic characters, line feeds and tabs; harmless
// characters stay as they are, and none is left out.
func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "a\tb\n": "a\tb\n", "ü 環 🙂 a\u00a0b": "ü 環 🙂 a\u00a0b", "\x1b[31mred\x07": `\x1b[31mred\a`, "a\rb": `a\rb`,
		"x\u202ey": `x\u202ey`, "\u009b": `\u009b`, "\xff\xfe": `\xff\xfe`, "\ufeff": `\ufeff`, "\x00": `\x00`,
	} {
		if got := Text(in); got != want {
			t.Errorf("%q was written as %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		in := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "text")
		var b bytes.Buffer
		if n, err := fmt.Fprint(Writer(&b), in); n != len(in) || err != nil {
			t.Fatal(n, err)
		}
		out := b.String()
		if line := Line(in); strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0 {
			t.Fatalf("%q was written as %q", in, line)
		}
		if i := strings.IndexFunc(out, func(r rune) bool { return !unicode.IsGraphic(r) && r != '\n' && r != '\t' }); i >= 0 {
			t.Fatalf("%q was written as %q", in, out)
		}
		quoted := strings.NewReplacer("\n", `\n`, "\t", `\t`, `"`, `\"`, "'", `\'`).Replace(strings.ReplaceAll(out, `\`, `\\`))
		if !strings.Contains(in, `\`) {
			quoted = strings.ReplaceAll(quoted, `\\`, `\`)
			if back, err := strconv.Unquote(`"` + strings.ReplaceAll(quoted, `\'`, "'") + `"`); err != nil || back != in {
				t.Fatalf("%q was written as %q, which reads back as %q: %v", in, out, back, err)
			}
		}
	})
}

// JSON printed to a terminal contains no control sequences, and has the same value.
func TestJSON(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, in string) {
		plain, err := json.Marshal(in)
		if err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		out := JSON(string(plain))
		if out != Text(out) {
			t.Fatalf("%q was written as %q", in, out)
		}
		var before, after string
		if json.Unmarshal(plain, &before) != nil || json.Unmarshal([]byte(out), &after) != nil || before != after {
			t.Fatalf("%q was written as %s, whose value is %q", before, out, after)
		}
	}
	for _, in := range []string{"", "a\u009b31mb", "x\u202ey", "\U000e0001", "\x7f", "\ufeff"} {
		check(t, in)
	}
	rapid.Check(t, func(t *rapid.T) { check(t, rapid.String().Draw(t, "text")) })
}
