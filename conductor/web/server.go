package web

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"chordconductor/conductor/audit"
	"chordconductor/conductor/eventlog"
	"chordconductor/conductor/ingest"
	"chordconductor/conductor/internal/connlimit"
	"chordconductor/conductor/live"
	"chordconductor/conductor/lookups"
	"chordconductor/conductor/memory"
	"chordconductor/conductor/ring"
)

const (
	maxConnections = 1024 // at most; idle ones are closed for new ones; with a memory budget, one for each half MiB
	leastConns     = 128
	maxHeaderBytes = 32 << 10 // of a request
	headerTimeout  = 5 * time.Second
	bodyTimeout    = 30 * time.Second // to read a request's body
	idleTimeout    = 2 * time.Minute
)

// Source is what the API reads; *live.Live implements it.
type Source interface {
	View() *ring.View
	Epoch() string
	Events(after uint64, limit int) []live.FeedEvent
	Lookups(limit int) []lookups.Lookup
	LookupsUntil(t time.Time, limit int) []lookups.Lookup
	Samples() []live.Sample
	Stats() live.Stats
}

// Past is the source of views of the past; *eventlog.History implements it.
type Past interface {
	Stats() eventlog.Stats
	At(ctx context.Context, t time.Time) (*ring.View, error)
	Until(ctx context.Context, t time.Time, q eventlog.Query) ([]eventlog.Event, *eventlog.Damage, error)
	Since(ctx context.Context, t time.Time, q eventlog.Query) ([]eventlog.Event, *eventlog.Damage, error)
	Damages() []eventlog.Damage
}

// Config configures a Server.
type Config struct {
	Version string
	Page    net.Listener  // where Run serves; Run closes it
	Grace   time.Duration // for requests in progress when Run ends
	Source  Source
	Control Control               // nil: no commands
	Replay  Replay                // nil: no recording is played
	Past    Past                  // nil: not kept
	Ingest  func() ingest.Stats   // nil: not known
	Memory  func() *memory.Budget // the present budget; nil: the memory is not divided
	Answers *memory.Share         // of answers that are being read; nil: not bounded in bytes
	Conns   int                   // connections at most; 0: 1,024
	Clients func() int            // WebSocket clients; nil: not known
	Hub     http.Handler          // nil: no WebSocket
	Assets  fs.FS                 // the built page
	Base    string                // path below which everything is served, as CheckBasePath returns it; empty: at the root

	Open  bool   // on loopback: no token is required
	Token string // required unless Open
	// ViewToken permits reading everything but stored values and the audit log, and no commands; empty: there is no
	// such token.
	ViewToken string
	Audit     *audit.Log  // of commands; nil: not kept
	Names     []string    // further names that the server accepts in a Host header
	TLS       *tls.Config // of the page's port; nil: served in the clear
	Ready     func() error
	Logf      func(format string, args ...any) // logs a handler's panic; nil: no log
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

// Run serves until ctx ends. Then it lets requests in progress finish, for at most Config.Grace, and returns.
func (s *Server) Run(ctx context.Context) error {
	conns := connlimit.New(s.cfg.Conns)
	server := &http.Server{
		Handler:           conns.Handler(s, http.HandlerFunc(s.tooMany), s.isHealth),
		ConnContext:       conns.ConnContext,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(logWriter{s.cfg.Logf}, "", 0),
	}
	l := conns.Listen(s.cfg.Page)
	if s.cfg.TLS != nil { // TLS wraps the limited connections: net/http looks for TLS in what the listener accepts, and closing an evicted connection must not wait for its peer
		l = tls.NewListener(l, s.cfg.TLS)
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Grace)
	defer cancel()
	if err := server.Shutdown(limit); err != nil {
		_ = server.Close() // the grace is over
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// isHealth reports whether r is a health check, which is answered even when all connections are busy.
func (s *Server) isHealth(r *http.Request) bool {
	path := strings.TrimPrefix(r.URL.Path, s.cfg.Base)
	return path == "/healthz" || path == "/readyz"
}

// ConnsIn returns the number of connections that are allowed for a limit of the memory.
func ConnsIn(limit int64) int { return int(min(max(limit>>19, leastConns), maxConnections)) }

func (s *Server) tooMany(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "5")
	fail(w, http.StatusServiceUnavailable, "all %d connections are in use; try again later", s.cfg.Conns)
}

// A logWriter receives net/http's own diagnostics, which would otherwise bypass the program's log. It omits failed
// handshakes: they are errors of clients, and there may be any number of them.
type logWriter struct {
	logf func(format string, args ...any)
}

func (w logWriter) Write(p []byte) (int, error) {
	if text := strings.TrimSpace(string(p)); w.logf != nil && !strings.Contains(text, "TLS handshake error") {
		w.logf("page: %s", text)
	}
	return len(p), nil
}
