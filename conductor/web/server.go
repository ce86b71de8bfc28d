package web

import (
	"context"
	"errors"
	"io/fs"
	"log"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"chordconductor/conductor/audit"
	"chordconductor/conductor/history"
	"chordconductor/conductor/ingest"
	"chordconductor/conductor/internal/connlimit"
	"chordconductor/conductor/live"
	"chordconductor/conductor/lookups"
	"chordconductor/conductor/memory"
	"chordconductor/conductor/ring"
)

const (
	maxConnections = 1024 // idle ones give way to further ones; with a budget one for each half a MiB at most
	leastConns     = 128
	maxHeaderBytes = 32 << 10 // of a request
	headerTimeout  = 5 * time.Second
	bodyTimeout    = 30 * time.Second // to read a request's body
	idleTimeout    = 2 * time.Minute
)

// Source is what the API reads; *live.Live is one.
type Source interface {
	View() *ring.View
	Epoch() string
	Events(after uint64, limit int) []live.FeedEvent
	Lookups(limit int) []lookups.Lookup
	LookupsUntil(t time.Time, limit int) []lookups.Lookup
	Samples() []live.Sample
	Stats() live.Stats
}

// Past is where the API looks back; *history.History is one.
type Past interface {
	Stats() history.Stats
	At(ctx context.Context, t time.Time) (*ring.View, error)
	Until(ctx context.Context, t time.Time, q history.Query) ([]history.Event, *history.Damage, error)
	Since(ctx context.Context, t time.Time, q history.Query) ([]history.Event, *history.Damage, error)
	Damages() []history.Damage
}

// Config is what a Server needs.
type Config struct {
	Version string
	Source  Source
	Control Control               // nil: no commands
	Replay  Replay                // nil: no recording is played
	Past    Past                  // nil: not kept
	Ingest  func() ingest.Stats   // nil: not told
	Memory  func() *memory.Budget // as it stands; nil: not divided
	Answers *memory.Share         // of answers that are being read; nil: not bounded in bytes
	Conns   int                   // connections at most; 0: 1,024
	Clients func() int            // WebSocket clients; nil: not told
	Hub     http.Handler          // nil: no WebSocket
	Assets  fs.FS                 // the built page
	Base    string                // path below which everything is served, as CheckBasePath returns it; empty: at the root

	Open  bool   // on loopback: no token is asked for
	Token string // asked for unless Open
	// ViewToken sees everything but stored values and the audit log, and commands nothing; empty: there is none.
	ViewToken string
	Audit     *audit.Log // of commands; nil: not kept
	Names     []string   // further names this server may be called by in a Host header
	TLS       bool       // served over TLS, so the page may be told to insist on it
	Ready     func() error
	Logf      func(format string, args ...any) // told of a handler's panic; nil: nobody is
}

// Server answers HTTP requests.
type Server struct {
	cfg     Config
	handler http.Handler
}

// New makes a Server. It fails only if the assets cannot be read.
func New(cfg Config) (*Server, error) {
	if cfg.Conns <= 0 {
		cfg.Conns = maxConnections
	}
	s := &Server{cfg: cfg}
	pages, err := newAssets(cfg.Assets)
	if err != nil {
		return nil, err
	}
	site := newMeter(cfg.Answers).wrap(s.routes(pages))
	s.handler = under(cfg.Base, s.guard(site), s.guard(http.HandlerFunc(s.outside)))
	return s, nil
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Serve serves until ctx ends, then lets requests in work finish for grace, and returns. It closes the listener.
func (s *Server) Serve(ctx context.Context, l net.Listener, grace time.Duration) error {
	conns := connlimit.New(s.cfg.Conns)
	server := &http.Server{
		Handler:           conns.Handler(s, http.HandlerFunc(s.tooMany), s.isHealth),
		ConnContext:       conns.ConnContext,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(logWriter{s.cfg.Logf}, "", 0),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(conns.Listen(l)) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := server.Shutdown(limit); err != nil {
		_ = server.Close() // what still runs has had its time
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// isHealth says that a request is for the process's health, which is answered even when all connections are busy.
func (s *Server) isHealth(r *http.Request) bool {
	path := strings.TrimPrefix(r.URL.Path, s.cfg.Base)
	return path == "/healthz" || path == "/readyz"
}

// ConnsIn is how many connections a memory limit is for.
func ConnsIn(limit int64) int { return int(min(max(limit>>19, leastConns), maxConnections)) }

func (s *Server) tooMany(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "5")
	fail(w, http.StatusServiceUnavailable, "all %d connections are in use; try again later", s.cfg.Conns)
}

// A logWriter takes net/http's own diagnostics, which would go past the program's log. Failed handshakes are the
// clients' doing, any number of them, and are left out.
type logWriter struct {
	logf func(format string, args ...any)
}

func (w logWriter) Write(p []byte) (int, error) {
	if text := strings.TrimSpace(string(p)); w.logf != nil && !strings.Contains(text, "TLS handshake error") {
		w.logf("page: %s", text)
	}
	return len(p), nil
}

// routes is the whole surface.
func (s *Server) routes(pages http.Handler) http.Handler {
	mux := http.NewServeMux()
	get := func(pattern string, h http.HandlerFunc, params ...string) {
		mux.Handle(pattern, methods{http.MethodGet: only(h, params...)})
	}
	post := func(pattern string, h http.HandlerFunc) { mux.Handle(pattern, methods{http.MethodPost: only(h)}) }

	mux.Handle("/healthz", methods{http.MethodGet: s.healthz}) // what else a prober sends is its own affair
	mux.Handle("/readyz", methods{http.MethodGet: s.readyz})
	get("/api/ring", s.ring, "at")
	get("/api/ring/nodes/{id}", s.ringNode, "at")
	get("/api/events", s.events, "after", "limit", "since", "until", "kind", "repeats")
	get("/api/stats", s.stats)
	get("/api/audit", s.audit, "limit")
	mux.Handle("/api/lookups", methods{http.MethodGet: only(s.lookups, "limit"), http.MethodPost: only(s.lookup)})
	post("/api/nodes", s.addNodes)
	post("/api/nodes/{id}/leave", s.leave)
	post("/api/nodes/{id}/crash", s.crash)
	post("/api/nodes/{id}/pause", s.pause)
	mux.Handle("/api/partitions", methods{
		http.MethodGet: only(s.partitions), http.MethodPost: only(s.partition), http.MethodDelete: only(s.heal),
	})
	mux.Handle("/api/workload", methods{http.MethodGet: only(s.workload), http.MethodPut: only(s.setWorkload)})
	get("/api/scenarios", s.scenarios)
	post("/api/scenarios/check", s.checkScenario)
	mux.Handle("/api/simulation", methods{
		http.MethodGet: only(s.simulation), http.MethodPost: only(s.startSimulation), http.MethodDelete: only(s.stopSimulation),
	})
	get("/api/simulation/report", s.report)
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "no such path: %s", r.URL.Path)
	})
	mux.Handle("/api/replay", methods{http.MethodGet: only(s.replay), http.MethodPut: only(s.setReplay)})
	post("/api/replay/step", s.stepReplay)
	if s.cfg.Hub != nil {
		mux.Handle("/ws", methods{http.MethodGet: s.cfg.Hub.ServeHTTP})
	}
	mux.Handle("/", methods{http.MethodGet: pages.ServeHTTP})
	keys := methods{
		http.MethodGet: only(s.getKey, "key"), http.MethodPut: only(s.putKey, "key", "ttl"), http.MethodDelete: only(s.deleteKey, "key"),
	}
	mux.Handle("/api/keys/{key...}", keys)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isKey(r) { // before the mux cleans its path
			keys.ServeHTTP(w, r)
			return
		}
		if clean := path.Clean(r.URL.Path); r.URL.Path != clean && r.URL.Path != clean+"/" {
			fail(w, http.StatusNotFound, "no such path: %s", r.URL.Path) // the mux would redirect, past a proxy's prefix
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// only refuses query parameters that a handler does not know, that are given twice, or that are empty: one that is
// misspelt would otherwise be as good as absent.
func only(h http.HandlerFunc, allowed ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			fail(w, http.StatusBadRequest, "the query: %s", err)
			return
		}
		for _, name := range slices.Sorted(maps.Keys(query)) {
			values := query[name]
			switch {
			case !slices.Contains(allowed, name) && len(allowed) == 0:
				fail(w, http.StatusBadRequest, "unknown parameter %.40q: this path has none", name)
			case !slices.Contains(allowed, name):
				fail(w, http.StatusBadRequest, "unknown parameter %.40q; allowed here: %s", name, strings.Join(allowed, ", "))
			case len(values) > 1:
				fail(w, http.StatusBadRequest, "%s: given %d times", name, len(values))
			case values[0] == "":
				fail(w, http.StatusBadRequest, "%s: empty", name)
			default:
				continue
			}
			return
		}
		h(w, r)
	}
}
