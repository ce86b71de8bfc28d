package deptest

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// A paragraph of the docs has at most maxLines lines of docsWidth columns: a longer one makes two points.
const (
	maxLines  = 5
	docsWidth = 100
)

var listItem = regexp.MustCompile(`^\s*([-*]|\d+\.)\s`)

// No paragraph and no item of a list in docs, README and CONTRIBUTING is longer than five lines.
func TestParagraphs(t *testing.T) {
	seen := 0
	eachText(t, func(name string, text []byte) {
		if name != "README.md" && name != "CONTRIBUTING.md" && !(strings.HasPrefix(name, "docs/") && strings.HasSuffix(name, ".md")) {
			return
		}
		for _, p := range paragraphs(string(text)) {
			seen++
			if lines := wrapped(p.text); lines > maxLines {
				t.Errorf("%s:%d: a paragraph of %d lines, at most %d: %.60s…", name, p.line, lines, maxLines, p.text)
			}
		}
	})
	if seen < 500 {
		t.Fatalf("%d paragraphs: the docs are not read", seen)
	}
}

// The measure itself: words fill lines of 100 columns, and headings, tables, code and list items end a paragraph.
func TestParagraphsAreMeasured(t *testing.T) {
	words := func(n int) string { return strings.TrimSpace(strings.Repeat("ninechars ", n)) }
	for _, c := range []struct {
		name, text string
		lines      []int
	}{
		{"one line", words(10), []int{1}},
		{"one word more", words(11), []int{2}},
		{"short lines are filled", "a\nb\nc\nd\ne\nf", []int{1}},
		{"two paragraphs", "a\n\nb", []int{1, 1}},
		{"items", "to do:\n- a\n  b\n- c\n1. d", []int{1, 1, 1, 1}},
		{"no prose", "# " + words(70) + "\n| " + words(70) + " |\n```\n" + words(70) + "\n```\n<!-- " + words(70) + " -->", nil},
		{"six lines", words(51), []int{6}},
	} {
		var lines []int
		for _, p := range paragraphs(c.text) {
			lines = append(lines, wrapped(p.text))
		}
		if len(lines) != len(c.lines) {
			t.Errorf("%s: %v lines, expected %v", c.name, lines, c.lines)
			continue
		}
		for i := range lines {
			if lines[i] != c.lines[i] {
				t.Errorf("%s: %v lines, expected %v", c.name, lines, c.lines)
			}
		}
	}
}

// A paragraph is prose without a blank line, with the number of its first line.
type paragraph struct {
	line int
	text string
}

func paragraphs(text string) (all []paragraph) {
	code, open := false, false
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(trimmed, "```"):
			code, open = !code, false
		case code || trimmed == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(trimmed, "|") || strings.HasPrefix(trimmed, "<!--"):
			open = false
		case !open || listItem.MatchString(line):
			all, open = append(all, paragraph{i + 1, trimmed}), true
		default:
			all[len(all)-1].text += " " + trimmed
		}
	}
	return all
}

// wrapped returns how many lines of docsWidth columns the words of text fill.
func wrapped(text string) int {
	lines, column := 0, docsWidth
	for word := range strings.FieldsSeq(text) {
		width := utf8.RuneCountInString(word)
		if column += 1 + width; lines == 0 || column > docsWidth {
			lines, column = lines+1, width
		}
	}
	return lines
}
