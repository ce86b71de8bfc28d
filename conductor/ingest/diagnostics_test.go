package ingest

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/internal/certtest"
	"chordconductor/internal/polltest"
	"chordconductor/otel/chordevent"
)

func (l *logged) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// A failed TLS handshake is counted, and logged with its reason and the sender's address.
func TestFailedHandshakesAreLogged(t *testing.T) {
	authority, foreign := certtest.New(t), certtest.New(t)
	own, other := authority.Issue("conductor", "127.0.0.1"), foreign.Issue("sender", "sender")
	stranger, err := tls.LoadX509KeyPair(other.Cert, other.Key)
	if err != nil {
		t.Fatal(err)
	}
	handshake := func(cfg *tls.Config) func(net.Conn) {
		cfg.InsecureSkipVerify = true // the test is about the server
		return func(c net.Conn) {
			client := tls.Client(c, cfg)
			if client.Handshake() == nil {
				_, _ = client.Read(make([]byte, 1)) // with TLS 1.3 a rejection arrives when something is read
			}
		}
	}
	for name, test := range map[string]struct {
		send func(net.Conn)
		want string // in the log
	}{
		"no certificate":      {handshake(&tls.Config{}), "didn't provide a certificate"},
		"another authority's": {handshake(&tls.Config{GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &stranger, nil }}), "unknown authority"},
		"in the clear": {func(c net.Conn) {
			_, _ = io.WriteString(c, "POST /v1/logs HTTP/1.1\r\nHost: localhost\r\n\r\n")
			_, _ = io.ReadAll(c)
		}, "HTTP request to an HTTPS server"},
		"gRPC in the clear": {func(c net.Conn) {
			_, _ = io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
			_, _ = io.ReadAll(c)
		}, "does not look like a TLS handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			log := &logged{}
			s := start(t, Config{TLS: TLS{own.Cert, own.Key, authority.File}, Logger: slog.New(log)}, newRecorder())
			for _, address := range []string{s.GRPCAddr(), s.HTTPAddr()} {
				c, err := net.Dial("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
					t.Fatal(err)
				}
				test.send(c)
				c.Close()
			}
			polltest.Until(t, "both failures are counted", func() bool { return s.Stats().Rejected == 2 })
			polltest.Until(t, "the first is logged", func() bool { return log.all() != "" })
			if text := log.all(); !strings.Contains(text, test.want) || !strings.Contains(text, "from=127.0.0.1:") || strings.Count(text, "\n") > 0 {
				t.Errorf("the log: %s", text)
			}
		})
	}
}

// A connection that ends within the handshake, as those of probes do, is neither counted nor logged.
func TestProbesAreNotLogged(t *testing.T) {
	log := &logged{}
	d := diagnosis{&port{gate: &gate{}, troubles: newTroubles(slog.New(log))}}
	for _, why := range []string{
		"EOF", "read tcp 127.0.0.1:4317->127.0.0.1:50000: read: connection reset by peer", "read tcp 127.0.0.1:4317->127.0.0.1:50000: i/o timeout",
		"write tcp 127.0.0.1:4317->127.0.0.1:50000: write: broken pipe", "tls: first record does not look like a TLS handshake",
	} {
		if _, err := fmt.Fprintf(d, "http: TLS handshake error from [::1]:50000: %s\n", why); err != nil {
			t.Fatal(err)
		}
	}
	if text := log.all(); d.gate.rejected.Load() != 1 || !strings.Contains(text, "first record") || !strings.Contains(text, "from=[::1]:50000") || strings.Contains(text, "\n") {
		t.Errorf("%d rejected: %s", d.gate.rejected.Load(), text)
	}
}

// panics is a sink that panics.
type panics struct{ nowhere }

func (panics) Offer([]chordevent.Event, time.Time) error { panic("boom") }

// A request whose handling panics is answered with an error that is not retried. Many panics are logged as one line,
// and the next request is served.
func TestPanicsAreAnsweredAndLogged(t *testing.T) {
	log := &logged{}
	s := start(t, Config{Logger: slog.New(log)}, panics{})
	request, _ := oneEvent()
	body, err := request.MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	logs := plogotlp.NewGRPCClient(dial(t, s.GRPCAddr()))
	for range 3 {
		if _, err := logs.Export(t.Context(), request); status.Code(err) != codes.Internal || strings.Contains(err.Error(), "boom") {
			t.Errorf("over gRPC: %v", err)
		}
		r, err := http.Post("http://"+s.HTTPAddr()+"/v1/logs", protobufType, strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(r.Body)
		if r.Body.Close(); r.StatusCode != http.StatusInternalServerError || strings.Contains(string(text), "boom") {
			t.Errorf("over HTTP: %d %s", r.StatusCode, text)
		}
	}
	if text := log.all(); strings.Count(text, "boom") != 1 || !strings.Contains(text, "pipeline.go") {
		t.Errorf("the log: %s", text)
	}
	if n := s.Stats().InFlight; n != 0 {
		t.Errorf("%d requests in work in the end", n)
	}
}
