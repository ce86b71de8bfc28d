package otlpscan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"
)

// The decoder leaves a group at its first field and reads the rest as fields of the message around it. So the scan
// accepts no group: the contents of one could be of any depth. The first seed is an input that FuzzProto found.
func TestGroupsDoNotPass(t *testing.T) {
	if _, err := Proto(Logs, []byte("\xf302\x040000")); !errors.Is(err, ErrMalformed) {
		t.Errorf("a group that does not end: %v", err)
	}
	rapid.Check(t, func(t *rapid.T) {
		signal := Signal(rapid.IntRange(0, 2).Draw(t, "signal"))
		levels := rapid.SampledFrom([]int{1, MaxDepth, MaxDepth + 1, 2000}).Draw(t, "levels")
		place := rapid.SampledFrom(places()).Filter(func(p place) bool { return p.signal == signal }).Draw(t, "place")
		hidden, err := place.make(fillTo(levels)).MarshalProto()
		if err != nil {
			t.Fatal(err)
		}
		number := rapid.SampledFrom([]protowire.Number{2, 15, 782, protowire.MaxValidNumber}).Draw(t, "number")
		body := protowire.AppendTag(nil, number, protowire.StartGroupType)
		for range rapid.IntRange(0, 3).Draw(t, "groups within") {
			body = protowire.AppendTag(body, number, protowire.StartGroupType)
		}
		switch rapid.SampledFrom([]string{"varint", "bytes", "fixed", "nothing"}).Draw(t, "first field") {
		case "varint":
			body = protowire.AppendVarint(protowire.AppendTag(body, 6, protowire.VarintType), 7)
		case "bytes":
			body = protowire.AppendBytes(protowire.AppendTag(body, 6, protowire.BytesType), []byte("abc"))
		case "fixed":
			body = protowire.AppendFixed32(protowire.AppendTag(body, 6, protowire.Fixed32Type), 1)
		}
		body = append(body, hidden...)
		if rapid.Bool().Draw(t, "ended") {
			body = protowire.AppendTag(body, number, protowire.EndGroupType)
		}
		for _, whole := range [][]byte{body, append(bytes.Clone(hidden), body...), append([]byte{1<<3 | 2}, append(binary.AppendUvarint(nil, uint64(len(body))), body...)...)} {
			if _, err := Proto(signal, whole); err == nil {
				t.Fatalf("%x passes", whole[:min(len(whole), 60)])
			}
		}
	})
}
