package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	strict "sigs.k8s.io/yaml"
)

// inDefault matches ${NAME:-default} and captures the default.
var inDefault = regexp.MustCompile(`^\$\{\w+:-(.*)\}$`)

type composeFile struct {
	Services map[string]struct {
		Command     []string
		Environment map[string]string
		Healthcheck struct{ Test []string }
	}
}

func compose(t *testing.T) composeFile {
	t.Helper()
	text, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var file composeFile
	if err := strict.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, s := range file.Services {
		for name, value := range s.Environment {
			if m := inDefault.FindStringSubmatch(value); m != nil {
				s.Environment[name] = m[1]
			}
		}
	}
	return file
}

func nodeBinary(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../bin/node")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v (run `make build` first)", err)
	}
	return path
}

// Every host of the Compose file has one ring secret and client token; the conductor pins the key of that secret and
// sends that token; the health checks of the hosts need no flags, since they have the secret.
func TestComposeSecrets(t *testing.T) {
	file := compose(t)
	conductor := file.Services["conductor"].Environment
	hosts := 0
	for name, s := range file.Services {
		secret := s.Environment["CHORD_RING_SECRET"]
		if strings.HasPrefix(strings.Join(s.Command, " "), "--listen=0.0.0.0") {
			hosts++
			if secret == "" {
				t.Errorf("%s is off loopback without a ring secret", name)
				continue
			}
			if s.Environment["CHORD_CLIENT_TOKEN"] != conductor["CHORD_CLIENT_TOKEN"] || s.Environment["CHORD_CONTROL_TOKEN"] != conductor["CHORD_TOKEN"] {
				t.Errorf("%s and the conductor have different tokens", name)
			}
			if len(s.Healthcheck.Test) < 3 || s.Healthcheck.Test[1] != "/node" || s.Healthcheck.Test[2] != "health" {
				t.Errorf("%s: the health check %v does not run the node program, which alone has the ring's key", name, s.Healthcheck.Test)
			}
			cmd := exec.Command(nodeBinary(t), "pin")
			cmd.Env = append(os.Environ(), "CHORD_RING_SECRET="+secret)
			if pin, err := cmd.Output(); err != nil || strings.TrimSpace(string(pin)) != conductor["CHORD_SERVER_PIN"] {
				t.Errorf("%s has the key %s, the conductor pins %s: %v", name, pin, conductor["CHORD_SERVER_PIN"], err)
			}
		} else if secret != "" {
			t.Errorf("%s has the ring secret and is not a host", name)
		}
	}
	if hosts < 4 {
		t.Errorf("only %d services of hosts", hosts)
	}
}

// In Kubernetes too, only the hosts have the ring secret, the conductor has the pin, and no probe speaks plain gRPC.
func TestKubernetesSecrets(t *testing.T) {
	keys := func(c corev1.Container) map[string]string {
		of := map[string]string{}
		for _, e := range c.Env {
			if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
				of[e.Name] = e.ValueFrom.SecretKeyRef.Key
			}
		}
		return of
	}
	var nodes appsv1.StatefulSet
	document(t, "../../deploy/kubernetes/nodes.yaml", "kind: StatefulSet", &nodes)
	var conductor appsv1.Deployment
	document(t, "../../deploy/kubernetes/conductor.yaml", "kind: Deployment", &conductor)
	node, c := nodes.Spec.Template.Spec.Containers[0], keys(conductor.Spec.Template.Spec.Containers[0])
	n := keys(node)
	if n["CHORD_RING_SECRET"] != "ring-secret" || n["CHORD_CLIENT_TOKEN"] != "client-token" || n["CHORD_CONTROL_TOKEN"] != "token" {
		t.Errorf("hosts: unexpected credentials %v", n)
	}
	if c["CHORD_RING_SECRET"] != "" || c["CHORD_CLIENT_TOKEN"] != "client-token" || c["CHORD_SERVER_PIN"] != "server-pin" {
		t.Errorf("conductor: unexpected credentials %v", c)
	}
	for _, probe := range []*corev1.Probe{node.StartupProbe, node.ReadinessProbe, node.LivenessProbe} {
		if probe.Exec == nil || strings.Join(probe.Exec.Command[:2], " ") != "/node health" {
			t.Errorf("a probe that a host with TLS does not answer: %+v", probe)
		}
	}
}

// document decodes the one document of a YAML file that contains a line.
func document(t *testing.T, file, line string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range strings.Split(string(text), "\n---\n") {
		if strings.Contains(d, line) {
			if err := strict.UnmarshalStrict([]byte(d), into); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("%s: no document with %q", file, line)
}
