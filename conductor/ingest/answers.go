package ingest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
)

// maxAnswer bounds what is read of a store's answer: a partial success is a number and a sentence.
const maxAnswer = 64 << 10

// answers reads what a store answers to what is passed on. The exporters count a request as sent when the answer is one of
// success, even if the store rejected a part of it, or is a login page.
type answers struct {
	component.StartFunc
	component.ShutdownFunc
	signal string
	tally  *tally
}

func answersID(signal string) component.ID { return component.MustNewIDWithName("answers", signal) }

// GetGRPCClientOptions is extensionmiddleware.GRPCClient.
func (a *answers) GetGRPCClientOptions(context.Context) ([]grpc.DialOption, error) {
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor(
		func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			err := invoke(ctx, method, req, reply, conn, opts...)
			if m, ok := reply.(interface { // pdata's own type, which has no public name
				SizeProto() int
				MarshalProto([]byte) int
			}); ok && err == nil {
				body := make([]byte, m.SizeProto())
				a.read(body[len(body)-m.MarshalProto(body):], false)
			}
			return err
		})}, nil
}

// GetHTTPRoundTripper is extensionmiddleware.HTTPClient.
func (a *answers) GetHTTPRoundTripper(context.Context) (extensionmiddleware.WrapHTTPRoundTripperFunc, error) {
	return func(_ context.Context, next http.RoundTripper) (http.RoundTripper, error) {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			response, err := next.RoundTrip(r)
			if err != nil || response.StatusCode/100 != 2 {
				return response, err
			}
			return a.success(response)
		}), nil
	}, nil
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// success looks at an answer whose code says that all is well. One that is not of OTLP becomes 502, which is tried again:
// whoever stands before the store may let us in later.
func (a *answers) success(response *http.Response) (*http.Response, error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	_ = response.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("reading the store's answer: %w", err)
	}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch {
	case len(body) == 0:
	case kind == protobufType, kind == jsonType:
		a.read(body, kind == jsonType)
	default:
		body = fmt.Appendf(nil, "the answer is %s, not of OTLP: the address is not that of an OTLP endpoint, or a login stands before it", kind)
		response.StatusCode, response.Status = http.StatusBadGateway, "502 Bad Gateway"
		response.Header.Set("Content-Type", "text/plain")
	}
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return response, nil
}

// read counts what a store rejected of a request that it took.
func (a *answers) read(body []byte, json bool) {
	var rejected int64
	q := query{json: json}
	switch a.signal {
	case "traces":
		m := ptraceotlp.NewExportResponse()
		if q.read(m, body) == nil {
			rejected = m.PartialSuccess().RejectedSpans()
		}
	case "metrics":
		m := pmetricotlp.NewExportResponse()
		if q.read(m, body) == nil {
			rejected = m.PartialSuccess().RejectedDataPoints()
		}
	default:
		m := plogotlp.NewExportResponse()
		if q.read(m, body) == nil {
			rejected = m.PartialSuccess().RejectedLogRecords()
		}
	}
	a.tally.rejected.Add(uint64(max(rejected, 0)))
}
