package ingest

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"

	"chordconductor/internal/polltest"
)

// A body with malformed chunks, at any place, is answered with 400 and a Status in the sender's encoding, and is
// counted. A body whose connection ends is not the sender's error.
func TestMalformedChunks(t *testing.T) {
	var logged lines
	s := start(t, Config{Logger: slog.New(slog.NewTextHandler(&logged, nil))}, newRecorder())
	random := rand.New(rand.NewPCG(12, 4))
	counted := uint64(0)
	for i := range 60 {
		kind := []string{jsonType, protobufType}[i%2]
		var body strings.Builder
		for range random.IntN(4) {
			text := strings.Repeat("x", 1+random.IntN(5000))
			fmt.Fprintf(&body, "%x\r\n%s\r\n", len(text), text)
		}
		body.WriteString([]string{"zz\r\n{}\r\n0\r\n\r\n", "2\r\n{}0\r\n\r\n", "-1\r\n{}\r\n", "ffffffffffffffffff\r\n{}\r\n", "\r\n\r\n", "2 {}\r\n"}[random.IntN(6)])
		c, err := net.Dial("tcp", s.HTTPAddr())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "POST /v1/logs HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n%s", kind, body.String())
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("%q: %v", body.String(), err)
		}
		answer, _ := io.ReadAll(resp.Body)
		c.Close()
		if st := statusOf(t, kind, answer); resp.StatusCode != http.StatusBadRequest || st.Code != 3 || !strings.Contains(st.Message, "malformed") {
			t.Errorf("%q: status %d, %v", body.String(), resp.StatusCode, st)
		}
		if counted++; s.Stats().Malformed != counted {
			t.Fatalf("%q was not counted", body.String())
		}
	}
	if logged.count("the body is malformed") != 1 {
		t.Errorf("logged: %v", logged.all)
	}
	c := opened(t, s.HTTPAddr(), "/v1/logs", []byte("abc"), 1000)
	polltest.Until(t, "a request is in progress", func() bool { return s.ports[1].slow.watched() == 1 })
	c.Close()
	polltest.Until(t, "it has ended", func() bool { return s.ports[1].slow.watched() == 0 })
	if n := s.Stats().Malformed; n != counted {
		t.Errorf("a connection that ended counts as malformed: %d, want %d", n, counted)
	}
}

// The name of an encoding is accepted in upper or lower case, as HTTP requires.
func TestEncodingsInAnyCase(t *testing.T) {
	s := start(t, Config{}, newRecorder())
	body := gzipped(t, []byte("{}"))
	for _, name := range []string{"gzip", "GZIP", "GZip"} {
		if code, _, answer := post(t, "http://"+s.HTTPAddr()+"/v1/logs", jsonType, name, body); code != http.StatusOK {
			t.Errorf("%s: status %d, %s", name, code, answer)
		}
	}
	if code, _, answer := post(t, "http://"+s.HTTPAddr()+"/v1/logs", jsonType, "Identity", []byte("{}")); code != http.StatusOK {
		t.Errorf("status %d, %s", code, answer)
	}
}
