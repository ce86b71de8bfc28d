package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"

	"chordconductor/conductor/internal/otlpscan"
	"chordconductor/conductor/lookups"
	"chordconductor/otel/chordevent"
)

// nowhere accepts everything and keeps nothing.
type nowhere struct{}

func (nowhere) Offer([]chordevent.Event, time.Time) error  { return nil }
func (nowhere) OfferSpans([]lookups.Span, []lookups.Point) {}
func (nowhere) Reject(chordevent.Reason)                   {}
func (nowhere) Ignore(int)                                 {}

// FuzzRequests sends bodies of all signals, over both protocols, in both encodings and all compressions, through
// everything behind the socket. Every answer must have a status that OTLP allows and be in the request's encoding, no
// answer may be a server error, and all reserved memory must be released.
func FuzzRequests(f *testing.F) {
	packings := []string{"", "gzip", "zstd", "snappy", "deflate", "zlib", "br"}
	logs, _ := oneEvent()
	pb, err := logs.MarshalProto()
	if err != nil {
		f.Fatal(err)
	}
	js, err := logs.MarshalJSON()
	if err != nil {
		f.Fatal(err)
	}
	var zipped, snapped bytes.Buffer
	z, s := gzip.NewWriter(&zipped), snappy.NewBufferedWriter(&snapped)
	_, _ = z.Write(pb)
	_, _ = s.Write(pb)
	_, _ = z.Close(), s.Close()
	packer, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(byte(0), byte(0), true, pb)
	f.Add(byte(0), byte(0), false, pb)
	f.Add(byte(3), byte(0), false, js)
	f.Add(byte(4), byte(0), false, []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","name":"x"}]}]}]}`))
	f.Add(byte(5), byte(0), false, []byte(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{"asInt":"1"}]}}]}]}]}`))
	f.Add(byte(1), byte(1), true, zipped.Bytes())
	f.Add(byte(0), byte(2), false, packer.EncodeAll(pb, nil))
	f.Add(byte(2), byte(3), false, snapped.Bytes())

	const most = 1 << 20
	cfg, err := Config{MaxRequestBytes: most}.withDefaults()
	if err != nil {
		f.Fatal(err)
	}
	gate := newGate(cfg)
	line := &pipeline{sink: nowhere{}, gate: gate, broken: newRejections(slog.New(slog.DiscardHandler))}
	troubles := newTroubles(slog.New(slog.DiscardHandler))
	ports := map[bool]*port{}
	for _, overGRPC := range []bool{true, false} {
		ports[overGRPC] = &port{gate: gate, pipeline: line, troubles: troubles, grpc: overGRPC, other: "elsewhere", slow: newOverseer(nil)}
	}
	paths := map[bool][]string{}
	for path, signal := range grpcPaths {
		paths[true] = at(paths[true], int(signal), path)
	}
	for path, signal := range httpPaths {
		paths[false] = at(paths[false], int(signal), path)
	}
	f.Fuzz(func(t *testing.T, which, packed byte, overGRPC bool, body []byte) {
		packing := packings[int(packed)%len(packings)]
		kind := protobufType
		if which/3%2 == 1 {
			kind = jsonType
		}
		if overGRPC {
			kind = "application/grpc+proto"
			prefix := binary.BigEndian.AppendUint32([]byte{min(packed, 1)}, uint32(len(body)))
			body = append(prefix, body...)
		}
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "http://localhost"+paths[overGRPC][which%3], bytes.NewReader(body))
		r.Header.Set("Content-Type", kind)
		if overGRPC {
			r.ProtoMajor, r.ProtoMinor = 2, 0
			r.Header.Set("Grpc-Encoding", packing)
		} else {
			r.Header.Set("Content-Encoding", packing)
		}
		w := httptest.NewRecorder()
		ports[overGRPC].ServeHTTP(w, r)
		switch answer := w.Result(); {
		case overGRPC && answer.Header.Get("Grpc-Status") == "" && answer.Trailer.Get("Grpc-Status") == "":
			t.Fatalf("no status: %v", answer.Header)
		case overGRPC && answer.StatusCode != http.StatusOK:
			t.Fatalf("status %d", answer.StatusCode)
		case !overGRPC && answer.StatusCode >= 500:
			t.Fatalf("status %d: %s", answer.StatusCode, w.Body)
		case !overGRPC && answer.Header.Get("Content-Type") != kind:
			t.Fatalf("answered as %s", answer.Header.Get("Content-Type"))
		}
		for _, l := range []*lane{gate.events.small, gate.events.large, gate.others.small, gate.others.large} {
			if l.memory == nil {
				continue
			}
			if !l.memory.TryAcquire(l.limit) {
				t.Fatal("memory was not released")
			}
			l.memory.Release(l.limit)
		}
		if n := gate.inFlight.Load(); n != 0 {
			t.Fatalf("%d slots were not released", n)
		}
	})
}

// at puts a path into a list at the index of its signal.
func at(list []string, i int, path string) []string {
	if list == nil {
		list = make([]string, int(otlpscan.Metrics)+1)
	}
	list[i] = path
	return list
}
