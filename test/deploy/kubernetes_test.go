// Package deploy checks the deployment files with the types of the tools that read them.
package deploy

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	v1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"
)

// leaveSeconds is the longest time from SIGTERM to a node's end: to leave, to flush its telemetry, to finish its calls.
const leaveSeconds = 25 + 4 + 2

// Every document has a known kind and no unknown field, selectors match the pods of the same document, and the ports
// that services and probes name exist.
func TestKubernetesManifests(t *testing.T) {
	files, err := filepath.Glob("../../deploy/kubernetes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no manifests", err)
	}
	var services []corev1.Service
	templates := map[string]corev1.PodTemplateSpec{}
	documents := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
		for {
			document, err := reader.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(file, err)
			}
			documents++
			var kind v1.TypeMeta
			if err := strict.Unmarshal(document, &kind); err != nil {
				t.Fatal(file, err)
			}
			decode := func(into any) {
				if err := strict.UnmarshalStrict(document, into); err != nil {
					t.Errorf("%s, %s: %v", file, kind.Kind, err)
				}
			}
			switch kind.APIVersion + " " + kind.Kind {
			case "v1 Service":
				var s corev1.Service
				decode(&s)
				services = append(services, s)
			case "v1 PersistentVolumeClaim":
				decode(&corev1.PersistentVolumeClaim{})
			case "apps/v1 StatefulSet":
				var s appsv1.StatefulSet
				decode(&s)
				templates[s.Name] = s.Spec.Template
				if grace := s.Spec.Template.Spec.TerminationGracePeriodSeconds; grace == nil || *grace < leaveSeconds {
					t.Errorf("%s: the pods are killed before they have left: a leave takes up to %d s", s.Name, leaveSeconds)
				}
				selects(t, s.Name, s.Spec.Selector.MatchLabels, s.Spec.Template.Labels)
			case "apps/v1 Deployment":
				var d appsv1.Deployment
				decode(&d)
				templates[d.Name] = d.Spec.Template
				selects(t, d.Name, d.Spec.Selector.MatchLabels, d.Spec.Template.Labels)
			case "policy/v1 PodDisruptionBudget":
				decode(&policyv1.PodDisruptionBudget{})
			case "networking.k8s.io/v1 NetworkPolicy":
				decode(&networkingv1.NetworkPolicy{})
			default:
				t.Errorf("%s: %s %s is not a kind that this test checks", file, kind.APIVersion, kind.Kind)
			}
		}
	}
	if documents < 8 {
		t.Errorf("only %d documents", documents)
	}
	for _, s := range services {
		template, ok := templates[s.Name]
		if !ok {
			t.Errorf("service %s has no pods of its name", s.Name)
			continue
		}
		selects(t, "service "+s.Name, s.Spec.Selector, template.Labels)
		for _, port := range s.Spec.Ports {
			if !hasPort(template, port.TargetPort.StrVal) {
				t.Errorf("service %s: no container port is named %q", s.Name, port.TargetPort.StrVal)
			}
		}
	}
	for name, template := range templates {
		for _, c := range template.Spec.Containers {
			if c.ReadinessProbe == nil || c.LivenessProbe == nil || c.Resources.Limits.Memory().IsZero() {
				t.Errorf("%s: container %s lacks probes or a memory limit", name, c.Name)
			}
		}
	}
}

func selects(t *testing.T, name string, selector, labels map[string]string) {
	t.Helper()
	for key, value := range selector {
		if labels[key] != value {
			t.Errorf("%s selects %s=%s, its pods have %q", name, key, value, labels[key])
		}
	}
}

func hasPort(template corev1.PodTemplateSpec, name string) bool {
	for _, c := range template.Spec.Containers {
		for _, p := range c.Ports {
			if p.Name == name {
				return true
			}
		}
	}
	return false
}
