package conform

import "fmt"

// maxKinds bounds the kinds of findings that are listed for one level; findings of further kinds are only counted.
const maxKinds = 100

// findings collects the findings of one kind at one level.
type findings struct {
	list []Finding
	at   map[string]int
	more uint64
}

// add counts a finding; example describes the first one.
func (f *findings) add(what, example string) {
	if at, known := f.at[what]; known {
		f.list[at].Count++
		return
	}
	if len(f.list) >= maxKinds {
		f.more++
		return
	}
	if f.at == nil {
		f.at = map[string]int{}
	}
	f.at[what] = len(f.list)
	f.list = append(f.list, Finding{what, 1, example})
}

// A sheet holds the findings of one level.
type sheet struct {
	seen                  []Seen
	seenAt                map[string]int
	missing, wrong, notes findings
}

func (s *sheet) see(what string, n int) {
	if n <= 0 {
		return
	}
	at, known := s.seenAt[what]
	if !known {
		if s.seenAt == nil {
			s.seenAt = map[string]int{}
		}
		at = len(s.seen)
		s.seenAt[what] = at
		s.seen = append(s.seen, Seen{What: what})
	}
	s.seen[at].Count += uint64(n)
}

func (s *sheet) lacks(example, format string, args ...any) {
	s.missing.add(fmt.Sprintf(format, args...), example)
}

func (s *sheet) errs(example, format string, args ...any) {
	s.wrong.add(fmt.Sprintf(format, args...), example)
}

func (s *sheet) note(example, format string, args ...any) {
	s.notes.add(fmt.Sprintf(format, args...), example)
}

// result returns the verdict. It is NotSeen for a level of which nothing was received.
func (s *sheet) result(level Level, claimed bool) LevelResult {
	r := LevelResult{
		Level: level, Claimed: claimed, Verdict: Passed, Seen: s.seen, Missing: s.missing.list, Wrong: s.wrong.list,
		More: s.missing.more + s.wrong.more, Notes: s.notes.list, MoreNotes: s.notes.more,
	}
	switch {
	case len(s.missing.list)+len(s.wrong.list) > 0:
		r.Verdict = Failed
	case len(s.seen) == 0:
		r.Verdict = NotSeen
	}
	for _, list := range []*[]Finding{&r.Missing, &r.Wrong, &r.Notes} {
		if *list == nil {
			*list = []Finding{}
		}
	}
	if r.Seen == nil {
		r.Seen = []Seen{}
	}
	return r
}
