package member_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/log/embedded"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// recorder is a provider of event loggers that stores what oracles need: whether all events were numbered without gaps,
// the ownership over time, and a digest of everything. For simulated worlds: it takes no lock.
type recorder struct {
	embedded.LoggerProvider
	now    func() time.Time
	digest io.Writer
	sum    func() uint64
	tail   []string // the last events as text
	seq    map[string]int64
	owned  map[chord.ID][]ownedSince
	gaps   []string
	counts map[string]int
}

// ownedSince is an ownership register since an instant.
type ownedSince struct {
	at   time.Time
	owns bool
	from chord.ID
}

func newRecorder(now func() time.Time) *recorder {
	h := fnv.New64a()
	return &recorder{now: now, digest: h, sum: h.Sum64, seq: map[string]int64{}, owned: map[chord.ID][]ownedSince{}, counts: map[string]int{}}
}

func (r *recorder) Logger(string, ...log.LoggerOption) log.Logger { return recordLogger{r: r} }

type recordLogger struct {
	embedded.Logger
	r *recorder
}

func (l recordLogger) Enabled(context.Context, log.EnabledParameters) bool { return true }

func (l recordLogger) Emit(_ context.Context, rec log.Record) {
	r := l.r
	text := rec.EventName() + " " + rec.Timestamp().Format("15:04:05.000000")
	attrs := map[attribute.Key]attribute.Value{}
	rec.WalkAttributes(func(kv attribute.KeyValue) bool {
		attrs[kv.Key] = kv.Value
		text += fmt.Sprintf(" %s=%v", kv.Key, kv.Value.String())
		return true
	})
	fmt.Fprintln(r.digest, text)
	r.counts[rec.EventName()]++
	if rec.EventName() == string(chordevent.KindHostState) {
		return // of no member, and numbered by itself
	}
	if r.tail = append(r.tail, text); len(r.tail) > 2000 {
		r.tail = r.tail[1000:]
	}
	node := attrs[chordevent.NodeIDKey].AsString()
	incarnation := fmt.Sprint(node, "/", attrs[chordevent.NodeIncarnationKey].AsInt64())
	seq := attrs[chordevent.EventSeqKey].AsInt64()
	if seq != r.seq[incarnation]+1 {
		r.gaps = append(r.gaps, fmt.Sprintf("%s: event %d follows %d", incarnation, seq, r.seq[incarnation]))
	}
	r.seq[incarnation] = seq
	switch rec.EventName() {
	case string(chordevent.KindOwnership):
		id, _ := chord.ParseID(node)
		from, _ := chord.ParseID(attrs[chordevent.OwnershipFromKey].AsString())
		r.owned[id] = append(r.owned[id], ownedSince{rec.Timestamp(), attrs[chordevent.OwnershipOwnsKey].AsBool(), from})
	}
}

// covered reports whether owner's ownership register covered key at some instant from start to end.
func (r *recorder) covered(owner, key chord.ID, start, end time.Time) bool {
	history := r.owned[owner]
	for i, o := range history {
		until := end
		if i+1 < len(history) {
			until = history[i+1].at
		}
		if o.owns && !o.at.After(end) && !until.Before(start) && chord.Owns(o.from, key, owner) {
			return true
		}
	}
	return false
}
