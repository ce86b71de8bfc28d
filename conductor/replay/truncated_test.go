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

// A recording that is truncated anywhere, or has garbage at its end, is played to its last whole message, and the state
// names the position and the reason. If it is truncated between two messages, it counts as whole. Only a recording
// without a first message is rejected.
func TestTruncatedAnywhere(t *testing.T) {
	messages := [][]float64{{0}, {0.001, 0.002}, {0.003}, {0.004}, {0.005, 0.006}}
	data := record(t, messages...)
	ends, events := []int{}, []int{} // of the messages, and the events up to there
	for at, n := 0, 0; at < len(data); {
		n += len(messages[len(ends)])
		at += 4 + int(binary.BigEndian.Uint32(data[at:]))
		ends, events = append(ends, at), append(events, n)
	}
	rapid.Check(t, func(t *rapid.T) {
		length := rapid.IntRange(0, len(data)).Draw(t, "length")
		garbage := rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "garbage")
		whole, want := 0, 0
		for i, end := range ends {
			if end <= length {
				whole, want = end, events[i]
			}
		}
		if len(garbage) > 0 {
			garbage[0] = 0xff // the length of a message that no recording has
			length = whole
		}
		p, err := New("truncated", bytes.NewReader(append(bytes.Clone(data[:length]), garbage...)), MaxSpeed, false)
		if want == 0 {
			if err == nil {
				t.Fatal("nothing is whole, and it is played")
			}
			var damage *recording.DamageError
			if length+len(garbage) > 0 && !errors.As(err, &damage) {
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
			t.Errorf("truncated at %d: %d events played, want %d: %+v", length, len(v.events), want, s)
		}
		if damaged := length != whole || len(garbage) > 0; damaged != (s.Damage != "") || damaged && !strings.HasPrefix(s.Damage, "at byte ") {
			t.Errorf("truncated at %d of %v, %d bytes of garbage: damage %q", length, ends, len(garbage), s.Damage)
		}
	})
}
