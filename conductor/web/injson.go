package web

import (
	"net/http"
	"strings"
)

// inJSON converts errors that a handler or its libraries write as text to the API's form.
func inJSON(h http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		out := errorWriter{ResponseWriter: w}
		h.ServeHTTP(&out, r)
		if out.code != 0 && !out.written { // an error without a text would be a success otherwise
			fail(w, out.code, "%s", http.StatusText(out.code))
		}
	}
}

// An errorWriter holds back the status of an error until the text of the error is written.
type errorWriter struct {
	http.ResponseWriter
	code    int // of an error; 0: no error
	written bool
}

func (w *errorWriter) WriteHeader(code int) {
	if code < http.StatusBadRequest {
		w.ResponseWriter.WriteHeader(code)
		return
	}
	w.code = code
}

func (w *errorWriter) Write(p []byte) (int, error) {
	if w.code == 0 {
		return w.ResponseWriter.Write(p)
	}
	if !w.written { // http.Error writes once
		w.written = true
		fail(w.ResponseWriter, w.code, "%s", strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

func (w *errorWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
