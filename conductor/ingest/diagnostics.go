package ingest

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// maxStack bounds the bytes of a panic's stack that are logged.
const maxStack = 8 << 10

// A diagnosis receives net/http's own diagnostics, one message per call: mostly failed handshakes, above all of senders
// without a certificate, for which the failure may look like a closed connection. They are counted, and logged at
// growing intervals.
type diagnosis struct{ *port }

func (d diagnosis) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	if rest, found := strings.CutPrefix(text, "http: TLS handshake error from "); found {
		from, why, _ := strings.Cut(rest, ": ")
		if !ended(why) {
			d.gate.rejected.Add(1)
			d.troubles.note(time.Now(), handshake(why), "the TLS handshake failed: "+why, from)
		}
		return len(line), nil
	}
	d.troubles.note(time.Now(), serverDiagnostic, text, "")
	return len(line), nil
}

// ended reports whether why, the text of a failed handshake, means that the connection ended. Probes end connections in
// this way, and browsers do with connections that they do not need.
func ended(why string) bool {
	for _, end := range []string{"EOF", "connection reset by peer", "i/o timeout", "broken pipe", "use of closed network connection"} {
		if strings.HasSuffix(why, end) {
			return true
		}
	}
	return false
}

// handshake returns the kind of a handshake's failure. It reads the text of the error, since net/http passes on nothing
// else.
func handshake(why string) problem {
	switch {
	case strings.Contains(why, "didn't provide a certificate"):
		return noCertificate
	case strings.Contains(why, "does not look like a TLS handshake"), strings.Contains(why, "HTTP request to an HTTPS server"):
		return notTLS
	}
	return failedHandshake
}

// recovered answers a request whose handler panicked with an error that is not to be retried: the same request would
// fail again. The panic is logged, at growing intervals.
func (p *port) recovered(w http.ResponseWriter, r *http.Request) {
	v := recover()
	switch v {
	case nil:
		return
	case http.ErrAbortHandler:
		panic(v) // net/http's own way to abort an answer
	}
	stack := debug.Stack()
	p.troubles.note(time.Now(), panicked, fmt.Sprintf("panic: %v\n%s", v, stack[:min(len(stack), maxStack)]), r.RemoteAddr)
	st := status.New(codes.Internal, "internal error; see the conductor's log")
	if isGRPC(r) {
		failGRPC(w, st)
		return
	}
	p.failWith(w, r, http.StatusInternalServerError, st.Err())
}
