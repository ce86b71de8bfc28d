package web

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/scenario"
)

// maxJSON bounds the body of a command. A scenario is the largest of them.
const maxJSON = scenario.MaxSource

// worthPacking is the size of an answer from which on gzip makes it smaller in fewer packets, in bytes.
const worthPacking = 1400

// methods has the handlers of one path by method.
type methods map[string]http.HandlerFunc

func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet // net/http omits the body
	}
	if h, ok := m[method]; ok {
		h(w, r)
		return
	}
	allowed := make([]string, 0, len(m)+1)
	for name := range m {
		allowed = append(allowed, name)
		if name == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	sort.Strings(allowed)
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	fail(w, http.StatusMethodNotAllowed, "method %s is not allowed; use %s", r.Method, strings.Join(allowed, ", "))
}

// fail answers with an error in the form of all API errors.
func fail(w http.ResponseWriter, code int, format string, args ...any) {
	failWith(w, code, map[string]string{"error": fmt.Sprintf(format, args...)})
}

// failWith answers with an error that has more fields than its text.
func failWith(w http.ResponseWriter, code int, v any) {
	body, _ := json.Marshal(v) // texts and instants: cannot fail
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n'))
}

// answer sends v as JSON.
func answer(w http.ResponseWriter, r *http.Request, code int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		fail(w, http.StatusInternalServerError, "cannot encode the answer: %v", err)
		return
	}
	send(w, r, code, "application/json", append(body, '\n'))
}

// send sends a body, compressed if that pays and the client accepts it. Answers about a live ring are never cached.
func send(w http.ResponseWriter, r *http.Request, code int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept-Encoding")
	if len(body) >= worthPacking && acceptsGzip(r) {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		if _, err := z.Write(body); err == nil && z.Close() == nil {
			h.Set("Content-Encoding", "gzip")
			body = packed.Bytes()
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write(body)
}

// accepts reports whether the Accept header names a type.
func accepts(r *http.Request, kind string) bool {
	for _, list := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(list, ",") {
			if got, _, err := mime.ParseMediaType(part); err == nil && got == kind {
				return true
			}
		}
	}
	return false
}

func acceptsGzip(r *http.Request) bool {
	for _, list := range r.Header.Values("Accept-Encoding") {
		for part := range strings.SplitSeq(list, ",") {
			name, weight, _ := strings.Cut(part, ";")
			if strings.TrimSpace(name) == "gzip" && strings.ReplaceAll(weight, " ", "") != "q=0" {
				return true
			}
		}
	}
	return false
}

// textBody reads a request's body that is text in UTF-8. If it fails, it has already answered, and ok is false.
func textBody(w http.ResponseWriter, r *http.Request) (data []byte, ok bool) {
	// An invalid media type counts as none: most tools send one unintentionally.
	_, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if set := params["charset"]; set != "" && !strings.EqualFold(set, "utf-8") && !strings.EqualFold(set, "us-ascii") {
		fail(w, http.StatusUnsupportedMediaType, "charset %.40q: expected UTF-8", set)
		return nil, false
	}
	if packing := r.Header.Get("Content-Encoding"); packing != "" && !strings.EqualFold(packing, "identity") {
		fail(w, http.StatusUnsupportedMediaType, "Content-Encoding %.40q: expected a body that is not compressed", packing)
		return nil, false
	}
	data, ok = body(w, r, maxJSON)
	if ok && !utf8.Valid(data) {
		fail(w, http.StatusBadRequest, "the body is not UTF-8")
		return nil, false
	}
	return data, ok
}

// body reads a request's body of at most limit bytes. If it fails, it has already answered, and ok is false.
func body(w http.ResponseWriter, r *http.Request, limit int64) (data []byte, ok bool) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		fail(w, http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", limit)
	case errors.Is(err, errCrowded):
		retry(w)
	case err != nil:
		fail(w, http.StatusBadRequest, "cannot read the body: %v", err)
	default:
		return data, true
	}
	return nil, false
}

// refused answers a command that failed, with the status for its error.
func refused(w http.ResponseWriter, err error) {
	code, err := errorOf(err)
	fail(w, code, "%s", err)
}

// errorOf returns the HTTP status for a command's error, and the error to show.
func errorOf(err error) (code int, text error) {
	code = http.StatusInternalServerError
	var problems scenario.Problems
	switch {
	case errors.As(err, &problems):
		code = http.StatusBadRequest
	case errors.Is(err, deploy.ErrUnknown):
		code = http.StatusNotFound
	case errors.Is(err, deploy.ErrInvalid):
		code = http.StatusBadRequest
	case errors.Is(err, deploy.ErrConflict):
		code = http.StatusConflict
	case errors.Is(err, deploy.ErrUnavailable):
		code = http.StatusServiceUnavailable
	default:
		if c := status.Code(err); c != codes.Unknown {
			code = httpStatus(c)
			err = errors.New(status.Convert(err).Message())
			if c == codes.Canceled {
				err = fmt.Errorf("interrupted, since the conductor or a host is stopping; a change may have been made: %w", err)
			}
		}
	}
	return code, err
}

// httpStatus converts the gRPC status of a host.
func httpStatus(c codes.Code) int {
	switch c {
	case codes.InvalidArgument, codes.OutOfRange:
		return http.StatusBadRequest
	case codes.NotFound:
		return http.StatusNotFound
	case codes.AlreadyExists, codes.FailedPrecondition, codes.Aborted:
		return http.StatusConflict
	case codes.ResourceExhausted:
		return http.StatusInsufficientStorage
	case codes.Unavailable, codes.Canceled:
		return http.StatusServiceUnavailable
	case codes.DeadlineExceeded:
		return http.StatusGatewayTimeout
	case codes.Unimplemented:
		return http.StatusNotImplemented
	default: // a host that rejects the conductor's token is among these: the token of the caller was right
		return http.StatusBadGateway
	}
}
