package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A ring with a secret runs in separate processes, at addresses that to them belong to different machines. A conductor
// that has neither secret nor certificate, only the pinned key and its tokens, commands hosts and uses keys. An outsider
// cannot join, call or read the traffic.
func TestRingSecret(t *testing.T) {
	const (
		ringSecret   = "8d1f6c02b94e7a35d0c8e61f2a7b943c5e0d81f7a6b2c4931f8e7d6c5b4a3921"
		clientToken  = "5a1c0e93f7b24d68a1c0e93f7b24d685a1c0e93f"
		controlToken = "e7b24d685a1c0e93f7b24d68a1c0e93f7b24d685"
	)
	node := binary(t, "node")
	ports := freePorts(t, 3)
	host := func(i int) string { return fmt.Sprintf("127.0.0.%d:%d", 2+i, ports[i]) }
	secrets := []string{"CHORD_RING_SECRET=" + ringSecret, "CHORD_CLIENT_TOKEN=" + clientToken, "CHORD_CONTROL_TOKEN=" + controlToken}

	code, pin := run(t, secrets, node, "pin")
	if pin = strings.TrimSpace(pin); code != 0 {
		t.Fatal(pin)
	}
	conductorPorts := freePorts(t, 3)
	c := &conductor{http: local(conductorPorts[0]), otlpGRPC: local(conductorPorts[1]), otlpHTTP: local(conductorPorts[2])}
	c.process = start(t, []string{"CHORD_TOKEN=" + controlToken, "CHORD_CLIENT_TOKEN=" + clientToken, "CHORD_SERVER_PIN=" + pin}, binary(t, "conductor"),
		"--scenario", "none", "--http", c.http, "--otlp-grpc", c.otlpGRPC, "--otlp-http", c.otlpHTTP)
	c.ready(t)
	env := append([]string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + c.otlpGRPC}, secrets...)
	founder := start(t, env, node, "--listen", host(0), "--virtual-nodes", "2", "--stabilize", "200ms")
	c.settlesAny(t, 2, time.Minute)
	joiner := start(t, env, node, "--listen", host(1), "--join", host(0), "--virtual-nodes", "2", "--stabilize", "200ms")
	c.settlesAny(t, 4, time.Minute)

	if printed := regexp.MustCompile(`sha256:[0-9a-f]{64}`).FindString(founder.out.String()); printed != pin {
		t.Errorf("the host prints the key %q, `node pin` %q", printed, pin)
	}
	t.Run("the conductor uses keys and commands hosts", func(t *testing.T) {
		if status, body := c.call("PUT", "/api/keys/harbour", []byte("light")); status/100 != 2 {
			t.Errorf("PUT /api/keys/harbour: %d %s", status, body)
		}
		if status, body := c.call("GET", "/api/keys/harbour", nil); status != http.StatusOK || body != "light" {
			t.Errorf("GET /api/keys/harbour: %d %s", status, body)
		}
		if status, body := c.call("POST", "/api/nodes", []byte(`{"count": 1}`)); status != http.StatusAccepted {
			t.Errorf("POST /api/nodes: %d %s", status, body)
		}
		c.settlesAny(t, 5, time.Minute)
	})
	t.Run("client commands", func(t *testing.T) {
		if code, out := run(t, nil, node, "get", "--addr", host(1), "--server-pin", pin, "--client-token", clientToken, "harbour"); code != 0 || out != "light" {
			t.Errorf("with pin and token: exit %d: %s", code, out)
		}
		if code, out := run(t, secrets[:1], node, "health", "--addr", host(1)); code != 0 {
			t.Errorf("the health check of a host: exit %d: %s", code, out)
		}
		for _, credential := range []string{"", "--server-pin " + pin, "--server-pin " + pin + " --client-token " + controlToken} {
			args := append([]string{"get", "--addr", host(0), "--timeout", "20s", "harbour"}, strings.Fields(credential)...)
			if code, out := run(t, nil, node, args...); code != 1 || strings.Contains(out, "light") {
				t.Errorf("with %q: exit %d: %s", credential, code, out)
			}
		}
	})
	t.Run("an outsider does not get in", func(t *testing.T) {
		for _, secret := range []string{"", "3f9c1d7e5b8a2046c7d1e09f5a6b8c43"} {
			code, out := run(t, []string{"CHORD_RING_SECRET=" + secret, "OTEL_SDK_DISABLED=true"}, node,
				"--listen", host(2), "--join", host(0)+","+host(1), "--join-timeout", "2s")
			if code != 1 || secret != "" && !strings.Contains(out, "not the pinned one") {
				t.Errorf("a host with the secret %q: exit %d: %s", secret, code, out)
			}
		}
		if r, err := c.ring(); err != nil || r.with("active") != 5 {
			t.Errorf("%d active members: %v", r.with("active"), err)
		}
	})
	for _, p := range []*process{joiner, founder, c.process} {
		if code, _ := p.stop(time.Minute); code != 0 {
			t.Errorf("%s: exit %d", p.name, code)
		}
		for _, secret := range []string{ringSecret, clientToken, controlToken} {
			if strings.Contains(strings.ReplaceAll(p.out.String(), "#token="+controlToken, ""), secret) {
				t.Errorf("%s prints a secret:\n%s", p.name, p.out.String())
			}
		}
	}
}

// A ring uses mutual TLS: each host has a certificate for only its own address. A conductor with its own certificate
// commands the hosts.
func TestMutualTLS(t *testing.T) {
	const controlToken = "e7b24d685a1c0e93f7b24d68a1c0e93f7b24d685"
	certificate := authority(t)
	node := binary(t, "node")
	ports := freePorts(t, 2)
	host := func(i int) string { return fmt.Sprintf("127.0.0.%d:%d", 2+i, ports[i]) }
	conductorPorts := freePorts(t, 3)
	c := &conductor{http: local(conductorPorts[0]), otlpGRPC: local(conductorPorts[1]), otlpHTTP: local(conductorPorts[2])}
	c.process = start(t, []string{"CHORD_TOKEN=" + controlToken}, binary(t, "conductor"),
		append(certificate("node", "conductor", "192.0.2.2"), "--scenario", "none", "--http", c.http, "--otlp-grpc", c.otlpGRPC, "--otlp-http", c.otlpHTTP)...)
	c.ready(t)
	env := []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + c.otlpGRPC, "CHORD_CONTROL_TOKEN=" + controlToken}
	start(t, env, node, append(certificate("tls", "first", "127.0.0.2"), "--listen", host(0), "--virtual-nodes", "2", "--stabilize", "200ms")...)
	c.settlesAny(t, 2, time.Minute)
	start(t, env, node, append(certificate("tls", "second", "127.0.0.3"), "--listen", host(1), "--join", host(0), "--virtual-nodes", "2", "--stabilize", "200ms")...)
	c.settlesAny(t, 4, time.Minute)
	if status, body := c.call("PUT", "/api/keys/harbour", []byte("light")); status/100 != 2 {
		t.Errorf("PUT /api/keys/harbour: %d %s", status, body)
	}
	if status, body := c.call("POST", "/api/nodes", []byte(`{"count": 2}`)); status != http.StatusAccepted {
		t.Errorf("POST /api/nodes: %d %s", status, body)
	}
	c.settlesAny(t, 6, time.Minute)
	if code, out := run(t, nil, node, append(certificate("tls", "alice", "192.0.2.1"), "get", "--addr", host(1), "harbour")...); code != 0 || out != "light" {
		t.Errorf("a client with a certificate: exit %d: %s", code, out)
	}
	if code, out := run(t, nil, node, append(certificate("tls", "first", "127.0.0.2"), "--listen", host(1))...); code != 2 || !strings.Contains(out, "127.0.0.3") {
		t.Errorf("a host whose certificate is for another address: exit %d: %s", code, out)
	}
}

// authority makes a certificate authority. It returns a function that makes a certificate for an address and returns the
// flags that name the certificate.
func authority(t *testing.T) func(prefix, subject, ip string) []string {
	t.Helper()
	dir := t.TempDir()
	openssl := func(args ...string) {
		t.Helper()
		cmd := exec.Command(onPath(t, "openssl"), args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem")
	return func(prefix, subject, ip string) []string {
		t.Helper()
		openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN="+subject, "-keyout", subject+".key", "-out", subject+".csr")
		extensions := filepath.Join(dir, subject+".ext")
		if err := os.WriteFile(extensions, []byte("subjectAltName=IP:"+ip+"\nextendedKeyUsage=serverAuth,clientAuth\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		openssl("x509", "-req", "-in", subject+".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-out", subject+".pem", "-extfile", extensions)
		path := func(name string) string { return filepath.Join(dir, name) }
		return []string{"--" + prefix + "-cert", path(subject + ".pem"), "--" + prefix + "-key", path(subject + ".key"), "--" + prefix + "-ca", path("ca.pem")}
	}
}
