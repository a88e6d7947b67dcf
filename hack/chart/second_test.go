package main

import (
	"path/filepath"
	"testing"
)

// TestSecondRelease: two operators for one namespace would fight under one field
// manager, and the second is refused; two for different ones are not.
func TestSecondRelease(t *testing.T) {
	for name, h := range helms {
		t.Run(name, func(t *testing.T) {
			clean(t)
			chart := chartPath("flashpod")
			_, err := h.install("first", system, chart, "")
			must(t, err)
			_, err = h.install("second", "elsewhere", chart, "")
			refused(t, err, "The release first in namespace flashpod-system has an operator for all namespaces already")
			_, err = h.install("second", "elsewhere", chart, "", takeOwnership)
			refused(t, err, "The release first in namespace flashpod-system has an operator for all namespaces already")
			_, err = h.install("second", "elsewhere", chart, "namespaces: [team-b]")
			refused(t, err, "The release first in namespace flashpod-system has an operator for all namespaces already")

			_, err = h.upgrade("first", system, chart, "namespaces: [team-a]")
			must(t, err)
			_, err = h.install("second", "elsewhere", chart, "namespaces: [team-b]")
			must(t, err)
			_, err = h.upgrade("second", "elsewhere", chart, "namespaces: [team-b, team-a]")
			refused(t, err, "The release first in namespace flashpod-system has an operator for namespace team-a already")
			_, err = h.upgrade("second", "elsewhere", chart, "namespaces: []")
			refused(t, err, "The release first in namespace flashpod-system has an operator for namespace team-a already")

			must(t, h.uninstall("second", "elsewhere"))
			for _, kind := range []string{"Role", "RoleBinding"} {
				if get(t, "rbac.authorization.k8s.io/v1", kind, "team-a", "flashpod-operator") == nil {
					t.Errorf("uninstalling the second took the first's %s", kind)
				}
			}
			_, err = h.upgrade("first", system, chart, "namespaces: []")
			must(t, err)
			if get(t, "rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "", "flashpod-operator") == nil {
				t.Error("the first has no rights in all namespaces")
			}
		})
	}
}

// TestLostRelease: a release whose record was deleted is taken over by another name,
// as the refusal says.
func TestLostRelease(t *testing.T) {
	clean(t)
	h, chart := helm4{}, chartPath("flashpod")
	_, err := h.install("first", system, chart, "")
	must(t, err)
	must(t, server.client.Delete(t.Context(), named("v1", "Secret", system, "sh.helm.release.v1.first.v1")))
	_, err = h.install("second", system, chart, "")
	refused(t, err, "if that release is lost (helm list does not show it), add --take-ownership --set checkOtherReleases=false")
	_, err = h.install("second", system, chart, "checkOtherReleases: false", takeOwnership)
	must(t, err)
	_, err = h.upgrade("second", system, chart, "checkOtherReleases: true")
	must(t, err)
}

// TestKubectlElsewhere: what kubectl installed in its namespace is not taken from it
// by a release in another.
func TestKubectlElsewhere(t *testing.T) {
	clean(t)
	kubectl(t, "apply", "-k", filepath.Join(checkout, "config/default"))
	_, err := helm4{}.install("second", "elsewhere", chartPath("flashpod"), "", takeOwnership)
	refused(t, err, "The namespace flashpod-system has an operator for all namespaces already, which kubectl installed")

	// The way out that it names.
	kubectl(t, "delete", "deployment", "flashpod-operator", "--namespace", system)
	for _, folder := range []string{"rbac", "policy"} {
		kubectl(t, "delete", "-k", filepath.Join(checkout, "config", folder))
	}
	_, err = helm4{}.install("second", "elsewhere", chartPath("flashpod"), "")
	must(t, err)
}
