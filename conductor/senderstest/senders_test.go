package senderstest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/protobuf/proto"

	"chordconductor/conductor/hub"
	"chordconductor/conductor/hub/hubpb"
	"chordconductor/conductor/internal/otlptest"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// largest is the size of the largest requests in bytes: somewhat less than is admitted with 256 MiB of memory.
const largest = 3 << 20

// A kind is one sort of sender or reader: how many there are at the same time, and what each does repeatedly until ctx
// ends.
type kind struct {
	name  string
	count int
	pause time.Duration
	do    func(ctx context.Context, w *world, random *rand.Rand) error
}

// A world holds what the senders share: the conductor, and the answers to their requests.
type world struct {
	c      *conductor
	client *http.Client

	mu      sync.Mutex
	answers map[string]int // guarded by mu
}

func (w *world) note(kind, answer string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[kind+" "+answer]++
}

// run runs all kinds until ctx ends.
func (w *world) run(ctx context.Context, kinds []kind) {
	var all sync.WaitGroup
	for _, k := range kinds {
		for i := range k.count {
			all.Go(func() {
				random := rand.New(rand.NewPCG(12, uint64(i)))
				for ctx.Err() == nil {
					if err := k.do(ctx, w, random); err != nil && ctx.Err() == nil {
						w.note(k.name, strings.SplitN(err.Error(), ":", 2)[0])
					}
					select {
					case <-time.After(time.Duration((0.5 + random.Float64()) * float64(k.pause))):
					case <-ctx.Done():
					}
				}
			})
		}
	}
	all.Wait()
}

// post sends a request and returns the answer's status; 0 if there was none.
func post(ctx context.Context, client *http.Client, otlp, path, packing string, body []byte) int {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+otlp+path, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/x-protobuf")
	if packing != "" {
		r.Header.Set("Content-Encoding", packing)
	}
	resp, err := client.Do(r)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func (w *world) post(ctx context.Context, kind, path, packing string, body []byte) error {
	w.note(kind, fmt.Sprint(post(ctx, w.client, w.c.otlp, path, packing, body)))
	return nil
}

func (w *world) events(ctx context.Context, kind string, events ...chordevent.Event) error {
	body, err := plogotlp.NewExportRequestFromLogs(otlptest.Logs(events...)).MarshalProto()
	if err != nil {
		return err
	}
	return w.post(ctx, kind, "/v1/logs", "", body)
}

func pack(body []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(body)
	_ = z.Close()
	return out.Bytes()
}

// kinds returns the worst senders and readers: among others, 3,000 members with fat lists, 64 large requests at the
// same time, and 300 clients that never read.
func kinds() []kind {
	return []kind{
		{"fat members", 4, 50 * time.Millisecond, fatMembers},
		{"many members", 2, 20 * time.Millisecond, manyMembers},
		{"liars", 2, 20 * time.Millisecond, liars},
		{"deep", 1, 500 * time.Millisecond, deep},
		{"large requests", 64, 2 * time.Second, large},
		{"requests just small enough", 16, time.Second, fitting},
		{"bombs", 8, time.Second, bombs},
		{"spans", 2, 50 * time.Millisecond, spans},
		{"points", 1, 100 * time.Millisecond, points},
		{"slow", 300, time.Second, slow},
		{"clients that never read", 300, 5 * time.Second, neverReads},
		{"event readers", 30, 200 * time.Millisecond, eventReaders},
		{"readers of the past", 4, 200 * time.Millisecond, pastReaders},
	}
}

func text(random *rand.Rand, n int) string {
	return fmt.Sprintf("%016x", random.Uint64()) + strings.Repeat("x", max(0, n-16))
}

func peers(random *rand.Rand, n, length int) (out []chordevent.PeerRef) {
	for range n {
		var id chord.ID
		binary.BigEndian.PutUint64(id[:], random.Uint64())
		out = append(out, chordevent.PeerRef{Peer: chord.Peer{ID: id, Addr: text(random, length), Incarnation: 1 + random.Int64N(1e9)}})
	}
	return out
}

// drawn returns a function that draws one of n values, which are made once: so the work of the senders is small
// compared with the conductor's.
func drawn[T any](n int, make func(random *rand.Rand) T) func(*rand.Rand) T {
	all := sync.OnceValue(func() (out []T) {
		random := rand.New(rand.NewPCG(12, 12))
		for range n {
			out = append(out, make(random))
		}
		return out
	})
	return func(random *rand.Rand) T { return all()[random.IntN(n)] }
}

// event returns an event of member i of n, in an incarnation that has just begun.
func event(random *rand.Rand, i, n int, body chordevent.Body) chordevent.Event {
	m := otlptest.NewMember(i, n, time.Now().UnixNano())
	m.Peer.ID[11] = byte(n)
	ev := m.Event(time.Now(), body)
	ev.Node.Seq = 1 + random.Int64N(1000)
	return ev
}

var fatList = drawn(100, func(random *rand.Rand) []chordevent.PeerRef {
	return peers(random, chordevent.MaxSuccessors, chordevent.MaxText)
})

// fatMembers sends events of 3,000 members with lists as long, and of texts as long, as an event may carry.
func fatMembers(ctx context.Context, w *world, random *rand.Rand) error {
	var events []chordevent.Event
	for range 1 + random.IntN(8) {
		list := fatList(random)
		state := chordevent.State{
			Started: chordevent.Started{Address: text(random, chordevent.MaxText), Bits: 160, ListLen: 8, Replicas: 3}, Status: chordevent.StatusActive,
			Period: 10 * time.Second, Predecessor: list[0], Successors: list,
		}
		for k := range chordevent.MaxFingerRuns {
			state.Fingers = append(state.Fingers, chordevent.FingerRun{First: k, Last: k, Peer: list[k%len(list)]})
		}
		events = append(events, event(random, random.IntN(3000), 3000, state))
	}
	return w.events(ctx, "fat members", events...)
}

func manyMembers(ctx context.Context, w *world, random *rand.Rand) error {
	var events []chordevent.Event
	for range 50 {
		list := peers(random, 4, 20)
		events = append(events, event(random, random.IntN(30_000), 30_000, chordevent.State{
			Started: chordevent.Started{Address: text(random, 20), Bits: 160, ListLen: 8, Replicas: 3}, Status: chordevent.StatusActive,
			Period: 10 * time.Second, Predecessor: list[0], Successors: list,
		}))
	}
	return w.events(ctx, "many members", events...)
}

// liars report deaths, incarnations, hosts and moves that do not exist.
func liars(ctx context.Context, w *world, random *rand.Rand) error {
	var events []chordevent.Event
	for range 20 {
		peer := peers(random, 1, 1+random.IntN(chordevent.MaxText))[0]
		body := []chordevent.Body{
			chordevent.PeerFailed{Peer: peer, Operation: "stabilize"},
			chordevent.KeysMoved{MoveID: text(random, chordevent.MaxText), Phase: chordevent.MoveStarted, Reason: chordevent.MoveJoin, Peer: peer, Keys: random.Int64()},
			chordevent.HostState{Incarnation: 1 + random.Int64(), Seq: 1, Status: "active", Period: 10 * time.Second},
			chordevent.Joined{Through: peer},
			chordevent.FingersChanged{Runs: []chordevent.FingerRun{{First: 0, Last: 159, Peer: peer}}},
		}[random.IntN(5)]
		ev := event(random, random.IntN(500), 500, body)
		ev.Time = time.Now().Add(time.Duration(random.Int64N(int64(2*time.Hour))) - time.Hour)
		ev.Instance = text(random, chordevent.MaxText)
		ev.Host = chordevent.Host{ID: text(random, 500), Address: text(random, 500)}
		events = append(events, ev)
	}
	return w.events(ctx, "liars", events...)
}

// deep sends an AnyValue that is nested as deeply as the length of a request permits.
func deep(ctx context.Context, w *world, random *rand.Rand) error {
	return w.post(ctx, "deep", "/v1/logs", "gzip", deepBody(random))
}

var deepBody = drawn(20, func(random *rand.Rand) []byte {
	depth := 1 + random.IntN(largest/10)
	var prefixes [][]byte
	n := 0
	field := func(tag byte, n int) []byte { return binary.AppendUvarint([]byte{tag}, uint64(n)) }
	for range depth {
		a := field(0x0a, n)
		b := append(field(0x2a, n+len(a)), a...)
		prefixes = append(prefixes, b)
		n += len(b)
	}
	body := make([]byte, 0, n+64)
	for i := len(prefixes) - 1; i >= 0; i-- {
		body = append(body, prefixes[i]...)
	}
	wrap := func(tag byte, inner []byte) []byte { return append(field(tag, len(inner)), inner...) }
	return pack(wrap(0x0a, wrap(0x0a, wrap(0x0a, append(wrap(0x0a, []byte("k")), wrap(0x12, body)...)))))
})

// largeLogs returns a request of about n bytes, of many small attributes, which take the most memory once decoded.
func largeLogs(n int) []byte {
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for range n / 100 {
		r := records.AppendEmpty()
		for k := range 8 {
			r.Attributes().PutStr(string(rune('a'+k)), "x")
		}
	}
	body, err := plogotlp.NewExportRequestFromLogs(logs).MarshalProto()
	if err != nil {
		panic(err)
	}
	return body
}

var (
	largeBody  = sync.OnceValue(func() []byte { return largeLogs(largest) })
	packedBody = sync.OnceValue(func() []byte { return pack(largeBody()) })
	bomb       = sync.OnceValue(func() []byte { return pack(make([]byte, 64<<20)) })
)

func large(ctx context.Context, w *world, random *rand.Rand) error {
	if random.IntN(2) == 0 {
		return w.post(ctx, "large requests", "/v1/logs", "gzip", packedBody())
	}
	return w.post(ctx, "large requests", "/v1/logs", "", largeBody())
}

// fitting sends a request that takes about as much memory, once decoded, as one request may: somewhat less or more.
func fitting(ctx context.Context, w *world, random *rand.Rand) error {
	return w.post(ctx, "requests just small enough", "/v1/logs", "", fittingBody(random))
}

// decodedPerByte is the factor by which largeLogs grows when it is decoded, as the conductor counts it.
const decodedPerByte = 27

var fittingBody = drawn(8, func(random *rand.Rand) []byte {
	one := int64(*limitOfSenders) * 80 / 1000 / 2 / 4 * 3 // see memory.Budget and ingest's lanes
	return largeLogs(int(float64(one) / decodedPerByte * (0.6 + random.Float64()/2)))
})

func bombs(ctx context.Context, w *world, random *rand.Rand) error {
	return w.post(ctx, "bombs", []string{"/v1/logs", "/v1/traces", "/v1/metrics"}[random.IntN(3)], "gzip", bomb())
}

// spans sends spans of lookups, with paths and texts as long as the conductor keeps.
func spans(ctx context.Context, w *world, random *rand.Rand) error {
	td := ptrace.NewTraces()
	list := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for range 30 {
		s := list.AppendEmpty()
		var id pcommon.TraceID
		binary.BigEndian.PutUint64(id[:], random.Uint64())
		s.SetTraceID(id)
		s.SetSpanID(pcommon.SpanID{1, byte(random.IntN(256))})
		s.SetName([]string{chordevent.SpanLookup, chordevent.SpanLookupHop}[random.IntN(2)])
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		a := s.Attributes()
		a.PutStr(string(chordevent.NodeIDKey), "ab")
		a.PutStr(string(chordevent.OutcomeKey), text(random, 256))
		a.PutStr(string(chordevent.LookupModeKey), text(random, 256))
		a.PutStr(string(chordevent.LookupPointerKey), text(random, 256))
		path := a.PutEmptySlice(string(chordevent.LookupPathKey))
		for range 512 {
			path.AppendEmpty().SetStr("abcdef")
		}
	}
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		return err
	}
	return w.post(ctx, "spans", "/v1/traces", "", body)
}

// points sends data points, each of a new series.
func points(ctx context.Context, w *world, random *rand.Rand) error {
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName(chordevent.LookupDuration.Name)
	h := m.SetEmptyHistogram()
	for range 200 {
		p := h.DataPoints().AppendEmpty()
		p.Attributes().PutStr("series", text(random, 100))
		p.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		p.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-time.Second)))
		p.SetCount(128)
		for k := range 127 {
			p.ExplicitBounds().Append(float64(k))
			p.BucketCounts().Append(1)
		}
		p.BucketCounts().Append(1)
	}
	body, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	if err != nil {
		return err
	}
	return w.post(ctx, "points", "/v1/metrics", "", body)
}

// slow opens a connection to one of the ports and sends next to nothing, or nothing.
func slow(ctx context.Context, w *world, random *rand.Rand) error {
	address := []string{w.c.otlp, w.c.page}[random.IntN(2)]
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	request := []string{
		"", "POST /v1/logs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{",
		"PUT /api/keys/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n{", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
	}[random.IntN(4)]
	if _, err := io.WriteString(conn, request); err != nil {
		return err
	}
	for range 30 {
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil
		}
		if _, err := io.WriteString(conn, " "); err != nil {
			return nil // closed by the conductor, as it should be
		}
	}
	return nil
}

// neverReads is a WebSocket client that sends Hello and never reads, with the smallest possible buffers.
func neverReads(ctx context.Context, w *world, random *rand.Rand) error {
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
		}
		return c, err
	}}}
	conn, _, err := websocket.Dial(ctx, "ws://"+w.c.page+"/ws", &websocket.DialOptions{Subprotocols: []string{hub.Subprotocol}, HTTPClient: client})
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	hello, err := proto.Marshal(&hubpb.ClientMessage{Message: &hubpb.ClientMessage_Hello{Hello: &hubpb.Hello{}}})
	if err != nil {
		return err
	}
	if err := conn.Write(ctx, websocket.MessageBinary, hello); err != nil {
		return err
	}
	w.note("clients that never read", "connected")
	select { // by then it has been disconnected, and connects again
	case <-time.After(time.Duration(5+random.IntN(20)) * time.Second):
	case <-ctx.Done():
	}
	return nil
}

// eventReaders request the largest answers and do not read them.
func eventReaders(ctx context.Context, w *world, random *rand.Rand) error {
	return w.halfRead(ctx, []string{"/api/events?limit=10000", "/api/ring", "/api/lookups?limit=10000"}[random.IntN(3)], random)
}

func pastReaders(ctx context.Context, w *world, random *rand.Rand) error {
	at := time.Now().Add(-time.Duration(random.IntN(20)) * time.Second).UTC().Format(time.RFC3339Nano)
	return w.halfRead(ctx, []string{"/api/ring?at=", "/api/events?limit=10000&until=", "/api/events?limit=10000&since="}[random.IntN(3)]+at, random)
}

func (w *world) halfRead(ctx context.Context, path string, random *rand.Rand) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", w.c.page)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path); err != nil {
		return err
	}
	status := make([]byte, 12)
	if _, err := io.ReadFull(conn, status); err == nil {
		w.note("readers", string(status[9:]))
	}
	select {
	case <-time.After(time.Duration(random.IntN(20)) * time.Second):
	case <-ctx.Done():
	}
	return nil
}
