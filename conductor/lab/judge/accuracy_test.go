package judge

import (
	"testing"
	"time"

	"chordconductor/conductor/lab/judge/groundtruth"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// A field may differ from its member's own value for as long as the staleness bound, and for longer only if it is
// marked as uncertain.
func TestViewAccuracyUsesTheStalenessBound(t *testing.T) {
	const keyframe = 4 * time.Second
	self, was, is := chord.ID{1}, chord.ID{2}, chord.ID{3}
	for name, c := range map[string]struct {
		member ring.Member
		want   uint64 // fields counted by one bound and a second
	}{
		"wrong":             {ring.Member{}, 1},
		"uncertain":         {ring.Member{Uncertain: true}, 0},
		"silent":            {ring.Member{Status: ring.Silent}, 0},
		"later incarnation": {ring.Member{Incarnation: 1}, 0},
		"right already":     {ring.Member{Predecessor: chordevent.PeerRef{Peer: chord.Peer{ID: is}}}, 0},
	} {
		m := c.member
		m.ID, m.Keyframe = self, keyframe
		if m.Predecessor.ID == (chord.ID{}) {
			m.Predecessor.ID = was
		}
		var d Accuracy
		begin := time.Unix(1790000000, 0)
		for at := time.Duration(0); at <= 7*time.Second; at += time.Second {
			d.Look(begin.Add(at), &ring.View{Members: []*ring.Member{&m}}, map[chord.ID]groundtruth.State{self: {Predecessor: is}})
		}
		if d.Unmarked != 0 {
			t.Errorf("%s: %d fields counted within 7 s, the bound of a keyframe period of %v", name, d.Unmarked, keyframe)
		}
		d.Look(begin.Add(8*time.Second), &ring.View{Members: []*ring.Member{&m}}, map[chord.ID]groundtruth.State{self: {Predecessor: is}})
		if d.Unmarked != c.want {
			t.Errorf("%s: %d fields counted, want %d", name, d.Unmarked, c.want)
		}
	}
}

// A field that is wrong before and after a time without ground truth may have been right meanwhile, so that time does
// not count.
func TestViewAccuracyForgetsWithoutGroundTruth(t *testing.T) {
	self, begin := chord.ID{1}, time.Unix(1790000000, 0)
	v := &ring.View{Members: []*ring.Member{{ID: self, Keyframe: 4 * time.Second}}}
	var d Accuracy
	for _, look := range []struct {
		at     time.Duration
		truths map[chord.ID]groundtruth.State
	}{{0, map[chord.ID]groundtruth.State{self: {Predecessor: chord.ID{3}}}}, {time.Second, nil}, {time.Minute, map[chord.ID]groundtruth.State{self: {Predecessor: chord.ID{3}}}}} {
		d.Look(begin.Add(look.at), v, look.truths)
	}
	if d.Unmarked != 0 {
		t.Errorf("%d fields counted", d.Unmarked)
	}
}
