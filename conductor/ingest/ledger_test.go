package ingest

import (
	"math/rand/v2"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"chordconductor/conductor/internal/otlpscan"
	"chordconductor/conductor/memory"
	"chordconductor/internal/freeport"
)

// If requests leave a queue in the order in which they arrived, the ledger counts exactly what the queue holds, and
// admits no more than its limit.
func TestLedger(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(12, seed))
		l := &ledger{share: memory.NewShare("forward", 3000), limit: 1000}
		var queue []queued
		var size, held int64
		for range 500 {
			for len(queue) > 0 && random.IntN(3) == 0 {
				size, held = size-queue[0].size, held-queue[0].memory
				queue = queue[1:]
			}
			if got := l.held(size); got != held {
				t.Fatalf("seed %d: %d bytes are counted, of %d", seed, got, held)
			}
			q := queued{1 + random.Int64N(50), 1 + random.Int64N(400)}
			inside := held
			put := l.add(func() int64 { return size }, q.size, q.memory, func() {
				queue, size, held = append(queue, q), size+q.size, held+q.memory
			})
			if put != (inside+q.memory <= l.limit) {
				t.Fatalf("seed %d: a request of %d bytes beside %d of %d: put %v", seed, q.memory, inside, l.limit, put)
			}
		}
	}
}

// Requests that wait for an unavailable store take no more memory, in decoded form, than the limit, whatever they
// contain.
func TestForwardingIsBoundedInMemory(t *testing.T) {
	b := budget(t, memory.Least)
	s := start(t, Config{Memory: b, ForwardLogs: Target{Endpoint: freeport.Address(t)}}, newRecorder())
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for range 200 {
		for k := range 8 { // small attributes take the most for their size
			records.AppendEmpty().Attributes().PutStr(string(rune('a'+k)), "x")
		}
	}
	q := plogotlp.NewExportRequestFromLogs(logs)
	body, err := q.MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	need, err := otlpscan.Proto(otlpscan.Logs, body)
	if err != nil || need < 10*int64(len(body)) {
		t.Fatalf("a body of %d bytes takes %d: %v", len(body), need, err)
	}
	limit := b.Forward.Limit() / 3
	client := plogotlp.NewGRPCClient(dial(t, s.GRPCAddr()))
	for range 2*limit/need + 2 {
		if _, err := client.Export(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	st := s.Stats().Logs
	if st.Memory > limit || st.Memory < limit-need || st.Dropped == 0 || st.Dropped%1600 != 0 {
		t.Errorf("%d bytes of %d are held, %d records dropped; each request takes %d", st.Memory, limit, st.Dropped, need)
	}
}
