package ingest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/otel/metric"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"chordconductor/conductor/internal/connlimit"
	"chordconductor/internal/reload"
)

const (
	abortGrace = 500 * time.Millisecond

	maxStreams     = 100 // of one HTTP/2 connection
	maxHeaderBytes = 16 << 10
	headerTimeout  = 5 * time.Second
	idleTimeout    = 5 * time.Minute // of a connection without a request
)

// A port serves one of the two protocols at an address. Both protocols are requests over HTTP, so one server, one
// admission control and one decoder serve both; they differ in how a body is framed and how an answer reports an error.
//
// It replaces the Collector's receiver, which reads and decodes all requests before any hook can reject them:
// docs/adr/0014.
type port struct {
	name     string
	listener net.Listener
	gate     *gate
	pipeline *pipeline
	troubles *troubles
	grpc     bool
	other    string // where the other protocol is served, for errors

	server  *http.Server
	conns   *connlimit.Limiter
	slow    *overseer
	serving sync.WaitGroup // the server, its requests, and the overseer
	stop    chan struct{}
}

// port completes p and has it serve listener l.
func (s *Server) port(cfg Config, l net.Listener, p *port) *port {
	p.gate, p.pipeline, p.troubles = s.gate, s.pipeline, s.troubles
	p.stop = make(chan struct{})
	p.slow = newOverseer(s.gate.receive)
	p.conns = connlimit.New(s.gate.maxConns)
	p.server = newServer(p)
	p.listener = p.conns.Listen(l)
	if cfg.Ports.tls != nil {
		p.listener = tls.NewListener(p.listener, cfg.Ports.tls)
	}
	return p
}

// serve serves until shutdown. If the listener fails before, it sends the error to failed.
func (p *port) serve(failed chan<- error) {
	p.serving.Go(func() { p.slow.run(p.stop) })
	p.serving.Go(func() {
		if err := p.server.Serve(p.listener); !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("%s: %w", p.name, err)
		}
	})
}

// newServer returns an HTTP server. It bounds what a connection can hold; the shares of the memory budget bound the
// rest.
func newServer(p *port) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	full := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.fail(w, r, p.gate.refuse("all connections are in use"))
	})
	return &http.Server{
		Handler:           p.conns.Handler(p, full, func(*http.Request) bool { return false }),
		ConnContext:       p.conns.ConnContext,
		Protocols:         protocols,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(diagnosis{p}, "", 0),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams, MaxReadFrameSize: 16 << 10,
			MaxReceiveBufferPerConnection: 1 << 20, MaxReceiveBufferPerStream: 256 << 10,
			SendPingTimeout: time.Minute, PingTimeout: 15 * time.Second, WriteByteTimeout: requestTimeout,
		},
	}
}

// serverTLS returns the TLS configuration of the ports, or nil without certificates. The certificates are read again
// when their files change; unusable files are logged, and the previous certificates stay in use.
func serverTLS(t TLS, log *slog.Logger) (*tls.Config, error) {
	if !t.enabled() {
		return nil, nil
	}
	files := []string{t.CertFile, t.KeyFile}
	if t.ClientCAFile != "" {
		files = append(files, t.ClientCAFile)
	}
	failed := func(err error) {
		log.Error("cannot use the changed certificates of the OTLP ports; the previous ones stay in use", "error", err)
	}
	config, err := reload.New(failed, t.config, files...)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return config.Get(), nil },
	}, nil
}

// config reads the files and returns the TLS configuration.
func (t TLS) config() (*tls.Config, error) {
	pair, err := reload.LoadPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("cannot load --tls-cert %s and --tls-key %s: %w", t.CertFile, t.KeyFile, err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	if t.ClientCAFile == "" {
		return config, nil
	}
	pem, err := reload.ReadFile(t.ClientCAFile)
	if err != nil {
		return nil, fmt.Errorf("cannot read the file that --tls-client-ca names: %w", err)
	}
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--tls-client-ca %s: no certificate in PEM form", t.ClientCAFile)
	}
	return config, nil
}

// shutdown waits for requests in progress until ctx ends, then aborts them.
func (p *port) shutdown(ctx context.Context) error {
	err := p.server.Shutdown(ctx)
	if err != nil {
		err = p.server.Close()
	}
	close(p.stop)
	p.serving.Wait()
	return err
}

// ServeHTTP serves one request, and answers in the form of its sender's protocol.
func (p *port) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.serving.Add(1)
	defer p.serving.Done()
	defer p.recovered(w, r)
	if isGRPC(r) {
		p.serveGRPC(w, r)
	} else {
		p.serveHTTP(w, r)
	}
}

func isGRPC(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
}

// telemetry returns the settings for the Collector components' telemetry about themselves. They must emit nothing,
// since this receiver could receive it.
func telemetry(log *zap.Logger, meters metric.MeterProvider) component.TelemetrySettings {
	return component.TelemetrySettings{
		Logger: log, MeterProvider: meters, TracerProvider: tracenoop.NewTracerProvider(), Resource: pcommon.NewResource(),
	}
}

// A host is the environment of the Collector's exporters.
type host struct {
	log        *slog.Logger
	extensions map[component.ID]component.Component // written before the parts that use them start
}

func (h *host) GetExtensions() map[component.ID]component.Component { return h.extensions }

// Report logs the failures that running components report. It is part of the interface of component hosts.
func (h *host) Report(e *componentstatus.Event) {
	if e.Err() != nil {
		h.log.Error("a part that forwards telemetry has failed", "error", e.Err())
	}
}
