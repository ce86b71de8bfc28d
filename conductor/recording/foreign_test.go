package recording

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"
)

// zipped and zstandard compress data, in pieces of any size, as writers do.
func zipped(t *rapid.T, data []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, rapid.IntRange(gzip.HuffmanOnly, gzip.BestCompression).Draw(t, "level"))
	if err != nil {
		t.Fatal(err)
	}
	if rapid.Bool().Draw(t, "named") {
		w.Name = "ring.otlp"
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstandard(t *rapid.T, data []byte) []byte {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(rapid.Bool().Draw(t, "checksum")), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll(data, nil)
}

// framed puts its length before a message.
func framed(data []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), data...)
}

// For a recording in a foreign format, alone or after messages of this format, truncated anywhere, the error has the
// offset, the format, and how to make a recording that can be read. If it is truncated before the format can be
// recognized, the error reports that the file ends there. No message is read from it.
func TestForeignFormatsAreNamed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z]{0,40}`).Draw(t, "name")
		request, err := new(plog.ProtoMarshaler).MarshalLogs(someLogs(name))
		if err != nil {
			t.Fatal(err)
		}
		lines, err := new(plog.JSONMarshaler).MarshalLogs(someLogs(name))
		if err != nil {
			t.Fatal(err)
		}
		blank := rapid.StringMatching("[ \\t\\r\\n]{0,100}").Draw(t, "blank")
		var data []byte
		var want string
		known := 0 // bytes by which it is recognized
		switch rapid.IntRange(0, 5).Draw(t, "format") {
		case 0:
			data, want, known = []byte(blank+string(lines)+"\n"+string(lines)+"\n"), "this is JSON", len(blank)+1
		case 1:
			data, want, known = []byte("\ufeff"+blank+"["+blank+string(lines)+"]"), "this is JSON", 3+len(blank)+1
		case 2:
			for _, unit := range utf16.Encode([]rune("\ufeff" + blank + string(lines))) {
				data = binary.LittleEndian.AppendUint16(data, unit)
			}
			want, known = "this is JSON", 2+2*len(blank)+1
		case 3:
			data, want, known = zipped(t, framed(request)), "gunzip", 2
		case 4:
			data, want, known = zstandard(t, framed(request)), "unzstd", 4
		case 5:
			data, want, known = framed(zstandard(t, request)), "record without compression", 8
		}
		before := rapid.IntRange(0, 2).Draw(t, "messages before")
		whole := bytes.Repeat(framed(request), before)
		size := rapid.IntRange(1, len(data)).Draw(t, "size")
		r := NewReader(bytes.NewReader(append(bytes.Clone(whole), data[:size]...)))
		for range before {
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
		}
		_, err = r.Next()
		var damage *DamageError
		switch {
		case !errors.As(err, &damage) || damage.Offset != int64(len(whole)):
			t.Fatalf("%v, %d bytes of %q behind %d", err, size, want, len(whole))
		case size >= known && !strings.Contains(damage.What, want):
			t.Fatalf("%v, want %s; %d bytes, known by %d", err, want, size, known)
		case size < known && !strings.Contains(damage.What, "ends within") && !strings.Contains(damage.What, "over the limit"):
			t.Fatalf("%v; %d bytes, known by %d", err, size, known)
		}
	})
}

// Whatever a recording in this format contains, it is never recognized as another format.
func TestOursIsNeverForeign(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var data []byte
		n := rapid.IntRange(1, 5).Draw(t, "messages")
		for range n {
			body, err := new(plog.ProtoMarshaler).MarshalLogs(someLogs(rapid.SampledFrom([]string{"{", "[{", "\x1f\x8b", "BZh", "x"}).Draw(t, "name") + strings.Repeat("y", rapid.IntRange(0, 1000).Draw(t, "length"))))
			if err != nil {
				t.Fatal(err)
			}
			data = append(data, framed(body)...)
		}
		r := NewReader(bytes.NewReader(data))
		for range n {
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	})
}
