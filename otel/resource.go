package otel

import (
	"context"
	"os"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"chordconductor/otel/chordevent"
)

// newResource returns the resource that describes the process. OTEL_RESOURCE_ATTRIBUTES and
// OTEL_SERVICE_NAME override the Config, except for the ring's name: members also send it to their
// peers, and it must be the same there.
func newResource(ctx context.Context, cfg Config) (*resource.Resource, error) {
	own := []attribute.KeyValue{
		semconv.ServiceName(cfg.Service),
		semconv.ServiceInstanceID(cfg.Instance),
	}
	if cfg.Version != "" {
		own = append(own, semconv.ServiceVersion(cfg.Version))
	}
	if host, err := os.Hostname(); err == nil {
		own = append(own, semconv.HostName(host))
	}
	opts := []resource.Option{resource.WithTelemetrySDK(), resource.WithAttributes(own...)}
	if !cfg.IgnoreEnvironment {
		opts = append(opts, resource.WithFromEnv())
	}
	if cfg.Ring != "" {
		opts = append(opts, resource.WithAttributes(chordevent.RingNameKey.String(cfg.Ring)))
	}
	return resource.New(ctx, opts...)
}
