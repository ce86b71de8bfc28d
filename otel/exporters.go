package otel

import (
	"context"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// exporters makes OTLP exporters. An option overrides the SDK's own reading of a variable, so an
// option is passed only where the variable is unset or to be ignored.
type exporters struct {
	cfg Config
	env environ
}

// A destination holds those options of an exporter that the exporter does not read from the
// environment itself.
type destination struct {
	http    bool
	url     string            // empty if the variables decide it
	headers map[string]string // nil if the variables decide them
	timeout time.Duration     // time limit of one request
	gzip    bool              // false if the variables decide it
	dial    []grpc.DialOption
}

func (x exporters) destination(signal string) destination {
	d := destination{
		http:    x.env.protocol(signal) == httpProtocol,
		timeout: x.env.timeout(signal, 10*time.Second),
		// gzip reduces requests to a fifth of their bytes, at a cost in processor time too small to measure
		// (docs/deploy.md). Within a process it saves nothing.
		gzip: !x.cfg.IgnoreEnvironment && x.env.otlp(signal, "COMPRESSION") == "",
		dial: []grpc.DialOption{
			// A receiver that disappears without closing the connection, such as a host that loses
			// power, is detected within half a minute.
			grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}),
			// The connection to a receiver that cannot be reached is retried every two seconds.
			// gRPC's own pause grows to two minutes, which is too long while a page shows a stale
			// view.
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
				MinConnectTimeout: 5 * time.Second,
			}),
		},
	}
	if x.env.otlp(signal, "HEADERS") == "" {
		d.headers = x.cfg.Headers
	}
	if x.env.otlp(signal, "ENDPOINT") == "" {
		d.url = x.cfg.Endpoint
		if d.http && d.url == defaultGRPC {
			d.url = defaultHTTP
		}
		if d.http {
			d.url = strings.TrimSuffix(d.url, "/") + "/v1/" + strings.ToLower(signal)
		}
	}
	switch {
	case x.cfg.IgnoreEnvironment:
		if d.headers == nil {
			d.headers = map[string]string{}
		}
		d.dial = append(d.dial, grpc.WithTransportCredentials(x.credentials()))
	case d.url != "" && x.cfg.TLS != nil:
		d.dial = append(d.dial, grpc.WithTransportCredentials(x.credentials()))
	}
	return d
}

// credentials returns the credentials for the Config's endpoint.
func (x exporters) credentials() credentials.TransportCredentials {
	if u, err := url.Parse(x.cfg.Endpoint); err == nil && u.Scheme == "https" {
		return credentials.NewTLS(x.cfg.TLS)
	}
	return insecure.NewCredentials()
}

func (x exporters) spans(ctx context.Context) (sdktrace.SpanExporter, error) {
	d := x.destination(traces)
	if d.http {
		opts := []otlptracehttp.Option{otlptracehttp.WithTimeout(d.timeout)}
		if d.url != "" {
			opts = append(opts, otlptracehttp.WithEndpointURL(d.url))
		}
		if d.headers != nil {
			opts = append(opts, otlptracehttp.WithHeaders(d.headers))
		}
		if d.gzip {
			opts = append(opts, otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
		}
		return otlptracehttp.New(ctx, opts...)
	}
	opts := []otlptracegrpc.Option{otlptracegrpc.WithTimeout(d.timeout), otlptracegrpc.WithDialOption(d.dial...)}
	if d.url != "" {
		opts = append(opts, otlptracegrpc.WithEndpointURL(d.url))
	}
	if d.headers != nil {
		opts = append(opts, otlptracegrpc.WithHeaders(d.headers))
	}
	if d.gzip {
		opts = append(opts, otlptracegrpc.WithCompressor("gzip"))
	}
	return otlptracegrpc.New(ctx, opts...)
}

func (x exporters) metrics(ctx context.Context) (sdkmetric.Exporter, error) {
	d := x.destination(metrics)
	if d.http {
		opts := []otlpmetrichttp.Option{otlpmetrichttp.WithTimeout(d.timeout)}
		if d.url != "" {
			opts = append(opts, otlpmetrichttp.WithEndpointURL(d.url))
		}
		if d.headers != nil {
			opts = append(opts, otlpmetrichttp.WithHeaders(d.headers))
		}
		if d.gzip {
			opts = append(opts, otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
		}
		return otlpmetrichttp.New(ctx, opts...)
	}
	opts := []otlpmetricgrpc.Option{otlpmetricgrpc.WithTimeout(d.timeout), otlpmetricgrpc.WithDialOption(d.dial...)}
	if d.url != "" {
		opts = append(opts, otlpmetricgrpc.WithEndpointURL(d.url))
	}
	if d.headers != nil {
		opts = append(opts, otlpmetricgrpc.WithHeaders(d.headers))
	}
	if d.gzip {
		opts = append(opts, otlpmetricgrpc.WithCompressor("gzip"))
	}
	return otlpmetricgrpc.New(ctx, opts...)
}

// logs returns the exporter of ordinary log records, with the SDK's own retries.
func (x exporters) logs(ctx context.Context) (sdklog.Exporter, error) {
	d := x.destination(logs)
	if d.http {
		return otlploghttp.New(ctx, x.httpLogs(d)...)
	}
	return otlploggrpc.New(ctx, x.grpcLogs(d)...)
}

// events returns the exporter of the events' pipeline: without the SDK's retries, and with the hook
// that reports the outcome of each attempt to the pipeline.
func (x exporters) events(ctx context.Context) (sdklog.Exporter, error) {
	d := x.destination(logs)
	d.timeout = 0 // the pipeline's own limit counts
	if d.http {
		client, err := x.observedClient()
		if err != nil {
			return nil, err
		}
		return otlploghttp.New(ctx, append(x.httpLogs(d),
			otlploghttp.WithRetry(otlploghttp.RetryConfig{}), otlploghttp.WithHTTPClient(client))...)
	}
	return otlploggrpc.New(ctx, append(x.grpcLogs(d),
		otlploggrpc.WithRetry(otlploggrpc.RetryConfig{}),
		otlploggrpc.WithDialOption(append(d.dial, grpc.WithUnaryInterceptor(observeGRPC))...))...)
}

func (x exporters) grpcLogs(d destination) []otlploggrpc.Option {
	opts := []otlploggrpc.Option{otlploggrpc.WithTimeout(d.timeout), otlploggrpc.WithDialOption(d.dial...)}
	if d.url != "" {
		opts = append(opts, otlploggrpc.WithEndpointURL(d.url))
	}
	if d.headers != nil {
		opts = append(opts, otlploggrpc.WithHeaders(d.headers))
	}
	if d.gzip {
		opts = append(opts, otlploggrpc.WithCompressor("gzip"))
	}
	return opts
}

func (x exporters) httpLogs(d destination) []otlploghttp.Option {
	opts := []otlploghttp.Option{otlploghttp.WithTimeout(d.timeout)}
	if d.url != "" {
		opts = append(opts, otlploghttp.WithEndpointURL(d.url))
	}
	if d.headers != nil {
		opts = append(opts, otlploghttp.WithHeaders(d.headers))
	}
	if d.gzip {
		opts = append(opts, otlploghttp.WithCompression(otlploghttp.GzipCompression))
	}
	return opts
}
