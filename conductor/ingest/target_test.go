package ingest

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"pgregory.net/rapid"

	"chordconductor/internal/certtest"
	"chordconductor/internal/polltest"
)

var signalNames = []string{"traces", "metrics", "logs"}

// to returns a configuration that forwards one signal.
func to(signal string, target Target) Config {
	switch signal {
	case "traces":
		return Config{ForwardTraces: target}
	case "metrics":
		return Config{ForwardMetrics: target}
	}
	return Config{ForwardLogs: target}
}

// Endpoints mean the same for all signals, and their errors are reported in the same way: in one line that names the
// flag.
func TestTargets(t *testing.T) {
	for _, signal := range signalNames {
		for _, bad := range []string{
			"http://", "https://:4317", ":4317", "host:", "host:0", "host:99999", "host:x", "host:1:2", "2001:db8::1:4317", "ftp://host", "http://a:b@host", "http://host?x=1", "http://host#x",
			"a b", "://", "http://[::1", "host/path", "grpc://host/path", "grpcs://u@host", "unix:///socket",
			"host:4318", "grpcs://host:4318", "http://host:4317", "https://host:4317/", "http://host?", "\x00", "http://ho\nst",
		} {
			if _, err := to(signal, Target{Endpoint: bad}).withDefaults(); err == nil || !strings.HasPrefix(err.Error(), "--forward-"+signal+" ") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s to %q: %v; want one line that names the flag", signal, bad, err)
			}
		}
		for in, want := range map[string]string{
			"jaeger": "http://jaeger:4317", "jaeger:4317": "http://jaeger:4317", "grpc://jaeger": "http://jaeger:4317", "grpcs://traces.example:443": "https://traces.example:443",
			"[::1]:9": "http://[::1]:9", "[fe80::1%25eth0]:9": "http://[fe80::1%25eth0]:9", "grpc://host:1/": "http://host:1",
			"http://store:4318":                             "http://store:4318/v1/" + signal,
			"https://store":                                 "https://store/v1/" + signal,
			"http://store:9090/api/v1/otlp/":                "http://store:9090/api/v1/otlp/v1/" + signal,
			"http://store:4317/v1/" + signal:                "http://store:4317/v1/" + signal,
			"https://store.example/otlp/v1/" + signal + "/": "https://store.example/otlp/v1/" + signal,
		} {
			cfg, err := to(signal, Target{Endpoint: in}).withDefaults()
			if err != nil || len(cfg.destinations) != 1 || cfg.destinations[0].url != want || cfg.destinations[0].signal != signal {
				t.Errorf("%s to %q: %+v, %v; want %q", signal, in, cfg.destinations, err, want)
			}
		}
	}
}

// Every endpoint is either rejected in one line, or converted to a form that is accepted again unchanged.
func TestAnyTarget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		signal := rapid.SampledFrom(signalNames).Draw(t, "signal")
		in := rapid.OneOf(rapid.String(), rapid.StringMatching(`(grpcs?|https?)://[a-z.:\[\]0-9]{0,12}(/[a-z/]{0,8})?`)).Draw(t, "endpoint")
		if in == "" {
			return
		}
		cfg, err := to(signal, Target{Endpoint: in}).withDefaults()
		if err != nil {
			if !strings.HasPrefix(err.Error(), "--forward-"+signal+" ") || strings.Contains(err.Error(), "\n") {
				t.Fatal(err)
			}
			return
		}
		d := cfg.destinations[0]
		again := d.url
		if !d.overHTTP {
			again = strings.Replace(d.url, "http", "grpc", 1)
		}
		if cfg, err = to(signal, Target{Endpoint: again}).withDefaults(); err != nil || cfg.destinations[0].url != d.url {
			t.Fatalf("%q is taken as %q, and that: %v", in, again, err)
		}
	})
}

// The parts of targets are checked in the same way for all signals, before anything starts. No value of a header is
// shown.
func TestPartsOfTargets(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	empty, lines, long := file("empty", "\n"), file("lines", "hunter22\nhunter22"), file("long", strings.Repeat("hunter22", 1100))
	many := make([]string, maxHeaders+1)
	for i := range many {
		many[i] = fmt.Sprintf("n%d=hunter22", i)
	}
	const plain, secure = "grpc://store:1", "https://store"
	for _, c := range []struct {
		flag, part string
		target     Target
	}{
		{"-header", "has no effect", Target{Headers: []string{"a=hunter22"}}},
		{"-authority", "has no effect", Target{Authority: "x"}},
		{"-ca", "has no effect", Target{CAFile: lines}},
		{"-cert", "has no effect", Target{CertFile: lines}},
		{"-key", "has no effect", Target{KeyFile: lines}},
		{"-ca", "not over TLS", Target{Endpoint: plain, CAFile: lines}},
		{"-cert", "not over TLS", Target{Endpoint: "http://store", CertFile: lines, KeyFile: lines}},
		{"-cert", "must be set together", Target{Endpoint: secure, CertFile: lines}},
		{"-ca", "no certificate", Target{Endpoint: secure, CAFile: lines}},
		{"-ca", "no such file", Target{Endpoint: "grpcs://store", CAFile: filepath.Join(dir, "none")}},
		{"-cert", "-key", Target{Endpoint: secure, CertFile: lines, KeyFile: lines}},
		{"-authority", "HOST", Target{Endpoint: plain, Authority: "http://x"}},
		{"-authority", "HOST", Target{Endpoint: plain, Authority: ":80"}},
		{"-authority", "HOST", Target{Endpoint: plain, Authority: "store:"}},
		{"-authority", "HOST", Target{Endpoint: plain, Authority: "store:otlp"}},
		{"-authority", "HOST", Target{Endpoint: plain, Authority: "store:0"}},
		{"-authority", "HOST", Target{Endpoint: plain, Authority: "store:65536"}},
		{"-authority", "HOST", Target{Endpoint: plain, Authority: "2001:db8::1"}},
		{"-authority", "HOST", Target{Endpoint: plain, Authority: "a:1:2"}},
		{"-authority", "HOST", Target{Endpoint: plain, Authority: "user@store"}},
		{"-header", "NAME=VALUE", Target{Endpoint: plain, Headers: []string{"hunter22"}}},
		{"-header", "NAME=VALUE", Target{Endpoint: plain, Headers: []string{"=hunter22"}}},
		{"-header", "NAME=VALUE", Target{Endpoint: plain, Headers: []string{"a b=hunter22"}}},
		{"-header", "authority", Target{Endpoint: plain, Headers: []string{"Host=hunter22"}}},
		{"-header", "reserved for the protocol", Target{Endpoint: plain, Headers: []string{"Content-Type=hunter22"}}},
		{"-header", "reserved for the protocol", Target{Endpoint: plain, Headers: []string{"grpc-timeout=hunter22"}}},
		{"-header", "no value", Target{Endpoint: plain, Headers: []string{"a="}}},
		{"-header", "ASCII", Target{Endpoint: plain, Headers: []string{"a=hunter22\r\nb: c"}}},
		{"-header", "longer", Target{Endpoint: plain, Headers: []string{"a=" + strings.Repeat("hunter22", 1100)}}},
		{"-header", "twice", Target{Endpoint: plain, Headers: []string{"a=hunter22", "A=hunter22"}}},
		{"-header", "at most", Target{Endpoint: plain, Headers: many}},
		{"-header", "no such file", Target{Endpoint: plain, Headers: []string{"a=Bearer @" + filepath.Join(dir, "none")}}},
		{"-header", "empty", Target{Endpoint: plain, Headers: []string{"a=@" + empty}}},
		{"-header", "ASCII", Target{Endpoint: plain, Headers: []string{"a=@" + lines}}},
		{"-header", "longer", Target{Endpoint: plain, Headers: []string{"a=@" + long}}},
		{"-header", "after @", Target{Endpoint: plain, Headers: []string{"a=Bearer @"}}},
	} {
		for _, signal := range signalNames {
			_, err := to(signal, c.target).withDefaults()
			if err == nil || !strings.HasPrefix(err.Error(), "--forward-"+signal+c.flag) || !strings.Contains(err.Error(), c.part) ||
				strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "hunter22") {
				t.Errorf("%s to %+v: %v; want one line that names %s and contains %q", signal, c.target, err, c.flag, c.part)
			}
		}
	}
}

// A target that is the conductor itself is rejected: it would receive everything again and again.
func TestTargetsAreElsewhere(t *testing.T) {
	for _, c := range []struct {
		own, target string
		refused     bool
	}{
		{"127.0.0.1:14317", "localhost:14317", true}, {"0.0.0.0:14317", "127.0.0.1:14317", true}, {":14317", "grpc://[::1]:14317", true}, {"localhost:14317", "http://127.0.0.1:14317/x", true},
		{"store.example:14317", "store.example:14317", true}, {"127.0.0.1:14317", "127.0.0.1:14318", false}, {"127.0.0.1:14317", "127.0.0.2:14317", false},
		{"0.0.0.0:14317", "store.example:14317", false}, {"127.0.0.1:0", "127.0.0.1:14317", false}, {"", "127.0.0.1:14317", false},
	} {
		for _, signal := range signalNames {
			for _, cfg := range []Config{{GRPC: c.own}, {HTTP: c.own}} {
				whole := to(signal, Target{Endpoint: c.target})
				whole.GRPC, whole.HTTP = cfg.GRPC, cfg.HTTP
				if _, err := whole.withDefaults(); (err != nil) != c.refused || c.refused && !strings.Contains(err.Error(), "own port") {
					t.Errorf("%s to %s at %s: %v", signal, c.target, c.own, err)
				}
			}
		}
	}
}

// sendAll sends one request of each signal: two spans, one point, one log record.
func sendAll(t *testing.T, s *Server) {
	t.Helper()
	send(t, s, someSpans())
	sendMetrics(t, s, somePoint(1))
	request, _ := oneEvent()
	if _, err := plogotlp.NewGRPCClient(dial(t, s.GRPCAddr())).Export(t.Context(), request); err != nil {
		t.Fatal(err)
	}
}

// All signals can be forwarded over both protocols, with TLS and without, with headers (some from files) and with the
// authority. What the store accepts is counted as sent, what it rejects is not. A header's file that changes is read
// again.
func TestAllSignalsOverBothProtocols(t *testing.T) {
	authority := certtest.New(t)
	server, ours := authority.Issue("store", "store.internal", "127.0.0.1"), authority.Issue("conductor")
	for _, scheme := range []string{"grpc", "http", "grpcs", "https"} {
		for _, reject := range []int64{0, 1} {
			t.Run(fmt.Sprint(scheme, " rejecting ", reject), func(t *testing.T) {
				var files *TLS
				target := Target{Headers: []string{"X-Scope-OrgID=tenant", "Authorization=Bearer @" + filepath.Join(t.TempDir(), "token")}, Authority: "store.internal"}
				secure := strings.HasSuffix(scheme, "s")
				if secure {
					files = &TLS{CertFile: server.Cert, KeyFile: server.Key, ClientCAFile: authority.File}
					target.CAFile, target.CertFile, target.KeyFile = authority.File, ours.Cert, ours.Key
				}
				_, token, _ := strings.Cut(target.Headers[1], "@")
				if err := os.WriteFile(token, []byte("first-secret\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				far := newStore(t, files)
				far.reject = reject
				target.Endpoint = scheme + "://" + far.address
				var mu sync.Mutex
				var secrets []string
				s := start(t, Config{ForwardTraces: target, ForwardMetrics: target, ForwardLogs: target, Secrets: func(all ...string) {
					mu.Lock()
					defer mu.Unlock()
					secrets = append(secrets, all...)
				}}, newRecorder())
				sendAll(t, s)
				for signal, n := range map[string]int{"traces": 2, "metrics": 1, "logs": 1} {
					polltest.Until(t, signal+"have arrived", func() bool { return len(far.of(signal)) == 1 })
					c := far.of(signal)[0]
					if c.records != n || c.proto != strings.TrimSuffix(scheme, "s") || c.host != "store.internal" ||
						c.headers.Get("X-Scope-Orgid") != "tenant" || c.headers.Get("Authorization") != "Bearer first-secret" || secure != (c.client == "conductor") {
						t.Errorf("%s: %+v", signal, c)
					}
				}
				polltest.Until(t, "what the store accepted counts as sent", func() bool {
					st := s.Stats()
					want := func(f Forwarded, n uint64) bool {
						return f.Sent == n-uint64(reject) && f.Dropped == uint64(reject) && f.Rejected == uint64(reject)
					}
					return want(st.Traces, 2) && want(st.Metrics, 1) && want(st.Logs, 1)
				})
				if reject > 0 {
					return
				}
				if err := os.WriteFile(token, []byte("second-secret"), 0o600); err != nil {
					t.Fatal(err)
				}
				polltest.Until(t, "the new secret is sent", func() bool {
					sendAll(t, s)
					for _, signal := range signalNames {
						calls := far.of(signal)
						if calls[len(calls)-1].headers.Get("Authorization") != "Bearer second-secret" {
							return false
						}
					}
					return true
				})
				mu.Lock()
				defer mu.Unlock()
				for _, secret := range []string{"Bearer first-secret", "first-secret", "second-secret"} {
					if !slices.Contains(secrets, secret) {
						t.Errorf("%q was not passed to Secrets", secret)
					}
				}
			})
		}
	}
}

// A certificate for another name than the authority is rejected over both protocols, and nothing is sent.
func TestTheAuthorityIsVerified(t *testing.T) {
	authority := certtest.New(t)
	server, ours := authority.Issue("store", "store.internal", "127.0.0.1"), authority.Issue("conductor")
	for _, scheme := range []string{"grpcs", "https"} {
		far := newStore(t, &TLS{CertFile: server.Cert, KeyFile: server.Key, ClientCAFile: authority.File})
		var logged lines
		target := Target{Endpoint: scheme + "://" + far.address, Authority: "other.internal", CAFile: authority.File, CertFile: ours.Cert, KeyFile: ours.Key}
		s := start(t, Config{ForwardTraces: target, Logger: slog.New(slog.NewTextHandler(&logged, nil)), QueueDir: t.TempDir()}, newRecorder())
		send(t, s, someSpans())
		polltest.Until(t, "the log has the reason", func() bool { return logged.count("other.internal") > 0 })
		if st := s.Stats().Traces; st.Sent != 0 || len(far.of("traces")) != 0 {
			t.Errorf("%s: %+v", scheme, st)
		}
	}
}

// No redirect is followed: neither telemetry nor headers are sent to an address that was not configured. The data is
// kept, and the log has the redirect's target. When the store answers later, the data is sent and counted.
func TestRedirectsAreNotFollowed(t *testing.T) {
	const secret = "4f9c2b7d1e8a6035"
	for _, code := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			t.Errorf("%d: followed, with %v", code, r.Header)
		}))
		defer elsewhere.Close()
		var mu sync.Mutex
		in := false
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if r.Header.Get("Authorization") != "Bearer "+secret {
				t.Errorf("headers %v", r.Header)
			}
			if !in {
				http.Redirect(w, r, elsewhere.URL+"/login", code)
			}
		}))
		defer front.Close()
		var logged lines
		target := Target{Endpoint: front.URL, Headers: []string{"Authorization=Bearer " + secret}}
		s := start(t, Config{ForwardTraces: target, ForwardMetrics: target, ForwardLogs: target, Logger: slog.New(slog.NewTextHandler(&logged, nil))}, newRecorder())
		sendAll(t, s)
		polltest.Until(t, "the log has the redirect's target", func() bool { return logged.count("redirect to "+elsewhere.URL+"/login") > 0 })
		if st := s.Stats(); st.Traces.Sent+st.Metrics.Sent+st.Logs.Sent > 0 {
			t.Errorf("%d: %+v", code, st)
		}
		mu.Lock()
		in = true
		mu.Unlock()
		polltest.Until(t, "all is sent", func() bool {
			st := s.Stats()
			return st.Traces.Sent == 2 && st.Metrics.Sent == 1 && st.Logs.Sent == 1
		})
		if logged.count(secret) > 0 {
			t.Errorf("%d: the log shows the secret", code)
		}
	}
}

// A login page in place of a store is an error, for any signal; see also TestALoginPageIsNotTheStore.
func TestPagesAreNoStores(t *testing.T) {
	for _, signal := range signalNames {
		page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write(bytes.Repeat([]byte("<p>log in</p>"), 10_000))
		}))
		var logged lines
		cfg := to(signal, Target{Endpoint: page.URL})
		cfg.Logger, cfg.QueueDir = slog.New(slog.NewTextHandler(&logged, nil)), t.TempDir()
		s := start(t, cfg, newRecorder())
		sendAll(t, s)
		polltest.Until(t, "the log has the reason", func() bool { return logged.count("a proxy that asks for a login") > 0 })
		if st := s.Stats(); st.Traces.Sent+st.Metrics.Sent+st.Logs.Sent > 0 {
			t.Errorf("%s: %+v", signal, st)
		}
		page.Close()
	}
}

// The log has the text of a store's error answer: the reason is more than a code.
func TestTheStoresReasonIsLogged(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "out of order sample\xff"+strings.Repeat("!", 10_000), http.StatusBadRequest)
	}))
	defer page.Close()
	for _, signal := range signalNames {
		var logged lines
		cfg := to(signal, Target{Endpoint: page.URL})
		cfg.Logger = slog.New(slog.NewTextHandler(&logged, nil))
		s := start(t, cfg, newRecorder())
		sendAll(t, s)
		polltest.Until(t, "the log has the reason", func() bool { return logged.count("out of order sample") > 0 })
		logged.mu.Lock()
		for _, line := range logged.all {
			if len(line) > 2000 {
				t.Errorf("%s: a line of %d bytes", signal, len(line))
			}
		}
		logged.mu.Unlock()
	}
}
