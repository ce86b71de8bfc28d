package ingest

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/text/encoding"
	"golang.org/x/text/transform"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// GetHTTPHandler makes the gate the HTTP server's middleware (extensionmiddleware.HTTPServer). It stands behind the
// decompressor, which has not read anything yet.
func (g *gate) GetHTTPHandler(context.Context) (func(context.Context, http.Handler) (http.Handler, error), error) {
	return func(_ context.Context, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !g.named(w, r) {
				return
			}
			leave, err := g.enter(r.Header.Values("Authorization"))
			if err != nil {
				answer(w, r, err)
				return
			}
			defer leave()
			body := &watchedBody{Reader: r.Body, Closer: r.Body}
			if mediaType(r) == "application/json" {
				// The receiver quotes what it cannot parse, and fails to encode the quote if it is no UTF-8.
				body.Reader = transform.NewReader(r.Body, encoding.UTF8Validator)
			}
			r.Body = body
			next.ServeHTTP(&watchedWriter{ResponseWriter: w, body: body, gate: g}, r)
		}), nil
	}, nil
}

// A watchedBody remembers that the request was larger than may be.
type watchedBody struct {
	io.Reader
	io.Closer
	tooLarge bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	var limit *http.MaxBytesError
	if errors.As(err, &limit) {
		b.tooLarge = true
	}
	return n, err
}

// A watchedWriter corrects the receiver's 400 for a body that is too large to 413.
type watchedWriter struct {
	http.ResponseWriter
	body *watchedBody
	gate *gate
}

func (w *watchedWriter) WriteHeader(code int) {
	if code == http.StatusBadRequest {
		w.gate.malformed.Add(1)
		if w.body.tooLarge {
			code = http.StatusRequestEntityTooLarge
		}
	}
	w.ResponseWriter.WriteHeader(code)
}

// answer turns a request away as OTLP/HTTP wants it: a Status message in the request's own encoding.
func answer(w http.ResponseWriter, r *http.Request, err error) {
	st := status.Convert(err)
	code := http.StatusServiceUnavailable
	switch st.Code() {
	case codes.Unauthenticated:
		code = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", "Bearer")
	case codes.ResourceExhausted:
		code = http.StatusTooManyRequests
		w.Header().Set("Retry-After", strconv.Itoa(int((2*retryAfter+time.Second-1)/time.Second)))
	}
	kind := mediaType(r)
	var body []byte
	if kind == "application/x-protobuf" {
		body, err = proto.Marshal(st.Proto())
	} else {
		kind = "application/json"
		body, err = protojson.Marshal(st.Proto())
	}
	if err != nil {
		body = nil
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(code)
	w.Write(body)
}

func mediaType(r *http.Request) string {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return kind
}
