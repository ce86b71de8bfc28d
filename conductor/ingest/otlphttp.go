package ingest

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"chordconductor/conductor/internal/otlpscan"
)

const (
	protobufType = "application/x-protobuf"
	jsonType     = "application/json"
)

var httpPaths = map[string]otlpscan.Signal{"/v1/logs": otlpscan.Logs, "/v1/traces": otlpscan.Traces, "/v1/metrics": otlpscan.Metrics}

// serveHTTP serves a request of OTLP/HTTP.
func (p *port) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if !p.named(w, r) {
		return
	}
	signal, known := httpPaths[r.URL.Path]
	kind := mediaType(r)
	q := query{signal: signal, json: kind == jsonType}
	if q.packing = strings.ToLower(r.Header.Get("Content-Encoding")); q.packing == "identity" { // HTTP ignores case in this header
		q.packing = ""
	}
	switch {
	case p.grpc:
		k := httpAtGRPC
		if r.Method != http.MethodPost {
			k = wrongMethod // of a probe
		}
		p.fail(w, r, refused(k, codes.InvalidArgument, "this port receives OTLP over gRPC, and the request is OTLP over HTTP: send it to %s", p.other))
		return
	case !known:
		p.fail(w, r, refused(unknownPath, codes.NotFound, "no such path: %.80q; OTLP/HTTP has /v1/logs, /v1/traces and /v1/metrics", r.URL.Path))
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		p.failWith(w, r, http.StatusMethodNotAllowed, refused(wrongMethod, codes.Unimplemented, "the method must be POST"))
		return
	case kind != protobufType && kind != jsonType:
		p.failWith(w, r, http.StatusUnsupportedMediaType, refused(unknownType, codes.InvalidArgument, "the content type is %.80q: expected %s or %s", kind, protobufType, jsonType))
		return
	}
	if err := p.gate.authorize(r.Header.Values("Authorization")); err != nil {
		p.fail(w, r, err)
		return
	}
	body, reception, err := p.receive(w, r, p.gate.maxBytes)
	defer reception.release()
	if err != nil {
		p.fail(w, r, err)
		return
	}
	answer, err := p.take(r.Context(), q, body)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(answer) // a closed connection is not an error here
}

// fail answers with an error in the form of the request's protocol.
func (p *port) fail(w http.ResponseWriter, r *http.Request, err error) {
	st := status.Convert(err)
	if isGRPC(r) {
		p.note(r, err)
		failGRPC(w, st)
		return
	}
	code := http.StatusServiceUnavailable
	switch st.Code() {
	case codes.InvalidArgument, codes.Canceled:
		code = http.StatusBadRequest
	case codes.NotFound:
		code = http.StatusNotFound
	case codes.Unauthenticated:
		code = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", "Bearer")
	case codes.DeadlineExceeded:
		code = http.StatusRequestTimeout
	case codes.ResourceExhausted:
		code = http.StatusRequestEntityTooLarge
		if isOverload(st) {
			code = http.StatusTooManyRequests
			w.Header().Set("Retry-After", strconv.Itoa(int((2*retryAfter+time.Second-1)/time.Second)))
		}
	}
	p.failWith(w, r, code, err)
}

// failWith answers with a Status in the request's own encoding, as OTLP/HTTP requires.
func (p *port) failWith(w http.ResponseWriter, r *http.Request, code int, err error) {
	p.note(r, err)
	message := status.Convert(err).Proto()
	message.Message = strings.ToValidUTF8(message.Message, "\ufffd")
	kind := mediaType(r)
	var body []byte
	if kind == protobufType {
		body, err = proto.Marshal(message)
	} else {
		kind = jsonType
		body, err = protojson.Marshal(message)
	}
	if err != nil {
		body = nil // the code is enough
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(code)
	_, _ = w.Write(body)
}

// isOverload reports whether st names a pause after which the request may be sent again.
func isOverload(st *status.Status) bool {
	for _, d := range st.Details() {
		if _, ok := d.(*errdetails.RetryInfo); ok {
			return true
		}
	}
	return false
}

func mediaType(r *http.Request) string {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return kind
}
