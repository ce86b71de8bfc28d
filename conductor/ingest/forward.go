package ingest

import (
	"context"
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
	parallelSenders = 4
	firstRetryAfter = 500 * time.Millisecond
	lastRetryAfter  = 15 * time.Second
)

var storageID = component.MustNewID("file_storage")

// A forwarder passes one signal on: a Collector's exporter, over gRPC or HTTP, with a bounded queue. The exporter
// retries without a time limit; only the queue is bounded, and drops new requests when it is full.
type forwarder struct {
	component.Component
	*tally
	to      *destination
	ledger  *ledger         // nil: the queue is on disk, or not bounded in memory
	traces  exporter.Traces // of these three, the one of the forwarder's signal is set
	metrics exporter.Metrics
	logs    exporter.Logs
}

func newForwarder(ctx context.Context, cfg Config, d *destination) (*forwarder, error) {
	factory, ec := overGRPC(cfg, d)
	if d.overHTTP {
		factory, ec = overHTTP(cfg, d)
	}
	f := &forwarder{tally: d.tally, to: d}
	if cfg.Memory != nil && cfg.QueueDir == "" {
		f.ledger = &ledger{share: cfg.Memory.Forward, limit: cfg.Memory.Forward.Limit() / 3}
	}
	set := settings(factory.Type(), d.signal, cfg, f.tally)
	var err error
	switch d.signal {
	case "traces":
		f.traces, err = factory.CreateTraces(ctx, set, ec)
		f.Component = f.traces
	case "metrics":
		f.metrics, err = factory.CreateMetrics(ctx, set, ec)
		f.Component = f.metrics
	default:
		f.logs, err = factory.CreateLogs(ctx, set, ec)
		f.Component = f.logs
	}
	return f, err
}

// Shutdown stops the exporter, and closes the connections over HTTP, which the exporter leaves open.
func (f *forwarder) Shutdown(ctx context.Context) error {
	err := f.Component.Shutdown(ctx)
	if t := f.to.transport; t != nil {
		t.CloseIdleConnections()
	}
	return err
}

func overGRPC(cfg Config, d *destination) (exporter.Factory, component.Config) {
	factory := otlpexporter.NewFactory()
	ec := factory.CreateDefaultConfig().(*otlpexporter.Config)
	ec.ClientConfig.Endpoint = d.url
	ec.ClientConfig.TLS.Insecure = d.tls == nil
	ec.ClientConfig.Authority = d.authority
	ec.ClientConfig.Compression = compression(d.url)
	ec.ClientConfig.Middlewares = []configmiddleware.Config{{ID: clientID(d.signal)}}
	ec.TimeoutConfig.Timeout = attemptTimeout
	ec.RetryConfig = retry()
	ec.QueueConfig = queue(cfg, d)
	return factory, ec
}

func overHTTP(cfg Config, d *destination) (exporter.Factory, component.Config) {
	factory := otlphttpexporter.NewFactory()
	ec := factory.CreateDefaultConfig().(*otlphttpexporter.Config)
	ec.TracesEndpoint, ec.MetricsEndpoint, ec.LogsEndpoint = d.url, d.url, d.url
	ec.ClientConfig.Timeout = attemptTimeout
	ec.ClientConfig.Compression = compression(d.url)
	ec.ClientConfig.Middlewares = []configmiddleware.Config{{ID: clientID(d.signal)}}
	ec.RetryConfig = retry()
	ec.QueueConfig = queue(cfg, d)
	return factory, ec
}

// forwardTraces, forwardMetrics and forwardLogs queue a request, which takes `memory` bytes. They fail only if the
// queue is full, which the tally counts, or closed. A nil forwarder passes nothing on.
func (f *forwarder) forwardTraces(ctx context.Context, td ptrace.Traces, memory int64) {
	if f != nil {
		f.put(new(ptrace.ProtoMarshaler).TracesSize(td), memory, td.SpanCount(), func() {
			_ = f.traces.ConsumeTraces(context.WithoutCancel(ctx), td)
		})
	}
}

func (f *forwarder) forwardMetrics(ctx context.Context, md pmetric.Metrics, memory int64) {
	if f != nil {
		f.put(new(pmetric.ProtoMarshaler).MetricsSize(md), memory, md.DataPointCount(), func() {
			_ = f.metrics.ConsumeMetrics(context.WithoutCancel(ctx), md)
		})
	}
}

func (f *forwarder) forwardLogs(ctx context.Context, ld plog.Logs, memory int64) {
	if f != nil {
		f.put(new(plog.ProtoMarshaler).LogsSize(ld), memory, ld.LogRecordCount(), func() {
			_ = f.logs.ConsumeLogs(context.WithoutCancel(ctx), ld)
		})
	}
}

// put queues a request of the given number of records, or drops it if no memory is left for it.
func (f *forwarder) put(size int, memory int64, records int, enqueue func()) {
	switch {
	case f.ledger == nil || size == 0:
		enqueue()
	case !f.ledger.add(f.queued, int64(size), memory, enqueue):
		f.dropped.Add(uint64(records))
	}
}

// queued returns the size of the queue, in bytes as they are sent.
func (f *forwarder) queued() int64 { return f.gauge(queueSizeName) }

// compression returns the compression towards an endpoint: none on the same machine, where it is not worth its
// processor time.
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

func queue(cfg Config, d *destination) configoptional.Optional[exporterhelper.QueueBatchConfig] {
	senders := parallelSenders
	if d.signal == "metrics" { // Prometheus refuses a sample older than the last of its series, so points must stay in order
		senders = 1
	}
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

// newStorage keeps queues in files of a directory, which it creates.
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
