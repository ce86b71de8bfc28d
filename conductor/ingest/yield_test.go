package ingest

import (
	"bytes"
	"testing"

	"chordconductor/internal/yieldtest"
)

// Decompression in each of the formats yields the processor to other goroutines.
func TestUnpackingLetsOthersRun(t *testing.T) {
	body := bytes.Repeat([]byte("telemetry "), 400<<10)
	for packing, packed := range map[string][]byte{"gzip": gzipped(t, body), "zstd": zstandard(t, body)} {
		events, _ := newClasses(unlimitedDecode, 1)
		w := &work{gate: newGate(Config{MaxInFlight: 1}), lane: events.large}
		var out []byte
		var err error
		turns := yieldtest.During(t, func() { out, err = unpack(t.Context(), packing, packed, 64<<20, w) })
		w.release()
		if err != nil || !bytes.Equal(out, body) {
			t.Fatalf("%s: %d bytes, %v", packing, len(out), err)
		}
		if want := len(body) / unpackAtOnce / 2; turns < want {
			t.Errorf("%s: others ran %d times, want %d", packing, turns, want)
		}
	}
}
