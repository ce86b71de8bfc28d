package redact

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A text that looks like a secret is removed, whether or not it was added; any other text stays.
func TestPatterns(t *testing.T) {
	var r Redactor
	for text, want := range map[string]string{
		"rpc error: code = Unauthenticated desc = bad header Authorization: Bearer abcdef0123456789":        "Authorization: " + mark,
		`headers: map[authorization:[Bearer abcdef0123456789] content-type:[x]]`:                            "content-type:[x]",
		`Post "https://user:hunter22@collector.example:4318/v1/traces": dial tcp: lookup collector.example`: "https://" + mark + "@collector.example:4318",
		`parse "OTEL_EXPORTER_OTLP_HEADERS": authorization=Bearer%20abcdef0123456789`:                       mark,
		`--forward-logs "user:hunter22@store.example:4317/path": want HOST:PORT`:                            `"` + mark + `@store.example:4317/path"`,
		`x-api-key: abcdef0123456789, retry`:                                                                ", retry",
		"request with basic dXNlcjpodW50ZXIyMg== was refused":                                               "basic " + mark + " was refused",
		`{"Cookie":"session=abcdef0123456789"}`:                                                             mark,
	} {
		got := r.Text(text)
		for _, secret := range []string{"abcdef0123456789", "hunter22", "dXNlcjpodW50ZXIyMg"} {
			if strings.Contains(got, secret) || !strings.Contains(got, want) {
				t.Errorf("%s\n\twas redacted to %s", text, got)
			}
		}
	}
	for _, text := range []string{
		"conductor: --otlp-grpc 0.0.0.0:4317: off loopback senders must authenticate: give --otlp-token or --tls-client-ca",
		"--control-token: expected at least 128 bits, got at most 40 (10 bytes); `openssl rand -hex 32` generates a good one",
		"this host accepts only signed commands, and no bearer token, which a receiver could misuse",
		"forwarding traces to http://127.0.0.1:4317: connection refused",
		"host host-3:7001: connection refused",
		"level=WARN msg=x a=1 token=kept", // the name of a flag, not of a header
	} {
		if got := r.Text(text); got != text {
			t.Errorf("%s\n\twas redacted to %s", text, got)
		}
	}
}

// An added secret is removed in every form in which a library prints it, wherever and however often
// it occurs.
func TestKnownSecretsProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var r Redactor
		secrets := rapid.SliceOfN(rapid.StringMatching(`[ -~]{6,40}`), 1, 4).Draw(rt, "secrets")
		r.Add(secrets...)
		secret := rapid.SampledFrom(secrets).Draw(rt, "one")
		form := rapid.SampledFrom([]func(string) string{
			func(s string) string { return s },
			func(s string) string { return fmt.Sprintf("%q", s) },
			url.QueryEscape, url.PathEscape,
			func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
			func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
		}).Draw(rt, "form")(secret)
		var out bytes.Buffer
		n, err := fmt.Fprintf(r.Writer(&out), "before%safter\n", form)
		if err != nil || n != len("beforeafter\n")+len(form) {
			rt.Fatal(n, err)
		}
		if inner := strings.Trim(form, `"`); strings.Contains(out.String(), inner) && !strings.Contains(mark+"beforeafter", inner) {
			rt.Fatalf("%q is still in %q", form, out.String())
		}
	})
}

// The secrets in OpenTelemetry's variables are removed, whether the variables are well-formed or
// malformed.
func TestEnvironment(t *testing.T) {
	for _, header := range []string{
		"authorization=Bearer%20abcdef0123456789", "authorization=Bearer abcdef0123456789", "Authorization: Bearer abcdef0123456789",
		"a=b,x-scope=abcdef0123456789", "abcdef0123456789",
	} {
		t.Setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", header)
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://user:hunter22@collector.example")
		var r Redactor
		r.AddEnvironment()
		if got := r.Text("it was abcdef0123456789, and hunter22"); got != "it was "+mark+", and "+mark {
			t.Errorf("after the headers %s the text is %s", header, got)
		}
	}
}

// AddExchanged keeps the newest secrets, and forgets the oldest.
func TestExchanged(t *testing.T) {
	r := new(Redactor)
	for i := range maxExchanged + 10 {
		r.AddExchanged(fmt.Sprintf("Bearer secret-%05d", i), fmt.Sprintf("secret-%05d", i), "short")
	}
	if got := r.Text("at secret-01009 and short"); got != "at "+mark+" and short" {
		t.Error(got)
	}
	if got := r.Text("at secret-00000"); got != "at secret-00000" || len(r.exchanged) > maxExchanged {
		t.Errorf("the oldest secret: %s; %d secrets are kept", got, len(r.exchanged))
	}
}
