package modelcheck

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"chordconductor/node/chord"
)

// explore visits all states that can be reached from the one in which all members stay. If it finds a forbidden state,
// or one from which no path leads to an end, it returns that state and the steps to it.
func (m *leaveModel) explore() (states int, wrong string) {
	var start partyState
	for i := range m.n {
		start.members[i] = party{stance: chord.Stays, owns: true, from: int8((i + m.n - 1) % m.n)}
	}
	number := map[partyState]int{start: 0}
	all, parent, how := []partyState{start}, []int{-1}, []string{"start"}
	var from, to []int // internal steps
	var ends []int
	trace := func(at int) string {
		var lines []string
		for ; at >= 0; at = parent[at] {
			lines = append([]string{"  " + how[at] + ":\n    " + m.write(&all[at])}, lines...)
		}
		return "\n" + strings.Join(lines, "\n")
	}
	for at := 0; at < len(all); at++ {
		if wrong := m.wrong(&all[at]); wrong != "" {
			return len(all), wrong + trace(at)
		}
		quiet := true
		m.expand(all[at], func(what string, outside bool, next partyState) {
			n, known := number[next]
			if !known {
				n = len(all)
				number[next] = n
				all, parent, how = append(all, next), append(parent, at), append(how, what)
			}
			if !outside {
				quiet = false
				from, to = append(from, at), append(to, n)
			}
		})
		if quiet {
			if wrong := m.unsettled(&all[at]); wrong != "" {
				return len(all), wrong + trace(at)
			}
			ends = append(ends, at)
		}
	}
	return len(all), m.endless(all, from, to, ends, trace)
}

// endless returns a state from which no sequence of internal steps leads to an end.
func (m *leaveModel) endless(all []partyState, from, to, ends []int, trace func(int) string) string {
	into := make([][]int, len(all))
	for i := range from {
		into[to[i]] = append(into[to[i]], from[i])
	}
	ok := make([]bool, len(all))
	for len(ends) > 0 {
		at := ends[len(ends)-1]
		ends = ends[:len(ends)-1]
		if !ok[at] {
			ok[at] = true
			ends = append(ends, into[at]...)
		}
	}
	for at := range ok {
		if !ok[at] {
			return "endless: no path to an end" + trace(at)
		}
	}
	return ""
}

// TestLeaving lets any members leave at any time, become silent, die and cancel their leave.
func TestLeaving(t *testing.T) {
	for _, c := range []struct {
		size          size
		n             int
		backs, faults int8
		unforced      bool
	}{
		{small, 2, 1, 1, true},
		{small, 3, 0, 0, true},
		{normal, 3, 0, 1, false},
		{normal, 3, 1, 0, true},
		{normal, 3, 1, 1, true},
		{normal, 4, 0, 0, false},
		{large, 4, 0, 1, false},
		{large, 4, 1, 0, true},
	} {
		if !c.size.wanted() {
			continue
		}
		t.Run(fmt.Sprintf("%d members, %d taken back, %d silent, unforced %v", c.n, c.backs, c.faults, c.unforced), func(t *testing.T) {
			begin := time.Now()
			m := &leaveModel{n: c.n, rules: chordRules(), backs: c.backs, faults: c.faults, unforced: c.unforced}
			states, wrong := m.explore()
			if wrong != "" {
				t.Fatalf("after %d states: %s", states, wrong)
			}
			t.Logf("%d states in %v", states, time.Since(begin).Round(time.Millisecond))
		})
	}
}

// The checker must find a counterexample when any one of the rules is broken.
func TestBrokenLeavingBreaks(t *testing.T) {
	for name, c := range map[string]struct {
		want  string
		spoil func(*leaveRules)
	}{
		"leavers receive":        {"carried again", func(r *leaveRules) { r.receives = func(chord.Stance) bool { return true } }},
		"taken over out of turn": {"owners", func(r *leaveRules) { r.turn = func(chord.ID, chord.ID) bool { return true } }},
		"released though the one above is not complete": {"stuck", func(r *leaveRules) {
			r.turns = func(_ chord.ID, complete []chord.Range) (all []int) {
				for i := range complete {
					all = append(all, i)
				}
				return all
			}
		}},
		"the bound take their leave back": {"keys lost", func(r *leaveRules) {
			r.mayTakeBack = func(s chord.Stance) bool { return s != chord.Stays }
		}},
		"an answer does not bind": {"keys lost", func(r *leaveRules) {
			r.mayTakeBack = func(s chord.Stance) bool { return true }
			r.answer = func(s chord.Stance, mayEnd bool) chord.Stance {
				if s == chord.Stays {
					return chord.Stays
				}
				return chord.Bound
			}
		}},
		"a last call does not wait": {"keys lost", func(r *leaveRules) {
			r.decide = func(answers []chord.Stance, _ bool) chord.Verdict { return chord.DecideLastCall(answers, true) }
		}},
		"no member agrees": {"endless", func(r *leaveRules) {
			r.answer = func(chord.Stance, bool) chord.Stance { return chord.Stays }
		}},
	} {
		t.Run(name, func(t *testing.T) {
			m := &leaveModel{n: 3, rules: chordRules(), backs: 1, faults: 1}
			c.spoil(&m.rules)
			states, wrong := m.explore()
			if !strings.HasPrefix(wrong, c.want) {
				t.Fatalf("after %d states: want %q, have %.2000q", states, c.want, wrong)
			}
			t.Logf("after %d states: %s", states, wrong)
		})
	}
}
