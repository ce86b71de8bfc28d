package web

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"chordconductor/conductor/audit"
)

const maxNoted = 300 // bytes of a body, and of an error answer, in the audit log

// audited returns a writer that captures the answer to a command; done records the command.
func (s *Server) audited(w http.ResponseWriter, r *http.Request, g grant) (http.ResponseWriter, func()) {
	if s.cfg.Audit == nil {
		return w, func() {}
	}
	e := audit.Entry{Time: time.Now().UTC(), Who: g.String(), From: r.RemoteAddr, What: r.Method + " " + r.URL.RequestURI()}
	if s.cfg.Open {
		e.Who = "loopback"
	}
	body := &notedBody{ReadCloser: r.Body}
	if !strings.HasPrefix(r.URL.Path, "/api/keys") { // users' data is not recorded
		r.Body = body
	}
	noted := &notedWriter{ResponseWriter: w}
	return noted, func() {
		e.Detail, e.Status, e.Error = string(body.head), noted.status, noted.failure()
		if e.Status == 0 {
			e.Status, e.Error = http.StatusInternalServerError, "internal error" // the handler panicked; an outer handler answers
		}
		s.cfg.Audit.Add(e)
	}
}

// A notedBody keeps the beginning of the body as it is read.
type notedBody struct {
	io.ReadCloser
	head []byte
}

func (b *notedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.head = append(b.head, p[:min(n, maxNoted-len(b.head))]...)
	return n, err
}

// A notedWriter keeps the status, and the beginning of an error answer.
type notedWriter struct {
	http.ResponseWriter
	status int
	head   []byte
}

func (w *notedWriter) WriteHeader(code int) {
	if w.status == 0 {
		w.status = code
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *notedWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if w.status >= http.StatusBadRequest {
		w.head = append(w.head, p[:min(len(p), 4*maxNoted-len(w.head))]...)
	}
	return w.ResponseWriter.Write(p)
}

func (w *notedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// failure returns the error in the answer.
func (w *notedWriter) failure() string {
	if w.status < http.StatusBadRequest {
		return ""
	}
	var answer struct{ Error string }
	if err := json.Unmarshal(w.head, &answer); err != nil || answer.Error == "" {
		return string(w.head)
	}
	return answer.Error
}

// audit lists the newest commands, newest first.
func (s *Server) audit(w http.ResponseWriter, r *http.Request) {
	if s.cfg.Audit == nil {
		fail(w, http.StatusNotFound, "no audit log is kept")
		return
	}
	limit, ok := number(w, r, "limit", 100, maxAudit)
	if !ok {
		return
	}
	entries, lost := s.cfg.Audit.Last(int(limit))
	answer(w, r, http.StatusOK, auditJSON{entries, lost})
}

const maxAudit = 1000
