package ingest

import (
	"context"
	"strings"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configcompression"
	"go.opentelemetry.io/collector/config/configmiddleware"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/otlpexporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	metricnoop "go.opentelemetry.io/otel/metric/noop"

	"chordconductor/internal/dirs"
)

const (
	attemptTimeout  = 10 * time.Second // of one request to a forwarding target
	grpcSenders     = 4
	firstRetryAfter = 500 * time.Millisecond
	lastRetryAfter  = 15 * time.Second
)

var storageID = component.MustNewID("file_storage")

// A traceForwarder passes spans on over OTLP/gRPC, a metricForwarder data points over OTLP/HTTP: what Jaeger and
// Prometheus take. A logForwarder passes log records on over OTLP/gRPC, for example to a Collector. All are the
// Collector's exporters with a bounded queue. They try as long as it takes; what bounds that is the queue, which drops
// what comes when it is full.
type traceForwarder struct {
	exporter.Traces
	*tally
}

type logForwarder struct {
	exporter.Logs
	*tally
}

type metricForwarder struct {
	exporter.Metrics
	*tally
}

func newTraceForwarder(ctx context.Context, cfg Config) (*traceForwarder, error) {
	factory := otlpexporter.NewFactory()
	f := &traceForwarder{tally: &tally{}}
	var err error
	f.Traces, err = factory.CreateTraces(ctx, settings(factory.Type(), "traces", cfg, f.tally), answeredGRPC("traces", overGRPC(factory, cfg.ForwardTraces, cfg)))
	return f, err
}

func newLogForwarder(ctx context.Context, cfg Config) (*logForwarder, error) {
	factory := otlpexporter.NewFactory()
	f := &logForwarder{tally: &tally{}}
	var err error
	f.Logs, err = factory.CreateLogs(ctx, settings(factory.Type(), "logs", cfg, f.tally), answeredGRPC("logs", overGRPC(factory, cfg.ForwardLogs, cfg)))
	return f, err
}

func overGRPC(factory exporter.Factory, endpoint string, cfg Config) *otlpexporter.Config {
	ec := factory.CreateDefaultConfig().(*otlpexporter.Config)
	ec.ClientConfig.Endpoint = endpoint
	ec.ClientConfig.TLS.Insecure = strings.HasPrefix(endpoint, "http://")
	ec.ClientConfig.Compression = compression(endpoint)
	ec.TimeoutConfig.Timeout = attemptTimeout
	ec.RetryConfig = retry()
	ec.QueueConfig = queue(cfg, grpcSenders)
	return ec
}

func newMetricForwarder(ctx context.Context, cfg Config) (*metricForwarder, error) {
	factory := otlphttpexporter.NewFactory()
	f := &metricForwarder{tally: &tally{}}
	var err error
	f.Metrics, err = factory.CreateMetrics(ctx, settings(factory.Type(), "metrics", cfg, f.tally), answeredHTTP("metrics", overHTTP(factory, cfg)))
	return f, err
}

func overHTTP(factory exporter.Factory, cfg Config) *otlphttpexporter.Config {
	ec := factory.CreateDefaultConfig().(*otlphttpexporter.Config)
	ec.MetricsEndpoint = cfg.ForwardMetrics
	ec.ClientConfig.Timeout = attemptTimeout
	ec.ClientConfig.Compression = compression(cfg.ForwardMetrics)
	ec.RetryConfig = retry()
	// One sender: Prometheus refuses a sample older than the last of its series, so points must stay in order.
	ec.QueueConfig = queue(cfg, 1)
	return ec
}

// answeredGRPC and answeredHTTP have the store's answers read.
func answeredGRPC(signal string, ec *otlpexporter.Config) *otlpexporter.Config {
	ec.ClientConfig.Middlewares = []configmiddleware.Config{{ID: answersID(signal)}}
	return ec
}

func answeredHTTP(signal string, ec *otlphttpexporter.Config) *otlphttpexporter.Config {
	ec.ClientConfig.Middlewares = []configmiddleware.Config{{ID: answersID(signal)}}
	return ec
}

// forward queues spans. It fails only if the queue is full, which the tally counts, or closed.
func (f *traceForwarder) forward(ctx context.Context, td ptrace.Traces) {
	_ = f.ConsumeTraces(context.WithoutCancel(ctx), td)
}

func (f *logForwarder) forward(ctx context.Context, ld plog.Logs) {
	_ = f.ConsumeLogs(context.WithoutCancel(ctx), ld)
}

func (f *metricForwarder) forward(ctx context.Context, md pmetric.Metrics) {
	_ = f.ConsumeMetrics(context.WithoutCancel(ctx), md)
}

// compression is not worth its processor time towards a store on the same machine.
func compression(endpoint string) configcompression.Type {
	if local(endpoint) {
		return ""
	}
	return configcompression.TypeGzip
}

func retry() configretry.BackOffConfig {
	r := configretry.NewDefaultBackOffConfig()
	r.InitialInterval, r.MaxInterval, r.MaxElapsedTime = firstRetryAfter, lastRetryAfter, 0
	return r
}

func queue(cfg Config, senders int) configoptional.Optional[exporterhelper.QueueBatchConfig] {
	q := exporterhelper.NewDefaultQueueConfig()
	q.Sizer, q.QueueSize, q.NumConsumers = exporterhelper.RequestSizerTypeBytes, cfg.QueueBytes, senders
	if cfg.QueueDir != "" {
		q.StorageID = &storageID
	}
	return configoptional.Some(q)
}

func settings(kind component.Type, name string, cfg Config, t *tally) exporter.Settings {
	return exporter.Settings{
		ID:                component.NewIDWithName(kind, name),
		TelemetrySettings: telemetry(bridge(cfg.Logger, "forwarding "+name), t),
		BuildInfo:         component.NewDefaultBuildInfo(),
	}
}

// newStorage keeps queues in files of a directory, which it makes.
func newStorage(ctx context.Context, cfg Config) (component.Component, error) {
	if err := dirs.Make(cfg.QueueDir, 0o750); err != nil {
		return nil, err
	}
	factory := filestorage.NewFactory()
	sc := factory.CreateDefaultConfig().(*filestorage.Config)
	sc.Directory, sc.Compaction.Directory = cfg.QueueDir, cfg.QueueDir
	sc.Compaction.OnStart, sc.Compaction.OnRebound, sc.Compaction.CleanupOnStart = true, true, true
	return factory.Create(ctx, extension.Settings{
		ID:                storageID,
		TelemetrySettings: telemetry(bridge(cfg.Logger, "forwarding queue"), metricnoop.NewMeterProvider()),
		BuildInfo:         component.NewDefaultBuildInfo(),
	}, sc)
}
