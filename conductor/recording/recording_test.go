package recording

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func someLogs(name string) plog.Logs {
	ld := plog.NewLogs()
	record := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetEventName(name)
	record.SetTimestamp(12345)
	record.Attributes().PutStr("chord.node.id", "0a")
	return ld
}

func someTraces(name string) ptrace.Traces {
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetName(name)
	span.SetTraceID([16]byte{1})
	return td
}

// record writes two messages and returns the file's bytes.
func record(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ring.otlp")
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w.Logs(someLogs("one"))
	w.Traces(someTraces("two"))
	w.Logs(plog.NewLogs()) // nothing to record
	if err := w.Close(); err != nil || w.Dropped() != 0 {
		t.Fatalf("%v, %d dropped", err, w.Dropped())
	}
	w.Logs(someLogs("late"))
	if w.Dropped() != 1 {
		t.Error("a request after the end is not counted")
	}
	if _, err := Create(path); !errors.Is(err, os.ErrExist) {
		t.Errorf("an existing file: %v", err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	data := record(t)
	metrics := pmetric.NewMetrics()
	metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetName("three")
	body, err := new(pmetric.ProtoMarshaler).MarshalMetrics(metrics)
	if err != nil {
		t.Fatal(err)
	}
	data = append(binary.BigEndian.AppendUint32(data, uint32(len(body))), body...)

	r := NewReader(bytes.NewReader(data))
	one, err := r.Next()
	if err != nil || one.Logs == nil || one.Logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).EventName() != "one" {
		t.Errorf("first: %+v %v", one, err)
	}
	two, err := r.Next()
	if err != nil || two.Traces == nil || two.Traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Name() != "two" {
		t.Errorf("second: %+v %v", two, err)
	}
	three, err := r.Next()
	if err != nil || three.Metrics == nil || three.Metrics.MetricCount() != 1 {
		t.Errorf("third: %+v %v", three, err)
	}
	if _, err := r.Next(); err != io.EOF || r.Offset() != int64(len(data)) {
		t.Errorf("end: %v at %d of %d", err, r.Offset(), len(data))
	}
}

// Wherever a recording is truncated, what comes before is read, and the error has the offset at which that ends.
func TestTruncated(t *testing.T) {
	data := record(t)
	firstEnds := int64(4 + binary.BigEndian.Uint32(data))
	for n := range data {
		r := NewReader(bytes.NewReader(data[:n]))
		var err error
		for err == nil {
			_, err = r.Next()
		}
		var damage *DamageError
		switch clean := n == 0 || int64(n) == firstEnds; {
		case clean && err != io.EOF:
			t.Errorf("truncated at %d, between messages: %v", n, err)
		case !clean && (!errors.As(err, &damage) || damage.Offset != 0 && damage.Offset != firstEnds):
			t.Errorf("truncated at %d: %v", n, err)
		}
	}
}

func TestForeign(t *testing.T) {
	for _, test := range []struct{ name, data, want string }{
		{"text", "Lorem ipsum dolor", "at byte 0: a message of 1282372197 bytes is over the limit"},
		{"zeros and noise", "\x00\x00\x00\x04abcd", "at byte 0: a message that is not OTLP"},
		{"JSON lines of the Collector", `{"resourceLogs":[]}`, "at byte 0: this is JSON, the default of the Collector's file exporter; record with format: proto"},
		{"JSON with a byte order mark", "\xef\xbb\xbf\n {}", "at byte 0: this is JSON"},
		{"gzip", "\x1f\x8b\x08\x00", "at byte 0: this is compressed with gzip; unpack it with gunzip"},
		{"a zstd file", "\x28\xb5\x2f\xfd\x00", "at byte 0: this is compressed with zstd; unpack it with unzstd"},
		{"a tar", "recording.otlp\x00\x00", "at byte 0: a message of 1919247215 bytes is over the limit"},
		{"bzip2", "BZh91AY", "at byte 0: this is compressed with bzip2; unpack it with bunzip2"},
		{"a list", "[\n{}]", "at byte 0: this is JSON"},
		{"a log", "[2026-12-02] started", "at byte 0: a message of 1530015794 bytes is over the limit"},
		{"one brace", "{", "at byte 0: this is JSON"},
		{"zstd messages", "\x00\x00\x00\x09\x28\xb5\x2f\xfd\x00", "at byte 0: its messages are compressed with zstd"},
	} {
		if _, err := NewReader(strings.NewReader(test.data)).Next(); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
		}
	}
}

func FuzzReader(f *testing.F) {
	body, err := new(plog.ProtoMarshaler).MarshalLogs(someLogs("x"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := NewReader(bytes.NewReader(data))
		for {
			before := r.Offset()
			if _, err := r.Next(); err != nil {
				return
			}
			if r.Offset() <= before {
				t.Fatal("no progress")
			}
		}
	})
}

// A patient writer leaves nothing out, however much arrives at the same time.
func TestPatience(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring.otlp")
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w.Patient()
	big := someLogs(strings.Repeat("x", maxWaiting/4))
	const n = 12
	for range n {
		w.Logs(big)
	}
	if err := w.Close(); err != nil || w.Dropped() != 0 {
		t.Errorf("%v, %d of %d dropped", err, w.Dropped(), n)
	}
	if info, err := os.Stat(path); err != nil || info.Size() < n*maxWaiting/4 {
		t.Errorf("%v, %v", info, err)
	}
}

// A recording whose values nest deeper than the receiver accepts is reported as damaged at that message, for each
// signal, and does not crash the process.
func TestNesting(t *testing.T) {
	for _, levels := range []int{64, 65, 400_000} {
		for name, head := range map[string][]byte{"a resource": {1, 1, 1}, "a log record": {6, 2, 2, 1}, "a span": {9, 2, 2, 1}} {
			body := []byte{}
			n := 0
			var sizes []int
			for range levels - 1 {
				a := 1 + uvarintLen(n) + n
				sizes = append(sizes, a, n)
				n = 1 + uvarintLen(a) + a
			}
			total := n
			heads := []byte{2}
			heads = append(heads, head...)
			lengths := []int{}
			for range heads {
				lengths = append(lengths, total)
				total = 1 + uvarintLen(total) + total
			}
			for i := len(heads) - 1; i >= 0; i-- {
				body = binary.AppendUvarint(append(body, heads[i]<<3|2), uint64(lengths[i]))
			}
			for i := len(sizes) - 2; i >= 0; i -= 2 {
				body = binary.AppendUvarint(append(body, 0x2a), uint64(sizes[i]))
				body = binary.AppendUvarint(append(body, 0x0a), uint64(sizes[i+1]))
			}
			_, err := NewReader(bytes.NewReader(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))).Next()
			if deep := err != nil && strings.Contains(err.Error(), "64 levels"); deep != (levels > 64) || !deep && err != nil {
				t.Errorf("%d levels in %s: %v", levels, name, err)
			}
		}
	}
}

func uvarintLen(n int) int { return len(binary.AppendUvarint(nil, uint64(n))) }

// The queue for the disk is bounded; a request that does not fit is left out as a whole and counted.
func TestWithin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "recording")
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w.Within(1000)
	w.Logs(someLogs(strings.Repeat("x", 2000)))
	if n := w.Dropped(); n != 1 {
		t.Errorf("%d requests were left out", n)
	}
	w.Logs(someLogs("x"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() == 0 || info.Size() > 1000 || w.Dropped() != 1 {
		t.Errorf("%v, %v; %d requests were left out", info, err, w.Dropped())
	}
}
