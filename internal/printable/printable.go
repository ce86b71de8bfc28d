// Package printable makes names from files, scenarios and telemetry safe to print on a terminal: characters that move
// its cursor, change its colors or reverse a text are shown as escapes.
package printable

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Text returns s with escapes in place of all characters except graphic ones, line feeds and tabs.
func Text(s string) string { return escaped(s, graphic, goEscape) }

// Line returns s as one line: line feeds, and characters that look like a space but are not one,
// are also replaced by escapes.
func Line(s string) string { return escaped(s, unicode.IsPrint, goEscape) }

// JSON returns s, which is JSON, with JSON escapes in place of the characters that Text escapes.
// The JSON value stays the same, and the text has no control sequences for a terminal.
func JSON(s string) string { return escaped(s, graphic, jsonEscape) }

func graphic(r rune) bool { return unicode.IsGraphic(r) || r == '\n' || r == '\t' }

func escaped(s string, shown func(rune) bool, escape func(rune) string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !shown(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			quoted := strconv.Quote(s[:1])
			b.WriteString(quoted[1 : len(quoted)-1])
		case shown(r):
			b.WriteRune(r)
		default:
			b.WriteString(escape(r))
		}
		s = s[size:]
	}
	return b.String()
}

func goEscape(r rune) string {
	quoted := strconv.QuoteRuneToASCII(r)
	return quoted[1 : len(quoted)-1]
}

func jsonEscape(r rune) (text string) {
	for _, unit := range utf16.Encode([]rune{r}) {
		text += fmt.Sprintf(`\u%04x`, unit)
	}
	return text
}

// Writer returns a writer that escapes text as Text does, and writes it to w. Each Write must
// consist of whole characters, as the Writes of fmt and log do.
func Writer(w io.Writer) io.Writer { return writer{w} }

type writer struct{ to io.Writer }

func (w writer) Write(p []byte) (int, error) {
	if _, err := w.to.Write([]byte(Text(string(p)))); err != nil { // not WriteString: each Write is one Write of w.to
		return 0, err
	}
	return len(p), nil
}
