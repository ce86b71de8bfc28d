package otel

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	collogpb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// An attempt is the outcome of one export request as the transport sees it. The exporters' own
// errors do not distinguish a refusal from an outage over HTTP, nor a partial success from a
// failure. So the events' exporter has a hook in its transport, which finds the attempt in the
// request's context and sets its fields.
type attempt struct {
	verdict  verdict
	wait     time.Duration // how long the receiver asked the sender to wait; 0 if it did not
	rejected int64         // records of an accepted request that the receiver reports as rejected
	message  string        // the receiver's reason for rejecting records, or its warning
}

// answered stores what a receiver reports about a request that it has accepted.
func (a *attempt) answered(answer *collogpb.ExportLogsServiceResponse) {
	a.rejected = max(answer.GetPartialSuccess().GetRejectedLogRecords(), 0)
	a.message = answer.GetPartialSuccess().GetErrorMessage()
}

type verdict uint8

const (
	notSent  verdict = iota // the request never reached the transport: it cannot be built or is too large
	accepted                // the receiver has accepted it
	again                   // an outage, an overload, or a wrong configuration: retry the same request later
	smaller                 // perhaps it is too large: retry in smaller requests
	refused                 // the receiver will never take this request
)

type attemptKey struct{}

func withAttempt(ctx context.Context) (context.Context, *attempt) {
	a := new(attempt)
	return context.WithValue(ctx, attemptKey{}, a), a
}

// observeGRPC is the hook of the gRPC transport.
func observeGRPC(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	err := invoke(ctx, method, req, reply, cc, opts...)
	a, ok := ctx.Value(attemptKey{}).(*attempt)
	if !ok {
		return err
	}
	a.verdict, a.wait = verdictOf(status.Convert(err))
	if answer, ok := reply.(*collogpb.ExportLogsServiceResponse); ok && err == nil {
		a.answered(answer)
	}
	return err
}

func verdictOf(s *status.Status) (verdict, time.Duration) {
	switch s.Code() {
	case codes.OK:
		return accepted, 0
	case codes.InvalidArgument:
		return refused, 0
	}
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return again, info.GetRetryDelay().AsDuration()
		}
	}
	if s.Code() == codes.ResourceExhausted {
		return smaller, 0
	}
	return again, 0
}

// maxAnswer bounds how much of an answer is read for the attempt. The attempt gets nothing from a
// longer answer, which is passed on whole.
const maxAnswer = 64 << 10

// read decodes a response's answer, and leaves the response's body readable from its start.
func (a *attempt) read(resp *http.Response) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body}
	var answer collogpb.ExportLogsServiceResponse
	if err == nil && len(body) <= maxAnswer && proto.Unmarshal(body, &answer) == nil {
		a.answered(&answer)
	}
}

// observeHTTP is the hook of the HTTP transport.
type observeHTTP struct{ next http.RoundTripper }

func (o observeHTTP) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := o.next.RoundTrip(req)
	a, ok := req.Context().Value(attemptKey{}).(*attempt)
	if !ok {
		return resp, err
	}
	switch {
	case err != nil:
		a.verdict = again
	case resp.StatusCode/100 == 2:
		a.verdict = accepted
		a.read(resp)
	case resp.StatusCode == http.StatusBadRequest, resp.StatusCode == http.StatusUnprocessableEntity:
		a.verdict = refused
	case resp.StatusCode == http.StatusRequestEntityTooLarge:
		a.verdict = smaller
	default:
		a.verdict = again
		if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
			a.wait = time.Duration(seconds) * time.Second
		}
	}
	return resp, err
}
