// Package redact keeps secrets out of a program's output. Libraries quote their inputs: an error
// may quote a header, or an endpoint with a password in it. Node and conductor print only through
// this package.
package redact

import (
	"encoding/base64"
	"io"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const (
	mark     = "(redacted)"
	minBytes = 6 // a shorter secret would match parts of words; it is too weak to be a secret
	// maxExchanged bounds the secrets that AddExchanged keeps: if they are replaced every hour,
	// those of the last weeks.
	maxExchanged = 1000
)

// patterns match secrets in texts of other programs, whether or not the Redactor has them.
var patterns = []struct {
	find *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`(?i)\b(bearer|basic)((?:\s|%20|\+)+)[A-Za-z0-9+/_=.~%-]{8,}`), "$1$2" + mark},
	{regexp.MustCompile(`(?i)\b(authorization|proxy-authorization|cookie|x-api-key|api-key|apikey|password)(["'\]]*\s*[:=]\s*["'\[]*)[^\s"',;\]]{3,}(?: [^\s"',;\]]+)?`), "$1$2" + mark},
	{regexp.MustCompile(`(://)[^/\s"'@]+@`), "$1" + mark + "@"},
	{regexp.MustCompile(`(^|[\s"'(=])[^\s"'/@:()=]+:[^\s"'/@]+@`), "$1" + mark + "@"},
}

// A Redactor holds secrets. The zero value holds none, and still finds what looks like a secret.
// Its methods may be called from any goroutine.
type Redactor struct {
	mu        sync.RWMutex
	known     []string // guarded by mu; longest first, each in all forms in which it may be printed
	exchanged []string // guarded by mu; in the order added
}

// Add adds secrets. It ignores those shorter than minBytes.
func (r *Redactor) Add(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range secrets {
		for _, form := range forms(s) {
			if !slices.Contains(r.known, form) {
				r.known = append(r.known, form)
			}
		}
	}
	slices.SortStableFunc(r.known, func(a, b string) int { return len(b) - len(a) })
}

// AddExchanged adds secrets that are replaced while the program runs. The newest maxExchanged of
// them are kept.
func (r *Redactor) AddExchanged(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range secrets {
		if len(s) >= minBytes && !slices.Contains(r.exchanged, s) {
			r.exchanged = append(r.exchanged, s)
		}
	}
	r.exchanged = slices.Clone(r.exchanged[max(len(r.exchanged)-maxExchanged, 0):])
}

// forms returns the forms in which a secret may be printed, the longest first.
func forms(s string) []string {
	if len(s) < minBytes {
		return nil
	}
	all := []string{
		s, strings.Trim(strconv.Quote(s), `"`), url.QueryEscape(s), url.PathEscape(s),
		base64.StdEncoding.EncodeToString([]byte(s)), base64.RawURLEncoding.EncodeToString([]byte(s)),
	}
	slices.SortStableFunc(all, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(all)
}

// AddURL adds the password in the URL of an endpoint, if it has one. The URL may lack its scheme.
func (r *Redactor) AddURL(endpoint string) {
	if !strings.Contains(endpoint, "://") {
		endpoint = "//" + endpoint
	}
	if u, err := url.Parse(endpoint); err == nil && u.User != nil {
		password, _ := u.User.Password()
		r.Add(password)
	}
}

// AddHeaders adds the values of headers in an OpenTelemetry variable: NAME=VALUE, separated by
// commas. A list of any other form is added as a whole, since errors print what is malformed.
func (r *Redactor) AddHeaders(list string) {
	r.Add(list)
	for pair := range strings.SplitSeq(list, ",") {
		_, value, found := strings.Cut(pair, "=")
		if !found {
			_, value, _ = strings.Cut(pair, ":")
		}
		for _, form := range []string{value, unescaped(value)} {
			form = strings.TrimSpace(form)
			r.Add(form)
			if _, token, found := strings.Cut(form, " "); found { // Bearer TOKEN
				r.Add(token)
			}
		}
	}
}

func unescaped(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

// AddEnvironment adds the secrets in the OTEL_* variables: headers, and endpoints with a password.
func (r *Redactor) AddEnvironment() {
	for _, signal := range []string{"", "TRACES_", "METRICS_", "LOGS_"} {
		r.AddHeaders(os.Getenv("OTEL_EXPORTER_OTLP_" + signal + "HEADERS"))
		r.AddURL(os.Getenv("OTEL_EXPORTER_OTLP_" + signal + "ENDPOINT"))
	}
}

// Text returns s with a mark in place of each secret.
func (r *Redactor) Text(s string) string {
	r.mu.RLock()
	for _, secret := range r.known {
		s = strings.ReplaceAll(s, secret, mark)
	}
	for _, secret := range slices.Backward(r.exchanged) { // the whole value was added before the token in it
		for _, form := range forms(secret) {
			s = strings.ReplaceAll(s, form, mark)
		}
	}
	r.mu.RUnlock()
	for _, p := range patterns {
		s = p.find.ReplaceAllString(s, p.with)
	}
	return s
}

// Writer returns a writer that redacts what it passes to w. Each call of Write must consist of
// whole lines, as those of loggers and of fmt do.
func (r *Redactor) Writer(w io.Writer) io.Writer { return &writer{r, w} }

type writer struct {
	redactor *Redactor
	to       io.Writer
}

func (w *writer) Write(p []byte) (int, error) {
	if _, err := w.to.Write([]byte(w.redactor.Text(string(p)))); err != nil {
		return 0, err
	}
	return len(p), nil
}
