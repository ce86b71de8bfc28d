package ingest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"chordconductor/internal/reload"
)

const (
	maxHeaders     = 32      // of one target
	maxHeaderValue = 8 << 10 // bytes; most servers reject longer ones
)

// A header is sent with each request to a target.
type header struct {
	name, value string // the name is in lower case
	file        string // file whose content is appended to the value; empty: none
}

// headerName matches the names that both HTTP and gRPC accept.
var headerName = regexp.MustCompile(`^[a-z0-9_.-]+$`)

// reservedHeaders are set by the protocols themselves.
var reservedHeaders = []string{
	"host", "content-type", "content-length", "content-encoding", "accept-encoding", "transfer-encoding", "connection",
	"te", "trailer", "upgrade", "user-agent", "keep-alive", "proxy-connection", "expect",
}

// newHeaders parses headers. The files that they name are read again when they change. Errors never contain a value.
func newHeaders(flag string, texts []string, cfg Config) (*reload.Value[[]header], error) {
	if len(texts) > maxHeaders {
		return nil, fmt.Errorf("%s: expected %[3]d headers at most, got %[2]d", flag, len(texts), maxHeaders)
	}
	var all []header
	var files []string
	for _, text := range texts {
		h, err := parseHeader(text)
		if err == nil && slices.ContainsFunc(all, func(o header) bool { return o.name == h.name }) {
			err = errors.New("the header is given twice")
		}
		if err != nil && h.name == "" {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		if err != nil {
			return nil, fmt.Errorf("%s %s=…: %w", flag, h.name, err)
		}
		if all = append(all, h); h.file != "" {
			files = append(files, h.file)
		}
	}
	failed := func(err error) {
		cfg.Logger.Error("cannot use the changed header for a forwarding target; the previous one stays in use", "error", err)
	}
	return reload.New(failed, func() ([]header, error) {
		out := slices.Clone(all)
		for i := range out {
			if err := out[i].complete(); err != nil {
				return nil, fmt.Errorf("%s %s=…: %w", flag, out[i].name, err)
			}
			if cfg.Secrets != nil {
				_, token, _ := strings.Cut(out[i].value, " ") // Bearer TOKEN
				cfg.Secrets(out[i].value, token)
			}
		}
		return out, nil
	}, files...)
}

// parseHeader parses NAME=VALUE. If the last word of VALUE is @FILE, that file's content replaces the word.
func parseHeader(text string) (header, error) {
	name, value, found := strings.Cut(text, "=")
	h := header{name: strings.ToLower(strings.TrimSpace(name)), value: strings.TrimSpace(value)}
	if !found || h.name == "" || !headerName.MatchString(h.name) {
		return header{}, errors.New("expected NAME=VALUE, with letters, digits, -, _ and . in the name")
	}
	switch {
	case h.name == "host":
		return h, errors.New("the header Host follows from the target's address; set the target's authority to send another")
	case slices.Contains(reservedHeaders, h.name), strings.HasPrefix(h.name, "grpc-"), strings.HasSuffix(h.name, "-bin"):
		return h, errors.New("the header is reserved for the protocol, which sets it itself")
	case h.value == "":
		return h, errors.New("the header has no value")
	}
	at := strings.LastIndexByte(h.value, ' ') + 1
	if strings.HasPrefix(h.value[at:], "@") {
		h.value, h.file = h.value[:at], h.value[at+1:]
		if h.file == "" {
			return h, errors.New("expected the name of a file after @")
		}
	}
	return h, checkHeaderValue(h.value)
}

// complete appends the content of the header's file to its value.
func (h *header) complete() error {
	if h.file == "" {
		return nil
	}
	content, err := reload.ReadFile(h.file)
	if err != nil {
		return err
	}
	secret := strings.TrimSpace(string(content))
	if secret == "" {
		return fmt.Errorf("%s is empty", h.file)
	}
	h.value += secret
	if err := checkHeaderValue(h.value); err != nil {
		return fmt.Errorf("%s: %w", h.file, err)
	}
	return nil
}

func checkHeaderValue(value string) error {
	if len(value) > maxHeaderValue {
		return fmt.Errorf("the value is longer than %d bytes", maxHeaderValue)
	}
	for _, c := range []byte(value) {
		if c < ' ' || c > '~' {
			return errors.New("the value has characters that a header cannot have: expected printable ASCII in one line")
		}
	}
	return nil
}
