package modelcheck

import (
	"strings"
	"testing"

	"chordconductor/node/chord"
)

// oneRing checks by package chord that a ring is still one ring. A member with an empty list is its own successor.
func (m *model) oneRing(g *ring) string {
	states := m.states(g, &m.circle)
	for _, s := range states {
		if !s.Succ[0].Real() {
			s.Succ[0] = s.Self
		}
	}
	for _, b := range chord.Observe(states).Breaches(m.r) {
		if b.Condition != chord.EnoughPrincipals {
			return b.Error()
		}
	}
	return ""
}

// flawed explores a model and requires that something is broken, or never becomes ideal. It prints how.
func flawed(t *testing.T, m *model, initial []ring, want string) {
	t.Helper()
	x, wrong := m.explore(initial)
	if wrong == "" {
		wrong = x.unsettled()
	}
	if !strings.HasPrefix(wrong, want) {
		t.Fatalf("after %d states: want %q, have %q", len(x.keys), want, wrong)
	}
	t.Logf("after %d states: %s", len(x.keys), wrong)
}

// In original Chord, grown from one member, a joiner can get a dead successor.
func TestOriginalChordBreaks(t *testing.T) {
	m := newModel(4, 2, func(m *model) {
		m.protocol = original{4, 2}
		m.join, m.fail, m.failsFreely = true, true, true
	})
	m.broken = m.oneRing
	var one ring
	one.cells[0] = m.first() | alive
	flawed(t, m, []ring{one}, chord.LiveSuccessor)
}

// If a candidate is adopted before it has answered, a dead member can be dropped and adopted again without end.
func TestAdoptingUncheckedBreaks(t *testing.T) {
	m := newModel(4, 2, func(m *model) {
		m.protocol = unchecked{newProduction(4, 2)}
		m.join, m.fail = true, true
	})
	flawed(t, m, settled(m), "maintenance may go on forever")
}

// If a leaving member let others copy its list, members that have received its Depart would adopt it again.
func TestAnsweringLeaversBreak(t *testing.T) {
	m := newModel(5, 2, func(m *model) { m.join, m.fail, m.leave, m.leaverAnswers = true, true, true, true })
	flawed(t, m, settled(m), chord.LiveSuccessor)
}

// If one more principal fails than the proof's assumptions allow, the ring breaks immediately.
func TestTooManyFailuresBreak(t *testing.T) {
	m := newModel(5, 2, func(m *model) { m.join, m.fail, m.failsFreely = true, true, true })
	flawed(t, m, settled(m), chord.EnoughPrincipals)
}

// The assumptions about failures include the lists in answers under way. Without these, an answer from before a join,
// applied after a failure that the join had made possible, skips the joiner; BUSY does not prevent it.
func TestListsUnderWayCount(t *testing.T) {
	m := newModel(4, 2, func(m *model) { m.join, m.fail, m.split, m.overlooked = true, true, true, true })
	flawed(t, m, settled(m), chord.EnoughPrincipals)
}
