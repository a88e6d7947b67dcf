package main

import (
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestRollbackKeepsTheDefinition: with an older CustomResourceDefinition, one write
// of an AppInstance would drop its new fields for good.
func TestRollbackKeepsTheDefinition(t *testing.T) {
	clean(t)
	h := helm4{}
	_, err := h.install("flashpod", system, chartPath("flashpod"), "")
	must(t, err)
	first := crd(t).GetUID()
	if knows(t, "tagline") {
		t.Fatal("the test's new field is not new")
	}
	_, err = h.upgrade("flashpod", system, nextChart(t, "0.2.0", "tagline"), "")
	must(t, err)
	instance(t, "tagline")
	_, err = h.upgrade("flashpod", system, nextChart(t, "0.3.0", "motto"), "")
	must(t, err)
	if knows(t, "tagline") || !knows(t, "motto") {
		t.Error("a newer definition did not replace an older one")
	}
	_, err = h.upgrade("flashpod", system, nextChart(t, "0.4.0", "tagline"), "")
	must(t, err)

	// Back to each revision, one of which had no such field, one another.
	for _, revision := range []int{3, 1, 2} {
		must(t, h.rollback("flashpod", system, revision))
		if !knows(t, "tagline") || !survives(t, "tagline") {
			t.Fatalf("the rollback to revision %d brought the old definition back", revision)
		}
	}
	// An older chart, by upgrade, leaves it as well.
	_, err = h.upgrade("flashpod", system, chartPath("flashpod"), "")
	must(t, err)
	if !survives(t, "tagline") {
		t.Error("an older chart brought the old definition back")
	}
	must(t, h.uninstall("flashpod", system))
	if !survives(t, "tagline") {
		t.Error("uninstalling changed the definition")
	}
	if crd(t).GetUID() != first {
		t.Error("the definition was made again, and so all AppInstances deleted")
	}
}

// TestDefinitionWithoutServerSideApply: a hook cannot change what it has made unless
// by server-side apply. Helm says so, with the line that does it, and the upgrade
// works after it; a rollback leaves the definition alone as with Helm 4.
func TestDefinitionWithoutServerSideApply(t *testing.T) {
	for name, test := range map[string]struct {
		first, then helm
		flags       []string
		why         string
	}{
		"helm 3":                     {first: helm3{}, then: helm3{}, why: "Helm 3 cannot change it"},
		"begun by helm 3":            {first: helm3{}, then: helm4{}, why: "this release is not applied by the server"},
		"helm 4 --server-side=false": {first: helm4{}, then: helm4{}, flags: []string{clientSide}, why: "this release is not applied by the server"},
	} {
		t.Run(name, func(t *testing.T) {
			clean(t)
			_, err := test.first.install("flashpod", system, chartPath("flashpod"), "", test.flags...)
			must(t, err)
			for i, field := range []string{"tagline", "motto"} {
				next := nextChart(t, []string{"0.2.0", "0.3.0"}[i], field)
				_, err = test.then.upgrade("flashpod", system, next, "", test.flags...)
				if err == nil || !strings.Contains(err.Error(), test.why) || !strings.Contains(err.Error(), "--show-only templates/crd.yaml | kubectl apply --server-side --force-conflicts --field-manager helm --filename -") {
					t.Fatalf("the upgrade said %v", err)
				}
				if knows(t, field) || operatorImage(t) != "flashpod.dev/operator:dev" {
					t.Error("a refused upgrade changed something")
				}
				handOver(t, onlyDefinition(t, helmTemplate(t, "flashpod", system, next, "")))
				_, err = test.then.upgrade("flashpod", system, next, "", test.flags...)
				must(t, err)
			}
			instance(t, "motto")
			must(t, test.then.rollback("flashpod", system, 1))
			if !survives(t, "motto") {
				t.Error("the rollback brought the old definition back")
			}
			must(t, test.then.uninstall("flashpod", system))
			if !survives(t, "motto") {
				t.Error("uninstalling changed the definition")
			}
		})
	}
}

// TestDryRunChangesNothing: looking at the live definition is no reason to write it.
func TestDryRunChangesNothing(t *testing.T) {
	clean(t)
	_, err := helm4{}.install("flashpod", system, chartPath("flashpod"), "", dryRunServer)
	must(t, err)
	if left := installed(t); len(left) > 0 {
		t.Errorf("a dry run made %v", left)
	}
}

// TestTemplateIsNoHook: Argo CD deletes a hook before it makes it again. What it is
// given, which is what `helm template` prints, has none.
func TestTemplateIsNoHook(t *testing.T) {
	text := helmTemplate(t, "flashpod", system, chartPath("flashpod"), "")
	if strings.Contains(text, "helm.sh/hook") || strings.Contains(text, "argocd.argoproj.io/hook") {
		t.Error("helm template prints a hook")
	}
	if !strings.Contains(onlyDefinition(t, text), "helm.sh/resource-policy: keep") {
		t.Error("what Flux and Argo CD prune is not marked as kept")
	}
}

// TestDefinitionDeleted: a user who deletes it gets it back by the next upgrade.
func TestDefinitionDeleted(t *testing.T) {
	for name, h := range helms {
		t.Run(name, func(t *testing.T) {
			clean(t)
			_, err := h.install("flashpod", system, chartPath("flashpod"), "")
			must(t, err)
			must(t, server.client.Delete(t.Context(), crd(t)))
			until(t, "the definition to be gone", func() bool { return crd(t) == nil })
			_, err = h.upgrade("flashpod", system, chartPath("flashpod"), "")
			must(t, err)
			if crd(t) == nil {
				t.Error("the upgrade did not make it again")
			}
		})
	}
}

// TestDefinitionRepaired: a definition that was edited is of the chart's version and
// yet another, and becomes the chart's again.
func TestDefinitionRepaired(t *testing.T) {
	clean(t)
	h := helm4{}
	_, err := h.install("flashpod", system, chartPath("flashpod"), "")
	must(t, err)
	o := crd(t)
	patch := client.RawPatch("application/json-patch+json", []byte(`[{"op": "add", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/edited", "value": {"type": "string"}}]`))
	must(t, server.client.Patch(t.Context(), o, patch, client.FieldOwner("kubectl-edit")))
	_, err = h.upgrade("flashpod", system, chartPath("flashpod"), "")
	if err == nil || !strings.Contains(err.Error(), "kubectl-edit wrote it") {
		t.Fatalf("the upgrade said %v", err)
	}
	handOver(t, onlyDefinition(t, helmTemplate(t, "flashpod", system, chartPath("flashpod"), "")))
	_, err = h.upgrade("flashpod", system, chartPath("flashpod"), "")
	must(t, err)
	if knows(t, "edited") {
		t.Error("it was not repaired")
	}
}
