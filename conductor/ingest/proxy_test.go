package ingest

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"

	"chordconductor/internal/certtest"
	"chordconductor/internal/polltest"
)

// newProxy starts an HTTP proxy that supports only CONNECT: it connects every name to one address.
func newProxy(t *testing.T, to string) (address string, connected func() []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var names []string
	var tunnels sync.WaitGroup
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		far, err := net.Dial("tcp", to)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		mu.Lock()
		names = append(names, r.Host)
		mu.Unlock()
		near, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			far.Close()
			return
		}
		_, _ = io.WriteString(near, "HTTP/1.1 200 Connection established\r\n\r\n")
		tunnels.Go(func() { _, _ = io.Copy(far, buffered); far.Close() })
		tunnels.Go(func() { _, _ = io.Copy(near, far); near.Close() })
	})}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-served; tunnels.Wait() })
	return l.Addr().String(), func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), names...)
	}
}

// proxyChild is the variable that names the store for the process that forwards. A process of its own is needed, since
// each process reads the proxy's variables once.
const proxyChild = "INGEST_TEST_STORE"

// All signals reach a store behind a proxy, over either protocol, encrypted from end to end: the conductor verifies the
// store's certificate, and the store verifies the conductor's.
func TestForwardingThroughAProxy(t *testing.T) {
	if endpoint := os.Getenv(proxyChild); endpoint != "" {
		forwardThroughProxy(t, endpoint)
		return
	}
	authority := certtest.New(t)
	server, ours := authority.Issue("store", "store.internal"), authority.Issue("conductor")
	for _, scheme := range []string{"grpcs", "https"} {
		far := newStore(t, &TLS{CertFile: server.Cert, KeyFile: server.Key, ClientCAFile: authority.File})
		proxy, connected := newProxy(t, far.address)
		child := exec.Command(os.Args[0], "-test.run=^TestForwardingThroughAProxy$")
		child.Env = append(os.Environ(), proxyChild+"="+scheme+"://store.internal:4444", "HTTPS_PROXY=http://"+proxy, "NO_PROXY=",
			"TEST_CA="+authority.File, "TEST_CERT="+ours.Cert, "TEST_KEY="+ours.Key)
		if out, err := child.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", scheme, err, out)
		}
		for _, signal := range signalNames {
			if calls := far.of(signal); len(calls) != 1 || calls[0].client != "conductor" {
				t.Errorf("%s, %s: %+v", scheme, signal, calls)
			}
		}
		if names := connected(); len(names) == 0 || names[0] != "store.internal:4444" {
			t.Errorf("%s: the proxy was asked for %q", scheme, names)
		}
	}
}

func forwardThroughProxy(t *testing.T, endpoint string) {
	target := Target{Endpoint: endpoint, CAFile: os.Getenv("TEST_CA"), CertFile: os.Getenv("TEST_CERT"), KeyFile: os.Getenv("TEST_KEY")}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil)) // the parent prints it if this fails
	s := start(t, Config{ForwardTraces: target, ForwardMetrics: target, ForwardLogs: target, Logger: log}, newRecorder())
	sendAll(t, s)
	polltest.Until(t, "all is sent", func() bool {
		st := s.Stats()
		return st.Traces.Sent == 2 && st.Metrics.Sent == 1 && st.Logs.Sent == 1
	})
}
