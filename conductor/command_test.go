package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

const strongToken, otherToken = "4f9c2b7d1e8a6035c7d2e9b1f4a80c36", "0d1f2e3c4b5a69788796a5b4c3d2e1f0"

// parse returns check's result for a command line, without starting anything.
func parse(args ...string) error {
	cmd, o := commandWith()
	if err := cmd.ParseFlags(args); err != nil {
		return err
	}
	return o.check()
}

// OTLP ports off loopback require that senders authenticate, or a flag that permits senders without authentication, on
// whatever address the page is: the test tries all combinations of addresses and means.
func TestSendersAuthenticate(t *testing.T) {
	addresses := map[string]bool{ // whether only this machine can reach it
		"127.0.0.1:4317": true, "[::1]:4317": true, "localhost:4317": true,
		"0.0.0.0:4317": false, "[::]:4317": false, ":4317": false, "10.1.2.3:4317": false, "conductor.example:4317": false,
	}
	means := map[string][]string{
		"nothing": nil, "a token": {"--otlp-token", strongToken}, "a weak token": {"--otlp-token", "x"},
		"a weak token for a demo": {"--otlp-token", "x", "--insecure-demo-token"}, "client certificates": {"--tls-cert", "c", "--tls-key", "k", "--tls-client-ca", "a"},
		"TLS alone": {"--tls-cert", "c", "--tls-key", "k"}, "insecure": {"--otlp-insecure"},
	}
	for grpc, grpcLocal := range addresses {
		for http, httpLocal := range addresses {
			for _, page := range []string{"127.0.0.1:4321", "0.0.0.0:4321"} {
				for name, flags := range means {
					err := parse(append([]string{"--http", page, "--otlp-grpc", grpc, "--otlp-http", http}, flags...)...)
					want := (!grpcLocal || !httpLocal) && (name == "nothing" || name == "TLS alone" || name == "a weak token")
					if (err != nil) != want {
						t.Fatalf("page %s, gRPC %s, HTTP %s with %s: %v", page, grpc, http, name, err)
					}
					if err != nil && !(strings.Contains(err.Error(), "--otlp-token") && strings.Contains(err.Error(), "--otlp-insecure")) && name != "a weak token" {
						t.Fatalf("the error has no remedy: %v", err)
					}
				}
			}
		}
	}
	var out, complaint bytes.Buffer
	code := execute(t.Context(), []string{"--scenario", "none", "--http", "127.0.0.1:0", "--otlp-grpc", "0.0.0.0:0", "--otlp-http", "127.0.0.1:0"}, &out, &complaint)
	if code != exitUsage || strings.Count(complaint.String(), "\n") != 1 {
		t.Errorf("exit %d: %q", code, &complaint)
	}
}

// Tokens that give no protection are rejected, in every command with a page, and no error shows them.
func TestTokensProtect(t *testing.T) {
	const weak = "guess-me"
	for _, test := range []struct {
		http, token, view string
		demo              bool
		want              string // empty: it is valid
	}{
		{"0.0.0.0:1", "", "", false, ""}, // one is made
		{"0.0.0.0:1", strongToken, "", false, ""},
		{"0.0.0.0:1", strongToken, otherToken, false, ""},
		{"0.0.0.0:1", "", otherToken, false, ""},
		{"0.0.0.0:1", weak, "", false, "--token"},
		{"0.0.0.0:1", strongToken, weak, false, "--view-token"},
		{"0.0.0.0:1", weak, weak + "2", true, ""},
		{"0.0.0.0:1", strongToken, strongToken, true, "the same"},
		{"127.0.0.1:1", weak, "", false, ""},
		{"127.0.0.1:1", strongToken, otherToken, false, "on loopback"},
		{"127.0.0.1:1", strongToken, otherToken, true, "on loopback"},
	} {
		err := parse("--http", test.http, "--token", test.token, "--view-token", test.view, fmt.Sprintf("--insecure-demo-token=%v", test.demo))
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v", test, err)
		}
		if err != nil && (strings.Contains(err.Error(), weak) || strings.Contains(err.Error(), strongToken)) {
			t.Errorf("%+v: the error shows a token: %v", test, err)
		}
	}
}

// No two purposes share a token, wherever the conductor listens: the holders of one would have the rights of the other.
// Senders of telemetry do not send commands, and viewers send neither commands nor telemetry.
func TestTokensDiffer(t *testing.T) {
	random := rand.New(rand.NewPCG(12, 1))
	pool := []string{"", strongToken, otherToken, "7b6a59483726150fe1d2c3b4a5968778"}
	for range 300 {
		token, view, otlp := pool[random.IntN(4)], pool[random.IntN(4)], pool[random.IntN(4)]
		http, telemetry := []string{"127.0.0.1:1", "0.0.0.0:1"}[random.IntN(2)], []string{"127.0.0.1:2", "0.0.0.0:2"}[random.IntN(2)]
		if http == "127.0.0.1:1" {
			view = "" // it has no use on loopback, and is rejected there
		}
		err := parse("--http", http, "--token", token, "--view-token", view, "--otlp-token", otlp, "--otlp-grpc", telemetry, "--otlp-insecure")
		shared := token != "" && (token == view || token == otlp) || view != "" && view == otlp
		if (err != nil) != shared || err != nil && !strings.Contains(err.Error(), "the same") {
			t.Fatalf("page %s with tokens %q, %q, %q: %v", http, token, view, otlp, err)
		}
		if err != nil && (strings.Contains(err.Error(), token+view+otlp) || strings.Contains(err.Error(), strongToken)) {
			t.Errorf("the error shows a token: %v", err)
		}
	}
}

// No help text shows a secret of the environment.
func TestHelpShowsNoSecret(t *testing.T) {
	for _, name := range []string{"CHORD_TOKEN", "CHORD_VIEW_TOKEN", "CHORD_OTLP_TOKEN"} {
		t.Setenv(name, "S3CRET-"+name)
	}
	for _, args := range [][]string{{"--help"}, {"replay", "--help"}, {"run", "--help"}, {"health", "--help"}} {
		var out bytes.Buffer
		if code := execute(t.Context(), args, &out, &out); code != exitOK || strings.Contains(out.String(), "S3CRET") {
			t.Errorf("%v: exit %d\n%s", args, code, &out)
		}
	}
}
