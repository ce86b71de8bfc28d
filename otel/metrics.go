package otel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/otel/attribute"
	promexporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"chordconductor/otel/chordevent"
)

func (s *setup) metrics(ctx context.Context) error {
	push, scrape := s.env.metricExporters()
	if !push && !scrape {
		return nil
	}
	opts := []sdkmetric.Option{sdkmetric.WithResource(s.resource), sdkmetric.WithView(peersApart)}
	lifetime := newLifetime()
	if scrape {
		reader, err := s.servePrometheus()
		if err != nil {
			return err
		}
		opts = append(opts, sdkmetric.WithReader(reader))
	}
	if push {
		exporter, err := s.exporters.metrics(ctx)
		if err != nil {
			return fmt.Errorf("cannot create the exporter of metrics: %w", err)
		}
		var reader []sdkmetric.PeriodicReaderOption
		if s.env.get("OTEL_METRIC_EXPORT_INTERVAL") == "" {
			reader = append(reader, sdkmetric.WithInterval(s.cfg.MetricInterval))
		}
		opts = append(opts, sdkmetric.WithReader(sdkmetric.NewPeriodicReader(metricExporter{exporter, lifetime, s.reporter()}, reader...)))
	}
	p := sdkmetric.NewMeterProvider(opts...)
	s.Meters = p
	s.ends = append(s.ends, end{"metrics", p.ForceFlush, patient(p.Shutdown), lifetime.end})
	return s.observeSelf(p.Meter("chordconductor/otel"))
}

// peersApart removes the peer from the metrics of RPCs, which would otherwise have a set of time
// series for every peer: a host calls as many peers as the ring has. The span of a call names the
// peer.
var peersApart = sdkmetric.NewView(sdkmetric.Instrument{Name: "rpc.client.*"},
	sdkmetric.Stream{AttributeFilter: attribute.NewDenyKeysFilter("server.address", "server.port")})

// withoutAddress returns the cause of an error of package net, without the address: by mistake, a
// variable for an address may contain a secret.
func withoutAddress(err error) error {
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		err = op.Err
	}
	if dns := (*net.DNSError)(nil); errors.As(err, &dns) {
		return errors.New(dns.Err)
	}
	if addr := (*net.AddrError)(nil); errors.As(err, &addr) {
		return errors.New(addr.Err)
	}
	return err
}

// servePrometheus serves the metrics for scraping. Names and labels are those that Prometheus's
// OTLP endpoint gives to pushed metrics, so that dashboards and alerts work for both.
func (s *setup) servePrometheus() (sdkmetric.Reader, error) {
	registry := prometheus.NewRegistry()
	reader, err := promexporter.New(promexporter.WithRegisterer(registry), promexporter.WithoutScopeInfo(),
		promexporter.WithTranslationStrategy(otlptranslator.UnderscoreEscapingWithSuffixes),
		promexporter.WithResourceAsConstantLabels(attribute.NewAllowKeysFilter("service.instance.id", "service.name", chordevent.RingNameKey)))
	if err != nil {
		return nil, fmt.Errorf("cannot set up the metrics for Prometheus: %w", err)
	}
	address := s.env.prometheusAddress()
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) { // the text below is that of netname.ListenError, which package otel must not import
		return nil, fmt.Errorf("cannot serve the metrics for Prometheus: address %s is already in use, perhaps by another node or conductor; choose another with OTEL_EXPORTER_PROMETHEUS_HOST and _PORT", address)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot serve the metrics for Prometheus at the address of OTEL_EXPORTER_PROMETHEUS_HOST and _PORT: %w", withoutAddress(err))
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		EnableOpenMetrics:   true, // the format that has exemplars
		MaxRequestsInFlight: 4,    // further scrapes are answered with the status 503
		Timeout:             10 * time.Second,
	}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 15 * time.Second, MaxHeaderBytes: 16 << 10}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.reporter().report(fmt.Errorf("stopped serving the metrics for Prometheus at %s: %w", address, err))
		}
	}()
	s.ends = append(s.ends, end{
		what:  "metrics for Prometheus",
		flush: func(context.Context) error { return nil },
		stop: func(context.Context) error {
			err := server.Close()
			<-served
			return err
		},
		abort: func() {},
	})
	return reader, nil
}

// observeSelf registers the metrics of the events' pipeline.
func (s *setup) observeSelf(meter metric.Meter) error {
	_, err := chordevent.TelemetryLost.Int64ObservableCounter(meter, func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(s.Lost())
		return nil
	})
	if err != nil {
		return err
	}
	_, err = chordevent.TelemetryQueue.Int64ObservableGauge(meter, func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(int64(s.Waiting()))
		return nil
	})
	return err
}
