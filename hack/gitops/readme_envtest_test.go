//go:build envtest

package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The line that users paste leaves alone what else their Argo CD is told, and
// does no harm a second time.
func TestPastedLine(t *testing.T) {
	text, err := os.ReadFile("../../config/argocd/README.md")
	if err != nil {
		t.Fatal(err)
	}
	var line []string
	for l := range strings.Lines(string(text)) {
		if strings.HasPrefix(l, "kubectl patch configmap argocd-cm ") {
			line = strings.Fields(l)
		}
	}
	if line == nil {
		t.Fatal("README.md has no line for kubectl")
	}
	w := newWorld(t)
	if err := w.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "argocd"}}); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	theirs := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: "argocd-cm", Labels: map[string]string{"app.kubernetes.io/part-of": "argocd"}},
		Data:       map[string]string{"url": "https://argocd.example.org", healthKey: "return {}"},
	}
	w.must(w.Create(t.Context(), theirs))
	defer func() { w.must(w.Delete(t.Context(), theirs)) }() // for -count 2
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	w.must(os.WriteFile(kubeconfig, server.KubeConfig, 0o600))
	for range 2 {
		cmd := exec.CommandContext(t.Context(), filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), line[0]), line[1:]...)
		cmd.Dir, cmd.Env = "../..", append(os.Environ(), "KUBECONFIG="+kubeconfig)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", line, err, out)
		}
	}
	var file corev1.ConfigMap
	readYAML(t, configMapFile, &file)
	want := maps.Clone(file.Data)
	want["url"] = theirs.Data["url"]
	have := &corev1.ConfigMap{}
	w.must(w.Get(t.Context(), client.ObjectKeyFromObject(theirs), have))
	if !maps.Equal(have.Data, want) || have.Labels["app.kubernetes.io/part-of"] != "argocd" {
		t.Errorf("it has %v and labels %v", have.Data, have.Labels)
	}
}
