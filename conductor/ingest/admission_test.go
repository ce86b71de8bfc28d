package ingest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/conductor/memory"
	"chordconductor/internal/polltest"
)

func budget(t *testing.T, limit int64) *memory.Budget {
	t.Helper()
	b, err := memory.New(limit, "a test")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// opened begins a request over HTTP/1.1 on a new connection, and sends a part of its body.
func opened(t *testing.T, address, path string, part []byte, of int) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nContent-Length: %d\r\n\r\n%s", path, of, part)
	return c
}

// stream begins a call over gRPC and sends no message.
func stream(t *testing.T, conn *grpc.ClientConn, service string) grpc.ClientStream {
	t.Helper()
	s, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true}, "/opentelemetry.proto.collector."+service+"/Export")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Senders that begin requests and do not continue them must not exclude other senders, however many such requests there
// are: meanwhile the events and spans of others are accepted.
func TestUnfinishedRequestsExcludeNoSender(t *testing.T) {
	sink := newRecorder()
	s := start(t, Config{MaxInFlight: 1, Memory: budget(t, memory.Least)}, sink)
	for i := range 150 {
		opened(t, s.HTTPAddr(), []string{"/v1/logs", "/v1/traces", "/v1/metrics"}[i%3], []byte("abc"), 1000)
	}
	conn := dial(t, s.GRPCAddr())
	for i := range maxStreams / 2 {
		stream(t, conn, []string{"logs.v1.LogsService", "trace.v1.TraceService", "metrics.v1.MetricsService"}[i%3])
	}
	polltest.Until(t, "the requests are in progress", func() bool { return s.ports[0].slow.watched() >= 40 && s.ports[1].slow.watched() >= 100 })
	request, _ := oneEvent()
	other := dial(t, s.GRPCAddr())
	for range 20 {
		if _, err := plogotlp.NewGRPCClient(other).Export(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		if _, err := ptraceotlp.NewGRPCClient(other).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(someSpans())); err != nil {
			t.Fatal(err)
		}
		if code, _, _ := post(t, "http://"+s.HTTPAddr()+"/v1/logs", "application/json", "", []byte("{}")); code != http.StatusOK {
			t.Fatalf("HTTP: status %d", code)
		}
	}
	if n := s.Stats().InFlight; n != 0 {
		t.Errorf("%d requests admitted, of senders that have not sent their bodies", n)
	}
}

// One connection may hold a quarter of the memory for bodies being received; the rest remains for others.
func TestAConnectionHoldsAQuarter(t *testing.T) {
	b := budget(t, memory.Least)
	s := start(t, Config{Memory: b}, newRecorder())
	conn, quarter := dial(t, s.GRPCAddr()), b.Receive.Limit()/4
	begun := 0
	for ; int64(begun)*openCost < 2*quarter && begun < maxStreams; begun++ {
		stream(t, conn, "trace.v1.TraceService")
	}
	polltest.Until(t, "the streams are open", func() bool { return b.Receive.Used() > quarter*9/10 })
	if used := b.Receive.Used(); used > quarter {
		t.Errorf("one connection holds %d bytes of %d", used, b.Receive.Limit())
	}
	request, _ := oneEvent()
	if _, err := plogotlp.NewGRPCClient(conn).Export(t.Context(), request); status.Code(err) != codes.ResourceExhausted || retryInfo(err) <= 0 {
		t.Errorf("one more on that connection: %v, want ResourceExhausted with RetryInfo", err)
	}
	if _, err := plogotlp.NewGRPCClient(dial(t, s.GRPCAddr())).Export(t.Context(), request); err != nil {
		t.Errorf("on another connection: %v", err)
	}
	conn.Close()
	polltest.Until(t, "all of it is released", func() bool { return b.Receive.Used() == 0 })
}

// A body slower than a kilobyte a second for five seconds is aborted; one that is fast enough is not.
func TestSlowRequestsAreAborted(t *testing.T) {
	s := start(t, Config{}, newRecorder())
	slow := opened(t, s.HTTPAddr(), "/v1/traces", []byte("abc"), 1<<20)
	fast := opened(t, s.HTTPAddr(), "/v1/traces", nil, 1<<20)
	call := stream(t, dial(t, s.GRPCAddr()), "trace.v1.TraceService")
	polltest.Until(t, "all requests are in progress", func() bool { return s.ports[0].slow.watched() == 1 && s.ports[1].slow.watched() == 2 })
	for n := 1; n <= 4; n++ { // seconds that pass
		fast.Write(bytes.Repeat([]byte{0x0a, 0}, slowBytes/2))
		polltest.Until(t, "the bytes have arrived", func() bool {
			o := s.ports[1].slow
			o.mu.Lock()
			defer o.mu.Unlock()
			for b := range o.all {
				b.mu.Lock()
				enough := b.bytes >= slowBytes
				b.mu.Unlock()
				if enough {
					return true
				}
			}
			return false
		})
		for _, p := range s.ports {
			p.slow.look(time.Now().Add(time.Duration(2*n) * time.Second))
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(slow), nil)
	if err != nil || resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("slow over HTTP: %v, %v; want 408", resp, err)
	}
	if err := call.RecvMsg(new([]byte)); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("slow over gRPC: %v, want DeadlineExceeded", err)
	}
	if n := s.ports[1].slow.watched(); n != 1 || s.Stats().Cut != 2 {
		t.Errorf("%d requests continue, and %d were aborted; want the fast one, and two", n, s.Stats().Cut)
	}
}

func TestStreamsOfAConnectionAreBounded(t *testing.T) {
	s := start(t, Config{}, newRecorder())
	for _, address := range []string{s.GRPCAddr(), s.HTTPAddr()} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, http2.ClientPreface)
		framer := http2.NewFramer(c, c)
		if err := framer.WriteSettings(); err != nil {
			t.Fatal(err)
		}
		for {
			f, err := framer.ReadFrame()
			if err != nil {
				t.Fatal(err)
			}
			if settings, ok := f.(*http2.SettingsFrame); ok && !settings.IsAck() {
				if n, ok := settings.Value(http2.SettingMaxConcurrentStreams); !ok || n != 100 {
					t.Errorf("%s allows %d streams", address, n)
				}
				break
			}
		}
	}
}

// A small body that would be large once decoded is rejected permanently before it is decoded.
func TestWhatGrowsInMemoryIsRefused(t *testing.T) {
	s := start(t, Config{Memory: budget(t, memory.Least)}, newRecorder())
	records := bytes.Repeat([]byte{0x12, 0}, 400_000)
	wrap := func(number byte, b []byte) []byte {
		n := len(b)
		head := []byte{number<<3 | 2}
		for ; n > 127; n >>= 7 {
			head = append(head, byte(n)|128)
		}
		return append(append(head, byte(n)), b...)
	}
	body := wrap(1, wrap(2, records))
	for _, encoding := range []string{"", "gzip", "zstd"} {
		packed := body
		switch encoding {
		case "gzip":
			packed = gzipped(t, body)
		case "zstd":
			packed = zstandard(t, body)
		}
		code, _, answer := post(t, "http://"+s.HTTPAddr()+"/v1/traces", "application/x-protobuf", encoding, packed)
		if code != http.StatusRequestEntityTooLarge || !strings.Contains(string(answer), "--memory") {
			t.Errorf("%q: status %d, %q; want 413", encoding, code, answer)
		}
	}
	if s.gate.decode.Used() != 0 || s.gate.receive.Used() != 0 {
		t.Errorf("what was refused still holds %d and %d bytes", s.gate.decode.Used(), s.gate.receive.Used())
	}
}

// A sender of a too large body can read the reason of the rejection, whether it sends a length or not.
func TestTooLargeIsAnswered(t *testing.T) {
	s := start(t, Config{Memory: budget(t, memory.Least)}, newRecorder())
	for _, length := range []int{20 << 20, -1} {
		c, err := net.Dial("tcp", s.HTTPAddr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		head := fmt.Sprintf("Content-Length: %d", length)
		if length < 0 {
			head = "Transfer-Encoding: chunked"
		}
		fmt.Fprintf(c, "POST /v1/logs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%s\r\n\r\n", head)
		part := bytes.Repeat([]byte{' '}, 1<<20)
		for range 20 {
			if length < 0 {
				part = fmt.Appendf(nil, "%x\r\n%s\r\n", 1<<20, bytes.Repeat([]byte{' '}, 1<<20))
			}
			if _, err := c.Write(part); err != nil {
				t.Fatal("aborted before all was sent: ", err)
			}
		}
		if length < 0 {
			io.WriteString(c, "0\r\n\r\n")
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%v, %v; want 413", resp, err)
		}
	}
	if used := s.gate.receive.Used(); used != 0 {
		t.Errorf("%d bytes are still held", used)
	}
}
