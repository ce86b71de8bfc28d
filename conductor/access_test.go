package main

import (
	"bytes"
	"strings"
	"testing"

	"chordconductor/node/env/access"
)

// TestNodeAccess checks the settings of the connections to node hosts, and that no error repeats a secret.
func TestNodeAccess(t *testing.T) {
	const token, client = "a-control-token-of-some-length", "a-client-token-of-some-length"
	pin := "sha256:" + strings.Repeat("0a", 32)
	for name, test := range map[string]struct {
		s    access.ClientSettings
		want string // empty: accepted
	}{
		"nothing":           {},
		"pin":               {s: access.ClientSettings{ServerPin: pin}},
		"pin and token":     {s: access.ClientSettings{ServerPin: pin, Token: client}},
		"two pins":          {s: access.ClientSettings{ServerPin: pin + "," + pin}},
		"token alone":       {access.ClientSettings{Token: client}, "--client-token is sent only over TLS, to a verified host: give --server-pin or --node-ca"},
		"the other token":   {access.ClientSettings{ServerPin: pin, Token: token}, "--client-token is the conductor's --token"},
		"half of the files": {access.ClientSettings{CertFile: "x"}, "--node-cert and --node-key must be set together"},
		"no host verified":  {access.ClientSettings{CertFile: "x", KeyFile: "y"}, "--node-cert needs --node-ca or --server-pin"},
		"no such file":      {access.ClientSettings{CertFile: "x", KeyFile: "y", CAFile: "z"}, `"x"`},
		"no pin":            {access.ClientSettings{ServerPin: token}, "--server-pin: pin 1: expected sha256:"},
	} {
		_, err := (&options{token: token, nodes: test.s}).nodeAccess()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && (strings.Contains(err.Error(), token) || strings.Contains(err.Error(), client) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: not one line without secrets: %v", name, err)
		}
	}
}

// A mistake in an OTEL_* variable ends the conductor before the SDK prints its value.
func TestTelemetryVariables(t *testing.T) {
	const secret = "s3cr3t-0f-a-sender"
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_HEADERS":        "Authorization: Bearer " + secret,
		"OTEL_EXPORTER_OTLP_LOGS_HEADERS":   "authorization=%zz" + secret,
		"OTEL_EXPORTER_OTLP_ENDPOINT":       "user:" + secret + "@collector.example:4317",
		"OTEL_RESOURCE_ATTRIBUTES":          secret,
		"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "10s",
	} {
		for _, args := range [][]string{{"--scenario", "none"}, {"run", "first-ring", "--speed", "virtual"}} {
			t.Run(name+" "+args[0], func(t *testing.T) {
				t.Setenv(name, value)
				var out bytes.Buffer
				free := []string{"--http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0"}
				if args[0] != "run" {
					args = append(args, free...)
				}
				if code := execute(t.Context(), args, &out, &out); code != exitUsage {
					t.Errorf("exit %d", code)
				}
				if text := out.String(); !strings.Contains(text, name+": expected ") && !strings.Contains(text, name+": entry 1 of 1: expected ") || strings.Contains(text, secret) || strings.Count(text, "\n") != 1 {
					t.Errorf("printed:\n%s", text)
				}
			})
		}
	}
}
