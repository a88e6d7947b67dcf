package main

import (
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

// changed are values of an upgrade that touches what kubectl wrote.
const changed = "{image: {tag: v2}, mediaImage: {tag: v2}, replicas: 2, resources: {limits: {memory: 1Gi}}, extraArgs: [--health-address=:8082]}"

// identities are the UIDs of what must outlive a change of the tool.
func identities(t *testing.T) map[string]types.UID {
	t.Helper()
	all := map[string]types.UID{}
	for _, o := range objectsIn(t, helmTemplate(t, "flashpod", system, chartPath("flashpod"), "")) {
		if live := get(t, o.GetAPIVersion(), o.GetKind(), o.GetNamespace(), o.GetName()); live != nil {
			all[o.GetKind()+" "+o.GetName()] = live.GetUID()
		}
	}
	return all
}

func refused(t *testing.T, err error, wants ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("it was not refused: %q", wants)
	}
	for _, want := range wants {
		if !strings.Contains(err.Error(), want) {
			t.Fatalf("got %v\nwant %q", err, want)
		}
	}
}

// TestUpgradeFromKubectl takes over what kubectl installed before there was a chart,
// by the two lines in README.md.
func TestUpgradeFromKubectl(t *testing.T) {
	for name, h := range helms {
		t.Run(name, func(t *testing.T) {
			clean(t)
			chart := chartPath("flashpod")
			kubectl(t, "apply", "-f", "testdata/3dc204b.yaml")
			instance(t, "instance")
			before := identities(t)

			_, err := h.install("flashpod", system, chart, "")
			refused(t, err, "must become that of chart flashpod", "run Helm again with --take-ownership",
				"helm template flashpod CHART --namespace flashpod-system | kubectl apply --server-side --force-conflicts --field-manager helm --filename -")
			handOver(t, helmTemplate(t, "flashpod", system, chart, ""))
			_, err = h.install("flashpod", system, chart, "")
			refused(t, err, "cannot be imported into the current release: invalid ownership metadata")
			_, err = h.install("flashpod", system, chart, "", takeOwnership)
			must(t, err)

			_, err = h.upgrade("flashpod", system, chart, changed)
			must(t, err)
			if got := operatorImage(t); got != "flashpod.dev/operator:v2" {
				t.Errorf("after the upgrade the image is %s", got)
			}
			must(t, h.rollback("flashpod", system, 1))
			after := identities(t)
			for what, uid := range before {
				if after[what] != uid {
					t.Errorf("%s was made again", what)
				}
			}
			if !survives(t, "instance") {
				t.Error("the AppInstance lost a field")
			}
			if h == (helm4{}) {
				_, err = h.upgrade("flashpod", system, nextChart(t, "0.2.0", "tagline"), "")
				must(t, err)
				if !knows(t, "tagline") {
					t.Error("the upgrade did not change the definition")
				}
			}
			must(t, h.uninstall("flashpod", system))
			if left := installed(t); len(left) != 1 {
				t.Errorf("uninstalling left %v", left)
			}
		})
	}
}

// TestTakeOwnershipAlone installs over what kubectl applied of the same config/, with
// --take-ownership and no more: it is in conflict with kubectl.
func TestTakeOwnershipAlone(t *testing.T) {
	for name, flags := range map[string][]string{"client-side": nil, "server-side": {"--server-side"}} {
		t.Run(name, func(t *testing.T) {
			clean(t)
			h, chart := helm4{}, chartPath("flashpod")
			kubectl(t, append([]string{"apply", "-k", filepath.Join(checkout, "config/default")}, flags...)...)
			_, err := h.install("flashpod", system, chart, "")
			refused(t, err, "cannot be imported into the current release: invalid ownership metadata")
			_, err = h.install("flashpod", system, chart, "", takeOwnership)
			if err == nil {
				_, err = h.upgrade("flashpod", system, chart, changed)
			}
			refused(t, err, `"kubectl`, "conflict")
		})
	}
}

// TestReinstall: what an uninstalled release left is no obstacle for another one, by
// whatever name and wherever.
func TestReinstall(t *testing.T) {
	for name, test := range map[string]struct{ first, then helm }{
		"helm 4":             {helm4{}, helm4{}},
		"helm 3":             {helm3{}, helm3{}},
		"helm 3 then helm 4": {helm3{}, helm4{}},
		"helm 4 then helm 3": {helm4{}, helm3{}},
	} {
		t.Run(name, func(t *testing.T) {
			clean(t)
			chart := chartPath("flashpod")
			_, err := test.first.install("flashpod", system, chart, "")
			must(t, err)
			instance(t, "instance")
			must(t, test.first.uninstall("flashpod", system))
			_, err = test.then.install("media", "elsewhere", chart, "")
			must(t, err)
			_, err = test.then.upgrade("media", "elsewhere", chart, changed)
			must(t, err)
			if !survives(t, "instance") {
				t.Error("the AppInstance lost a field")
			}

			// A newer chart where the older one's definition was left.
			must(t, test.then.uninstall("media", "elsewhere"))
			next := nextChart(t, "0.2.0", "tagline")
			_, err = test.then.install("flashpod", system, next, "")
			if _, applies := test.first.(helm4); !applies || test.then == (helm3{}) {
				refused(t, err, "must become that of chart flashpod 0.2.0 first", "--show-only templates/crd.yaml")
				handOver(t, onlyDefinition(t, helmTemplate(t, "flashpod", system, next, "")))
				_, err = test.then.install("flashpod", system, next, "")
			}
			must(t, err)
			if !knows(t, "tagline") {
				t.Error("the definition is the old one")
			}
		})
	}
}
