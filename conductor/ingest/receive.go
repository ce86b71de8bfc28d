package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/configmiddleware"
	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const abortGrace = 500 * time.Millisecond

// A protocol leaves a receiver's configuration with one protocol, at an address.
type protocol func(receiverConfig *otlpreceiver.Config, cfg Config, address string)

func protocolGRPC(rc *otlpreceiver.Config, cfg Config, address string) {
	rc.Protocols.HTTP = configoptional.None[otlpreceiver.HTTPConfig]()
	grpc := rc.Protocols.GRPC.GetOrInsertDefault()
	grpc.NetAddr = confignet.AddrConfig{Endpoint: address, Transport: confignet.TransportTypeTCP}
	grpc.MaxRecvMsgSizeMiB = int((cfg.MaxRequestBytes + 1<<20 - 1) >> 20)
	grpc.TLS = serverTLS(cfg.TLS)
	grpc.Middlewares = []configmiddleware.Config{{ID: gateID}}
}

func protocolHTTP(rc *otlpreceiver.Config, cfg Config, address string) {
	rc.Protocols.GRPC = configoptional.None[configgrpc.ServerConfig]()
	http := &rc.Protocols.HTTP.GetOrInsertDefault().ServerConfig
	http.NetAddr = confignet.AddrConfig{Endpoint: address, Transport: confignet.TransportTypeTCP}
	http.MaxRequestBodySize = cfg.MaxRequestBytes
	http.CompressionAlgorithms = []string{"", "gzip", "zstd", "zlib", "deflate"}
	http.ReadHeaderTimeout, http.ReadTimeout, http.WriteTimeout = 10*time.Second, requestTimeout, requestTimeout
	http.TLS = serverTLS(cfg.TLS)
	http.Middlewares = []configmiddleware.Config{{ID: gateID}}
}

func serverTLS(t TLS) configoptional.Optional[configtls.ServerConfig] {
	if !t.enabled() {
		return configoptional.None[configtls.ServerConfig]()
	}
	return configoptional.Some(configtls.ServerConfig{
		Config:       configtls.Config{CertFile: t.CertFile, KeyFile: t.KeyFile, ReloadInterval: time.Second},
		ClientCAFile: t.ClientCAFile, ReloadClientCAFile: t.ClientCAFile != "",
	})
}

// listen starts a receiver of one protocol and returns the address it is bound to. Each protocol has a receiver of its
// own, so that an error says which of them failed.
func (s *Server) listen(ctx context.Context, cfg Config, h *host, name, flag, address string, only protocol) (string, error) {
	factory := otlpreceiver.NewFactory()
	rc := factory.CreateDefaultConfig().(*otlpreceiver.Config)
	only(rc, cfg, address)
	bound := &boundAddress{Core: zapcore.NewNopCore()}
	set := receiver.Settings{
		ID:                component.NewID(factory.Type()),
		TelemetrySettings: telemetry(zap.New(bound), metricnoop.NewMeterProvider()),
		BuildInfo:         component.NewDefaultBuildInfo(),
	}
	// The three share one receiver, which the factory finds by the configuration.
	logs, err := consumer.NewLogs(s.pipeline.consumeLogs)
	if err != nil {
		return "", err
	}
	traces, err := consumer.NewTraces(s.pipeline.consumeTraces)
	if err != nil {
		return "", err
	}
	metrics, err := consumer.NewMetrics(s.pipeline.consumeMetrics)
	if err != nil {
		return "", err
	}
	r, err := factory.CreateLogs(ctx, set, rc, logs)
	if err != nil {
		return "", fmt.Errorf("%s receiver: %w", name, err)
	}
	if _, err := factory.CreateTraces(ctx, set, rc, traces); err != nil {
		return "", fmt.Errorf("%s receiver: %w", name, err)
	}
	if _, err := factory.CreateMetrics(ctx, set, rc, metrics); err != nil {
		return "", fmt.Errorf("%s receiver: %w", name, err)
	}
	switch err := s.run(ctx, r, h); {
	case errors.Is(err, syscall.EADDRINUSE):
		return "", fmt.Errorf("%s: address %s is already in use, perhaps by another conductor or Collector; choose another with %s", name, address, flag)
	case err != nil:
		return "", fmt.Errorf("%s: cannot listen on %s (%s): %w", name, address, flag, err)
	}
	return bound.endpoint, nil
}

// telemetry is what the Collector's components get for telemetry about themselves: nothing that would be received in
// turn.
func telemetry(log *zap.Logger, meters metric.MeterProvider) component.TelemetrySettings {
	return component.TelemetrySettings{
		Logger: log, MeterProvider: meters, TracerProvider: tracenoop.NewTracerProvider(), Resource: pcommon.NewResource(),
	}
}

// A boundAddress is a receiver's log. The receiver binds its port itself and tells the address, which matters for port
// 0, only there.
type boundAddress struct {
	zapcore.Core
	endpoint string // written while the receiver starts, by the goroutine that starts it
}

func (b *boundAddress) Enabled(zapcore.Level) bool        { return true }
func (b *boundAddress) With([]zapcore.Field) zapcore.Core { return b }
func (b *boundAddress) Write(_ zapcore.Entry, fields []zapcore.Field) error {
	for _, f := range fields {
		if f.Key == "endpoint" && b.endpoint == "" {
			b.endpoint = f.String
		}
	}
	return nil
}

func (b *boundAddress) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return ce.AddCore(e, b)
}

// A host is what the Collector's components live in.
type host struct {
	log        *slog.Logger
	extensions map[component.ID]component.Component // written before the parts that use them start
}

func (h *host) GetExtensions() map[component.ID]component.Component { return h.extensions }

// Report is told when a receiver stops serving though nobody asked it to.
func (h *host) Report(e *componentstatus.Event) {
	if e.Err() != nil {
		h.log.Error("the OTLP receiver failed", "error", e.Err())
	}
}
