package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"chordconductor/internal/reload"
)

// maxAnswer bounds the bytes that are read of a store's answer: a partial success is a number and a sentence.
const maxAnswer = 64 << 10

// maxExplanation bounds the bytes that are read, and logged, of an error in text.
const maxExplanation = 400

// A client connects an exporter to the network. It adds the target's headers and authority, connects over TLS with the
// current files, and reads the answers: the exporters count a request as sent when the status is success, even if the
// store rejected a part of it, or the answer is a login page.
type client struct {
	component.StartFunc
	component.ShutdownFunc
	*destination
}

func clientID(signal string) component.ID { return component.MustNewIDWithName("client", signal) }

// GetGRPCClientOptions implements extensionmiddleware.GRPCClient.
func (c *client) GetGRPCClientOptions(context.Context) ([]grpc.DialOption, error) {
	options := []grpc.DialOption{grpc.WithChainUnaryInterceptor(
		func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			for _, h := range c.headers.Get() {
				ctx = metadata.AppendToOutgoingContext(ctx, h.name, h.value)
			}
			err := noStore(invoke(ctx, method, req, reply, conn, opts...))
			if m, ok := reply.(interface { // pdata's own type, which is not exported
				SizeProto() int
				MarshalProto([]byte) int
			}); ok && err == nil {
				body := make([]byte, m.SizeProto())
				_ = c.read(body[len(body)-m.MarshalProto(body):], false) // the message was encoded just now, so decoding cannot fail
			}
			return err
		})}
	if c.tls != nil {
		options = append(options, grpc.WithTransportCredentials(reload.Credentials(c.tls.Get)))
	}
	return options, nil
}

// noStore turns an answer that is not gRPC (a login page, or a redirect to one) or not OTLP into an error that is
// retried, as success and redirected do over HTTP: the exporter would otherwise drop the data. gRPC itself maps other
// HTTP statuses to codes that the exporter handles.
func noStore(err error) error {
	const ( // grpc-go's texts
		page      = "unexpected HTTP status code received from server: "
		undecoded = "grpc: failed to unmarshal the received message"
	)
	st := status.Convert(err)
	code, found := strings.CutPrefix(st.Message(), page)
	isPage := found && st.Code() == codes.Unknown && (strings.HasPrefix(code, "2") || strings.HasPrefix(code, "3"))
	if isPage || st.Code() == codes.Internal && strings.HasPrefix(st.Message(), undecoded) {
		return status.Errorf(codes.Unavailable, "the answer is not an OTLP response: the address does not belong to an OTLP endpoint, or a proxy that asks for a login answers for it: %.*s", maxExplanation, st.Message())
	}
	return err
}

// GetHTTPRoundTripper implements extensionmiddleware.HTTPClient.
func (c *client) GetHTTPRoundTripper(context.Context) (extensionmiddleware.WrapHTTPRoundTripperFunc, error) {
	return func(_ context.Context, next http.RoundTripper) (http.RoundTripper, error) {
		if t, plain := next.(*http.Transport); plain {
			c.transport = t
			if c.tls != nil {
				t.TLSClientConfig = c.tls.Get() // through a proxy
				t.DialTLSContext = c.dial
			}
		}
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			r = r.Clone(r.Context())
			for _, h := range c.headers.Get() {
				r.Header.Set(h.name, h.value)
			}
			if c.authority != "" {
				r.Host = c.authority
			}
			response, err := next.RoundTrip(r)
			switch {
			case err != nil:
				return response, err
			case response.StatusCode/100 == 2:
				return c.success(response)
			case response.StatusCode/100 == 3:
				return redirected(response), nil
			}
			return explained(response), nil
		}), nil
	}, nil
}

// redirected rejects redirects: neither telemetry nor the secrets in its headers may go to an address that was not
// configured. It turns the answer into a 502, which the exporter retries: a redirect often leads to a login page.
func redirected(response *http.Response) *http.Response {
	_ = response.Body.Close()
	to := "elsewhere"
	if u, err := response.Location(); err == nil {
		to = "to " + u.Redacted()
	}
	return because(response, http.StatusBadGateway, fmt.Sprintf("the answer is a redirect %.200s, which is not followed: configure the address of the store itself", to))
}

// explained logs the text of an error answer that is not OTLP, such as Prometheus sends: the exporter itself logs only
// the explanations of OTLP answers.
func explained(response *http.Response) *http.Response {
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if kind == protobufType {
		return response
	}
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxExplanation))
	_ = response.Body.Close()
	return because(response, response.StatusCode, strings.TrimSpace(string(text)))
}

// because turns an answer into a failure, with an explanation in OTLP's form.
func because(response *http.Response, code int, text string) *http.Response {
	body, _ := proto.Marshal(status.New(codes.Unavailable, strings.ToValidUTF8(text, "\ufffd")).Proto()) // cannot fail
	if code != response.StatusCode {
		response.StatusCode, response.Status = code, fmt.Sprintf("%d %s", code, http.StatusText(code))
	}
	response.Header.Set("Content-Type", protobufType)
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return response
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// success checks an answer with a status of success. The store has accepted the request if the body is empty, or
// decodes as an OTLP response: in protobuf, in which requests are sent, or in JSON, which some stores send, without a
// field that OTLP does not have. Any other body, such as that of a login page, makes the answer a 502, which is
// retried: a proxy in front of the store may admit later requests.
func (c *client) success(response *http.Response) (*http.Response, error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	_ = response.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("cannot read the store's answer: %w", err)
	}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	why := ""
	switch {
	case len(body) == 0:
	case len(body) > maxAnswer:
		why = fmt.Sprintf("the answer is longer than %d bytes", maxAnswer)
	case kind == jsonType && !isAnswer(body):
		why = "the answer is JSON"
	case kind == protobufType, kind == jsonType:
		if err := c.read(body, kind == jsonType); err != nil {
			why = "the answer is " + kind + " that does not decode"
		}
	default:
		why = fmt.Sprintf("the answer is %.80s", kind)
	}
	if why != "" {
		return because(response, http.StatusBadGateway, why+notOTLP), nil
	}
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return response, nil
}

const notOTLP = ", not an OTLP response: the address does not belong to an OTLP endpoint, or a proxy that asks for a login answers for it"

// isAnswer reports whether JSON has the fields of an answer of OTLP, and no others. Their values are not checked.
func isAnswer(body []byte) bool {
	var top map[string]json.RawMessage
	if json.Unmarshal(body, &top) != nil || top == nil {
		return false
	}
	for name, value := range top {
		var partial map[string]json.RawMessage
		if name != "partialSuccess" && name != "partial_success" || json.Unmarshal(value, &partial) != nil {
			return false
		}
		for name := range partial {
			switch strings.ReplaceAll(strings.ToLower(name), "_", "") {
			case "rejectedspans", "rejecteddatapoints", "rejectedlogrecords", "errormessage":
			default:
				return false
			}
		}
	}
	return true
}

// read counts the records that a store rejected of a request that it accepted. It fails if the answer does not decode.
func (c *client) read(body []byte, json bool) error {
	var rejected int64
	var err error
	q := query{json: json}
	switch c.signal {
	case "traces":
		m := ptraceotlp.NewExportResponse()
		err = q.read(m, body)
		rejected = m.PartialSuccess().RejectedSpans()
	case "metrics":
		m := pmetricotlp.NewExportResponse()
		err = q.read(m, body)
		rejected = m.PartialSuccess().RejectedDataPoints()
	default:
		m := plogotlp.NewExportResponse()
		err = q.read(m, body)
		rejected = m.PartialSuccess().RejectedLogRecords()
	}
	if err == nil {
		c.tally.reject(rejected)
	}
	return err
}
