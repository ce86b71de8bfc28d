package ingest

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"pgregory.net/rapid"

	"chordconductor/conductor/internal/otlptest"
	"chordconductor/internal/polltest"
)

// A recordStore keeps the records that it receives, by a number in each.
type recordStore struct {
	mu  sync.Mutex
	got map[int64]string // guarded by mu
	err error            // guarded by mu; the first
}

func (s *recordStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var from io.Reader = r.Body
	var err error
	if r.Header.Get("Content-Encoding") == "gzip" {
		from, err = gzip.NewReader(r.Body)
	}
	request := plogotlp.NewExportRequest()
	if err == nil {
		var body []byte
		if body, err = io.ReadAll(from); err == nil {
			err = request.UnmarshalProto(body)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rl := range request.Logs().ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, rec := range sl.LogRecords().All() {
				if mark, ok := rec.Attributes().Get("mark"); ok {
					s.got[mark.Int()] = recordText(rec)
				}
			}
		}
	}
	if err != nil && s.err == nil {
		s.err = err
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// recordText returns a whole record as text.
func recordText(rec plog.LogRecord) string {
	return fmt.Sprint(rec.EventName(), rec.Timestamp(), rec.SeverityText(), rec.Body().AsRaw(), rec.Attributes().AsRaw())
}

// Every rejected record is reported to its sender, and forwarded by --forward-logs as received, like valid and foreign
// records.
func TestWhatIsRejectedIsPassedOn(t *testing.T) {
	far := &recordStore{got: map[int64]string{}}
	front := httptest.NewServer(far)
	defer front.Close()
	s := start(t, Config{GRPC: "127.0.0.1:0", ForwardLogs: Target{Endpoint: front.URL}}, newRecorder())
	client := plogotlp.NewGRPCClient(dial(t, s.GRPCAddr()))
	broken, _ := almostRight()
	want := map[int64]string{}
	mark := int64(0)
	rapid.Check(t, func(rt *rapid.T) {
		ld := plog.NewLogs()
		records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
		for range rapid.IntRange(1, 5).Draw(rt, "records") {
			rec := records.AppendEmpty()
			switch rapid.SampledFrom([]string{"broken", "sound", "misnamed", "foreign"}).Draw(rt, "kind") {
			case "broken":
				recordOf(rapid.SampledFrom(broken).Draw(rt, "record")).CopyTo(rec)
			case "sound":
				_, events := otlptest.Ring(4, 2, time.Now())
				recordOf(otlptest.Logs(events[0])).CopyTo(rec)
			case "misnamed":
				rec.SetEventName(rapid.SampledFrom([]string{"chord.node.states", "Chord.Node.State", "chord."}).Draw(rt, "name"))
			case "foreign":
				rec.Body().SetStr(rapid.String().Draw(rt, "text"))
			}
			mark++
			rec.Attributes().PutInt("mark", mark)
			want[mark] = recordText(rec)
		}
		if _, err := client.Export(t.Context(), plogotlp.NewExportRequestFromLogs(ld)); err != nil {
			rt.Fatal(err)
		}
	})
	polltest.Until(t, "all records in the store", func() bool {
		far.mu.Lock()
		defer far.mu.Unlock()
		return len(far.got) >= len(want) || far.err != nil
	})
	far.mu.Lock()
	defer far.mu.Unlock()
	if far.err != nil {
		t.Fatal(far.err)
	}
	for n, text := range want {
		if far.got[n] != text {
			t.Errorf("record %d: %s became %s", n, text, far.got[n])
		}
	}
	if s.Stats().Rejections == nil {
		t.Error("none was rejected: this test has lost its records")
	}
}
