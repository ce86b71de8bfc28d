package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"chordconductor/internal/certtest"
	"chordconductor/internal/freeport"
)

const (
	ringSecretA  = "3f9c1d7e5b8a2046c7d1e09f5a6b8c43"
	ringSecretB  = "b7e151628aed2a6abf7158809cf4f3c7"
	clientToken  = "a-client-token-of-some-length"
	controlToken = "a-control-token-of-some-length"
)

// noSecrets unsets the secrets that the environment of the test run may contain.
func noSecrets(t *testing.T) {
	t.Helper()
	t.Setenv("OTEL_SDK_DISABLED", "true")
	for _, name := range []string{"CHORD_RING_SECRET", "CHORD_CLIENT_TOKEN", "CHORD_CONTROL_TOKEN", "CHORD_SERVER_PIN"} {
		t.Setenv(name, "")
	}
}

// TestMain makes the test binary run as the program, for tests that need a process.
func TestMain(m *testing.M) {
	if os.Getenv("NODE_TEST_MAIN") == "1" {
		main()
	}
	os.Exit(m.Run())
}

// command returns the program as a process to run, in an environment without telemetry. Further settings of the
// environment are NAME=value.
func command(t *testing.T, args []string, env ...string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), append([]string{"NODE_TEST_MAIN=1", "OTEL_SDK_DISABLED=true"}, env...)...)
	return cmd
}

// Off loopback a host without peer authentication ends at once with exit code 2 and one line, which
// names the flags that are missing.
func TestOffLoopback(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0") // in use, so that a host that passes the check ends, too
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	const unauthenticated = "peers would be unauthenticated"
	for _, test := range []struct {
		args string
		env  string
		want string
	}{
		{"--listen 0.0.0.0:" + port, "", unauthenticated},
		{"--listen [::]:" + port, "", unauthenticated},
		{"--listen :" + port, "", unauthenticated},
		{"--listen 127.0.0.1:" + port + " --advertise host-a.example:7001", "", unauthenticated},
		{"--listen 127.0.0.1:" + port + " --advertise host-a.example:7001 --insecure", "", "in use"},
		{"--listen 127.0.0.1:" + port + " --advertise host-a.example:7001", "CHORD_RING_SECRET=" + ringSecretA, "in use"},
		{"--listen 127.0.0.1:" + port, "", "in use"},
		{"--listen 127.0.0.1:" + port, "CHORD_RING_SECRET=tide", "--ring-secret: expected at least 128 bits, got at most 18"},
		{"--listen 127.0.0.1:" + port, "CHORD_CLIENT_TOKEN=" + clientToken, "only over TLS"},
		{"--listen 127.0.0.1:0", "OTEL_EXPORTER_OTLP_HEADERS=Authorization: Bearer " + clientToken, "OTEL_EXPORTER_OTLP_HEADERS: entry 1 of 1: expected key=value"},
		{"--listen 127.0.0.1:" + port + " --client-token " + ringSecretA, "CHORD_RING_SECRET=" + ringSecretA, "is the ring secret"},
		{"--listen 127.0.0.1:" + port + " --ring-secret " + ringSecretA + " --tls-cert x --tls-key y --tls-ca z", "", "exclude each other"},
	} {
		cmd := command(t, strings.Fields(test.args), test.env)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != 2 || strings.Count(string(out), "\n") != 1 || !strings.Contains(string(out), test.want) {
			t.Errorf("node %s (%s): exit %d: %s", test.args, test.env, code, out)
		}
		if strings.Contains(string(out), ringSecretA) || strings.Contains(string(out), clientToken) {
			t.Errorf("node %s prints a secret: %s", test.args, out)
		}
	}
}

// No help shows a secret of the environment, in any command.
func TestHelpHidesSecrets(t *testing.T) {
	secrets := map[string]string{"CHORD_RING_SECRET": ringSecretA, "CHORD_CLIENT_TOKEN": clientToken, "CHORD_CONTROL_TOKEN": controlToken}
	for name, value := range secrets {
		t.Setenv(name, value)
	}
	for _, cmd := range append(newRoot(new(ending), &options{}).Commands(), newRoot(new(ending), &options{})) {
		args := strings.Fields(cmd.CommandPath())[1:]
		out, err := execute(t.Context(), append(args, "--help")...)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range secrets {
			if strings.Contains(out, value) {
				t.Errorf("%s --help shows %s", cmd.CommandPath(), name)
			}
		}
	}
}

// In a ring whose secret is being rotated, and in one with certificates, every client command works
// with each credential that may call the key service and with no other. The command health needs
// only a verified host.
func TestClientsProveThemselves(t *testing.T) {
	noSecrets(t)
	pin := func(secret string) string {
		out, err := execute(t.Context(), "pin", "--ring-secret", secret)
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(strings.TrimSpace(out), "\n", ",")
	}
	if a := pin(ringSecretA); pin(ringSecretA+","+ringSecretB) != a+","+pin(ringSecretB) || !strings.HasPrefix(a, "sha256:") {
		t.Fatalf("pins %s", a)
	}
	authority := certtest.New(t)
	host, person := authority.Issue("host", "127.0.0.1"), authority.Issue("alice")
	tls := func(f certtest.Files) string {
		return fmt.Sprintf("--tls-cert %s --tls-key %s --tls-ca %s", f.Cert, f.Key, authority.File)
	}
	for name, ring := range map[string]struct {
		founder, joiner string
		may, mayNot     []string // credentials of clients
		health          []string
	}{
		"ring secret": {
			founder: "--ring-secret " + ringSecretA + "," + ringSecretB + " --client-token " + clientToken,
			joiner:  "--ring-secret " + ringSecretB + "," + ringSecretA + " --client-token " + clientToken,
			may: []string{
				"--server-pin " + pin(ringSecretA+","+ringSecretB) + " --client-token " + clientToken,
				"--ring-secret " + ringSecretA + "," + ringSecretB,
			},
			mayNot: []string{
				"", "--client-token " + clientToken, "--server-pin " + pin(ringSecretA+","+ringSecretB),
				"--server-pin " + pin(ringSecretA+","+ringSecretB) + " --client-token " + controlToken,
				"--server-pin " + strings.ReplaceAll(pin(ringSecretA), "1", "2") + " --client-token " + clientToken,
				"--ring-secret 90fb1dfa5d3c4e8a7b6f0e2d9c8b7a61",
				tls(person),
			},
			health: []string{"--server-pin " + pin(ringSecretA+","+ringSecretB)},
		},
		"certificates": {
			founder: tls(host) + " --client-token " + clientToken, joiner: tls(host) + " --client-token " + clientToken,
			may:    []string{tls(host), tls(person), "--tls-ca " + authority.File + " --client-token " + clientToken},
			mayNot: []string{"", "--client-token " + clientToken, "--tls-ca " + authority.File, "--ring-secret " + ringSecretA},
			health: []string{"--tls-ca " + authority.File},
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := freeport.Address(t), freeport.Address(t)
			start(t, append(strings.Fields(ring.founder), "--listen", a, "--stabilize", "100ms", "--control-token", controlToken)...)
			start(t, append(strings.Fields(ring.joiner), "--listen", b, "--join", a, "--stabilize", "100ms")...)
			for _, addr := range []string{a, b} {
				for _, credential := range ring.health {
					if out, err := execute(t.Context(), append(strings.Fields(credential), "health", "--addr", addr, "--wait", "1m")...); err != nil {
						t.Fatalf("health %s: %v %s", credential, err, out)
					}
				}
			}
			for i, credential := range ring.may {
				for _, command := range []string{"put tide high --addr " + a, "get tide --addr " + b, "lookup tide --addr " + a, "status --addr " + b, "delete tide --addr " + b} {
					if out, err := execute(t.Context(), strings.Fields(command+" "+credential)...); err != nil {
						t.Errorf("credential %d: %s: %v %s", i, command, err, out)
					}
				}
			}
			for i, credential := range ring.mayNot {
				for _, command := range []string{"put tide low --addr " + a, "get tide --addr " + b, "lookup tide --addr " + a, "status --addr " + b, "delete tide --addr " + b} {
					out, err := execute(t.Context(), strings.Fields(command+" --timeout 30s "+credential)...)
					if err == nil {
						t.Errorf("credential %d: %s works and prints %s", i, command, out)
					} else if text := err.Error(); strings.Contains(text, "\n") || strings.Contains(text, clientToken) || strings.Contains(text, controlToken) {
						t.Errorf("credential %d: %s: %v", i, command, err)
					}
				}
			}
		})
	}
}
