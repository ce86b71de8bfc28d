package replay

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"chordconductor/conductor/recording"
)

// A recording that is cut anywhere, or has garbage at its end, is played to its last whole message, and says where it
// ends and why; cut between two messages it is whole. Only one without a first message is refused.
func TestCutAnywhere(t *testing.T) {
	messages := [][]float64{{0}, {0.001, 0.002}, {0.003}, {0.004}, {0.005, 0.006}}
	data := tape(t, messages...)
	ends, events := []int{}, []int{} // of the messages, and the events up to there
	for at, n := 0, 0; at < len(data); {
		n += len(messages[len(ends)])
		at += 4 + int(binary.BigEndian.Uint32(data[at:]))
		ends, events = append(ends, at), append(events, n)
	}
	rapid.Check(t, func(t *rapid.T) {
		cut := rapid.IntRange(0, len(data)).Draw(t, "cut")
		garbage := rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "garbage")
		whole, want := 0, 0
		for i, end := range ends {
			if end <= cut {
				whole, want = end, events[i]
			}
		}
		if len(garbage) > 0 {
			garbage[0] = 0xff // the length of a message that no recording has
			cut = whole
		}
		p, err := New("cut", bytes.NewReader(append(bytes.Clone(data[:cut]), garbage...)), MaxSpeed, false)
		if want == 0 {
			if err == nil {
				t.Fatal("nothing is whole, and it is played")
			}
			var damage *recording.DamageError
			if cut+len(garbage) > 0 && !errors.As(err, &damage) {
				t.Fatalf("%v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		v := &view{}
		if err := p.Play(context.Background(), v); err != nil {
			t.Fatal(err)
		}
		s := p.State()
		if len(v.events) != want || s.Events != uint64(want) || !s.Ended {
			t.Errorf("cut at %d: %d events played, want %d: %+v", cut, len(v.events), want, s)
		}
		if damaged := cut != whole || len(garbage) > 0; damaged != (s.Damage != "") || damaged && !strings.HasPrefix(s.Damage, "at byte ") {
			t.Errorf("cut at %d of %v, %d bytes of garbage: damage %q", cut, ends, len(garbage), s.Damage)
		}
	})
}
