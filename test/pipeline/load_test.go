package pipeline

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

const (
	members = 1000
	listLen = 8
	fingers = 10
	records = 512 // in one request, as nodes send
)

// A sender emits one process's telemetry: the events of its share of a settled ring, and spans of lookups.
// The attributes are those of docs/telemetry.md, written here as any implementation might.
type sender struct {
	first, count int // its range of members
	random       *rand.Rand
	seq          []int64 // the newest event's number, by member
	emitted      int     // events so far
	now          time.Time
}

func newSender(share, of int) *sender {
	n := members / of
	return &sender{first: share * n, count: n, random: rand.New(rand.NewPCG(1, uint64(share))), seq: make([]int64, n), now: time.Now()}
}

// id returns a member's identifier; identifiers are at even distances around the circle.
func id(member int) string {
	return fmt.Sprintf("%08x%032x", uint64(member%members)<<32/members, member%members)
}

func address(member int) string {
	return fmt.Sprintf("10.0.%d.%d:7001", member%members>>8, member%members&255)
}

const incarnation = 1790000000000000000

// events returns a request of 512 events: half of them loads, the others successor lists, predecessors, fingers, keyframes.
func (s *sender) events(tb testing.TB) []byte {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	resource(rl.Resource(), s.first)
	list := rl.ScopeLogs().AppendEmpty().LogRecords()
	for range records {
		m := s.emitted % s.count
		kind := s.emitted / s.count % 10 // in its first round a member emits all kinds
		s.emitted++
		s.seq[m]++
		s.now = s.now.Add(time.Microsecond)
		r := list.AppendEmpty()
		r.SetTimestamp(pcommon.NewTimestampFromTime(s.now))
		r.SetSeverityNumber(plog.SeverityNumberInfo)
		r.SetTraceID(pcommon.TraceID{byte(s.emitted), byte(s.emitted >> 8), byte(s.emitted >> 16), 1})
		a := r.Attributes()
		a.PutStr("chord.node.id", id(s.first+m))
		a.PutInt("chord.node.incarnation", incarnation)
		a.PutInt("chord.event.seq", s.seq[m])
		a.PutStr("chord.host.id", address(s.first+m))
		a.PutStr("chord.host.address", address(s.first+m))
		switch m := s.first + m; kind {
		case 0:
			r.SetEventName("chord.node.state")
			s.state(a, m)
		case 1, 2:
			r.SetEventName("chord.successors.changed")
			s.successors(a, m)
		case 3:
			r.SetEventName("chord.predecessor.changed")
			s.predecessor(a, m)
		case 4:
			r.SetEventName("chord.fingers.changed")
			s.fingers(a, m)
		default:
			r.SetEventName("chord.node.load")
			s.load(a)
		}
	}
	request, err := plogotlp.NewExportRequestFromLogs(logs).MarshalProto()
	if err != nil {
		tb.Fatal(err)
	}
	return request
}

func resource(r pcommon.Resource, instance int) {
	r.Attributes().PutStr("service.name", "chord-node")
	r.Attributes().PutStr("service.instance.id", fmt.Sprint("instance-", instance))
	r.Attributes().PutStr("chord.ring.name", "measured")
}

func (s *sender) state(a pcommon.Map, m int) {
	a.PutStr("chord.node.address", address(m))
	a.PutInt("chord.ring.bits", 160)
	a.PutInt("chord.ring.successors", listLen)
	a.PutInt("chord.ring.replicas", 3)
	a.PutInt("chord.node.virtual_index", 0)
	a.PutStr("chord.node.status", "active")
	a.PutInt("chord.keyframe.period", int64(10*time.Second))
	s.successors(a, m)
	s.predecessor(a, m)
	a.PutBool("chord.ownership.owns", true)
	a.PutStr("chord.ownership.from", id(m+members-1))
	a.PutInt("chord.ownership.epoch", 1)
	s.fingers(a, m)
	s.load(a)
	a.PutInt("chord.telemetry.lost", 0)
}

func (s *sender) successors(a pcommon.Map, m int) {
	var list []int
	for k := range listLen {
		list = append(list, m+1+k)
	}
	peers(a, "chord.successors", list)
}

func (s *sender) predecessor(a pcommon.Map, m int) {
	a.PutStr("chord.predecessor.id", id(m+members-1))
	a.PutStr("chord.predecessor.address", address(m+members-1))
	a.PutInt("chord.predecessor.incarnation", incarnation)
	a.PutInt("chord.predecessor.seq", 1)
}

func (s *sender) fingers(a pcommon.Map, m int) {
	first, last := a.PutEmptySlice("chord.fingers.first"), a.PutEmptySlice("chord.fingers.last")
	var list []int
	for k := range fingers {
		from := 160 - fingers + k
		first.AppendEmpty().SetInt(int64(from))
		last.AppendEmpty().SetInt(int64(from))
		list = append(list, m+1<<k)
	}
	peers(a, "chord.fingers", list)
}

func peers(a pcommon.Map, prefix string, list []int) {
	ids, addresses := a.PutEmptySlice(prefix+".ids"), a.PutEmptySlice(prefix+".addresses")
	incarnations, seqs := a.PutEmptySlice(prefix+".incarnations"), a.PutEmptySlice(prefix+".seqs")
	for _, m := range list {
		ids.AppendEmpty().SetStr(id(m))
		addresses.AppendEmpty().SetStr(address(m))
		incarnations.AppendEmpty().SetInt(incarnation)
		seqs.AppendEmpty().SetInt(1)
	}
}

func (s *sender) load(a pcommon.Map) {
	for i, what := range []string{"owned_keys", "replica_keys", "bytes", "gets", "puts", "deletes"} {
		a.PutInt("chord.load."+what, int64(1000*i+s.emitted/s.count))
	}
}

// spans returns a request of 512 spans: of every three, one is a lookup's hop, two are the client and server of its RPC.
func (s *sender) spans(tb testing.TB) []byte {
	traces := ptrace.NewTraces()
	rs := traces.ResourceSpans().AppendEmpty()
	resource(rs.Resource(), s.first)
	list := rs.ScopeSpans().AppendEmpty().Spans()
	var trace pcommon.TraceID
	for i := range records {
		if i%15 == 0 { // a lookup of five hops
			for k := range trace {
				trace[k] = byte(s.random.Uint32())
			}
		}
		span := list.AppendEmpty()
		span.SetTraceID(trace)
		span.SetSpanID(pcommon.SpanID{byte(i), byte(i >> 8), 1})
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(s.now))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(s.now.Add(time.Millisecond)))
		a := span.Attributes()
		switch {
		case i%15 == 0:
			span.SetName("chord.lookup")
			a.PutStr("chord.lookup.key", id(s.random.IntN(members)))
			a.PutStr("chord.lookup.mode", "recursive")
		case i%3 == 0:
			span.SetName("chord.lookup.hop")
			a.PutInt("chord.lookup.hop", int64(i/3%5))
			a.PutStr("chord.lookup.pointer", "finger")
			a.PutInt("chord.lookup.slot", 150)
		default:
			span.SetName("chord.v1.Ring/Forward")
			a.PutStr("rpc.system.name", "grpc")
			a.PutStr("rpc.method", "chord.v1.Ring/Forward")
		}
		a.PutStr("chord.node.id", id(s.first+i%s.count))
		a.PutStr("chord.host.id", address(s.first+i%s.count))
	}
	request, err := ptraceotlp.NewExportRequestFromTraces(traces).MarshalProto()
	if err != nil {
		tb.Fatal(err)
	}
	return request
}
