package simtest

import (
	"math/rand/v2"
	"testing"

	"chordconductor/node/chord"
	"chordconductor/node/member"
)

// A setting is a host's configuration, as far as flags set it: randomSetting draws exactly the settings that a host
// accepts.
type setting struct{ bits, successors, replicas, virtual int }

func (s setting) config() member.Config {
	return member.Config{Bits: s.bits, Successors: s.successors, Replicas: s.replicas}
}

// valid is the rule that flags, commands and scenarios apply, too.
func (s setting) valid() error { return s.config().Validate("host:1", s.virtual) }

// randomSetting draws one of all settings that a host accepts, the extremes of each dimension often.
func randomSetting(r *rand.Rand) setting {
	for {
		s := setting{
			bits:       extreme(r, chord.MinBits, chord.MaxBits),
			successors: extreme(r, 1, member.MaxSuccessors),
			replicas:   extreme(r, 1, member.MaxReplicas),
		}
		s.virtual = extreme(r, 1, member.Capacity(s.bits))
		if s.valid() == nil {
			return s
		}
	}
}

// extreme draws a number from least to most: equally often either of the two, any number, or a smaller one rather than
// a greater.
func extreme(r *rand.Rand, least, most int) int {
	switch r.IntN(4) {
	case 0:
		return least
	case 1:
		return most
	case 2:
		return least + r.IntN(most-least+1)
	}
	return least + r.IntN(1+r.IntN(most-least+1))
}

// TestSettingsAreWhatIsAccepted: no setting that is drawn is refused, and at every edge of the accepted space a setting
// is drawn. The edges are found by trying, over a wider space, not by reading the rule.
func TestSettingsAreWhatIsAccepted(t *testing.T) {
	type edge struct{ bits, successors, replicas, virtual int } // -1: any
	drawn := make(map[edge]bool)
	greatest := make(map[int]int) // virtual nodes drawn, by bits
	r := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		s := randomSetting(r)
		if err := s.valid(); err != nil {
			t.Fatalf("%+v is drawn and refused: %v", s, err)
		}
		drawn[edge{s.bits, -1, -1, -1}] = true
		drawn[edge{-1, s.successors, s.replicas, -1}] = true
		drawn[edge{-1, -1, -1, s.virtual}] = true
		greatest[s.bits] = max(greatest[s.bits], s.virtual)
	}
	ask := func(s setting, e edge) {
		if accepted := s.valid() == nil; accepted != drawn[e] {
			t.Errorf("%+v: accepted %v, drawn %v", s, accepted, drawn[e])
		}
	}
	for n := 1; n < 200; n++ { // 0 stands for the default, which the flags refuse (node.TestFlagsAcceptWhatIsValid)
		ask(setting{n, 8, 3, 1}, edge{n, -1, -1, -1})
		ask(setting{160, 8, 3, n}, edge{-1, -1, -1, n})
		for replicas := 1; replicas < 40; replicas++ {
			ask(setting{160, n, replicas, 1}, edge{-1, n, replicas, -1})
		}
	}
	for bits := chord.MinBits; bits <= chord.MaxBits; bits++ {
		if v := greatest[bits]; (setting{bits, 8, 3, v}).valid() != nil || (setting{bits, 8, 3, v + 1}).valid() == nil {
			t.Errorf("%d bits: %d virtual nodes are the most drawn, not the most accepted", bits, v)
		}
	}
}
