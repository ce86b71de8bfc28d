package modelcheck

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"chordconductor/node/chord"
)

// explore visits all states that can be reached from the one in which all members stay. If it finds a forbidden state,
// or a fair run of internal steps without an end, it returns that and the steps to it.
func (m *leaveModel) explore() (states int, wrong string) {
	var start partyState
	for i := range m.n {
		start.members[i] = party{stance: chord.Stays, owns: true, from: int8((i + m.n - 1) % m.n)}
	}
	number := map[partyState]int32{start: 0}
	var run runs
	all, parent, how := []partyState{start}, []int32{-1}, []int32{run.id(act{what: "start", with: -1})}
	stuck := ""
	trace := func(at int32) string {
		var lines []string
		for ; at >= 0; at = parent[at] {
			lines = append([]string{"  " + run.names[how[at]].String() + ":\n    " + m.write(&all[at])}, lines...)
		}
		return "\n" + strings.Join(lines, "\n")
	}
	for at := int32(0); int(at) < len(all); at++ {
		if wrong := m.wrong(&all[at]); wrong != "" {
			return len(all), wrong + trace(at)
		}
		run.state()
		m.expand(all[at], func(a act, outside bool, next partyState) {
			n, known := number[next]
			if !known {
				n = int32(len(all))
				number[next] = n
				all, parent, how = append(all, next), append(parent, at), append(how, run.id(a))
			}
			if !outside {
				run.step(a, n)
			}
		})
		if run.quiet() {
			if wrong := m.unsettled(&all[at]); wrong != "" && stuck == "" {
				stuck = wrong + trace(at) // a forbidden state counts more
			}
		}
	}
	if stuck != "" {
		return len(all), stuck
	}
	if at, round := run.endless(); at >= 0 {
		return len(all), fmt.Sprintf("endless: %s%s", strings.Join(round, ", "), trace(at))
	}
	return len(all), ""
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
			r.answer = func(s chord.Stance, mayEnd bool) (answer, then chord.Stance) {
				if s == chord.Stays {
					return chord.Stays, chord.Stays
				}
				return chord.Bound, chord.Bound
			}
		}},
		"a last call does not wait": {"keys lost", func(r *leaveRules) {
			r.decide = func(answers []chord.Stance, _ bool) chord.Verdict { return chord.DecideLastCall(answers, true) }
		}},
		"no member agrees": {"endless", func(r *leaveRules) {
			r.answer = func(s chord.Stance, mayEnd bool) (answer, then chord.Stance) { return chord.Stays, s }
		}},
		// One host is commanded to leave, all others are signalled a moment later: it has handed its range over, and waits
		// for its head to depart; its head waits for it to receive.
		"a leaver only promises to stay": {"endless", func(r *leaveRules) {
			r.answer = func(s chord.Stance, mayEnd bool) (answer, then chord.Stance) {
				if answer = s.AnswerLastCall(mayEnd); answer == chord.Stays {
					return answer, s
				}
				return answer, answer
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, some := range []struct{ backs, faults int8 }{{0, 0}, {1, 0}, {1, 1}} { // the smallest model that shows it
				m := &leaveModel{n: 3, rules: chordRules(), backs: some.backs, faults: some.faults, unforced: true}
				c.spoil(&m.rules)
				states, wrong := m.explore()
				if strings.HasPrefix(wrong, c.want) {
					t.Logf("%d taken back, %d silent: after %d states: %s", m.backs, m.faults, states, wrong)
					return
				}
				if wrong != "" {
					t.Fatalf("after %d states: want %q, have %.2000q", states, c.want, wrong)
				}
			}
			t.Fatalf("no counterexample: want %q", c.want)
		})
	}
}
