package chordevent

import "testing"

var benchBodies = []struct {
	name string
	body Body
}{
	{"successors", SuccessorsChanged{sampleList()}},
	{"predecessor", PredecessorChanged{peerRef("10.0.0.2:7001", 9)}},
	{"fingers", FingersChanged{sampleState().Fingers[:1]}},
	{"load", NodeLoad{sampleState().Load}},
	{"keyframe", sampleState()},
}

func BenchmarkEncode(b *testing.B) {
	for _, c := range benchBodies {
		b.Run(c.name, func(b *testing.B) {
			ev := sample(c.body)
			b.ReportAllocs()
			for b.Loop() {
				Encode(ev)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range benchBodies {
		b.Run(c.name, func(b *testing.B) {
			ev := sample(c.body)
			src, rec := only(overTheWire(b, toLogs(ev, Encode(ev))))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := Decode(src, rec); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
