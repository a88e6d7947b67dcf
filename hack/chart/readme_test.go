package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// program is a folder with the helm that README.md is about: the one that HELM
// names, or one that is built, once.
var program = sync.OnceValues(func() (string, error) {
	dir := os.Getenv("HELM_CACHE_HOME")
	if built := os.Getenv("HELM"); built != "" {
		return dir, os.Symlink(built, filepath.Join(dir, "helm"))
	}
	out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "helm"), "helm.sh/helm/v4/cmd/helm").CombinedOutput()
	if err != nil {
		return string(out), err
	}
	return dir, nil
})

// blocks are the shell lines under a heading of the operator's README.md.
func blocks(t *testing.T, heading string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(chartPath("flashpod"), "README.md"))
	must(t, err)
	_, section, found := strings.Cut(string(text), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("README.md has no heading %s", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var all []string
	for _, match := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(section, -1) {
		all = append(all, match[1])
	}
	return all
}

// shell runs lines of README.md in a checkout, as a user would paste them.
func shell(t *testing.T, lines string) (string, error) {
	t.Helper()
	dir, err := program()
	if err != nil {
		t.Fatalf("%v\n%s", err, dir)
	}
	here := t.TempDir()
	charts, err := filepath.Abs(filepath.Join(checkout, "charts"))
	must(t, err)
	config, err := filepath.Abs(filepath.Join(checkout, "config"))
	must(t, err)
	must(t, os.Symlink(charts, filepath.Join(here, "charts")))
	must(t, os.Symlink(config, filepath.Join(here, "config")))
	command := exec.Command("bash", "-euo", "pipefail", "-c", lines)
	command.Dir = here
	command.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("KUBEBUILDER_ASSETS")+":"+os.Getenv("PATH"))
	out, err := command.CombinedOutput()
	return string(out), err
}

func paste(t *testing.T, lines string) {
	t.Helper()
	if out, err := shell(t, lines); err != nil {
		t.Fatalf("%s\n%v\n%s", lines, err, out)
	}
}

// TestReadme pastes README.md from top to bottom: install, upgrade, roll back,
// uninstall, and to the end.
func TestReadme(t *testing.T) {
	clean(t)
	for _, heading := range []string{"Install", "Upgrade", "Roll back", "Helm 3", "Uninstall"} {
		for _, lines := range blocks(t, heading) {
			paste(t, lines)
		}
	}
	if left := installed(t); len(left) > 0 {
		t.Errorf("at the end %v are left", left)
	}
}

// TestReadmeFromKubectl pastes how Helm takes over what kubectl installed: by each of
// its ways, at 3dc204b and now, and for a release that was not handed over.
func TestReadmeFromKubectl(t *testing.T) {
	lines := blocks(t, "From kubectl to Helm")
	if len(lines) != 1 {
		t.Fatalf("%d blocks", len(lines))
	}
	for name, begin := range map[string]string{
		"3dc204b":                "kubectl apply -f " + absolute(t, "testdata/3dc204b.yaml"),
		"3dc204b by the server":  "kubectl apply --server-side -f " + absolute(t, "testdata/3dc204b.yaml"),
		"config":                 "kubectl apply -k config/default",
		"config by the server":   "kubectl apply --server-side -k config/default",
		"not handed over before": "kubectl apply --server-side -k config/default; helm install flashpod charts/flashpod --namespace flashpod-system --take-ownership --force-conflicts",
	} {
		t.Run(name, func(t *testing.T) {
			clean(t)
			paste(t, begin)
			instance(t, "instance")
			before := identities(t)
			handOver := lines[0]
			if strings.Contains(begin, "helm install") {
				_, err := shell(t, "helm upgrade flashpod charts/flashpod --namespace flashpod-system --set image.tag=v9")
				if err == nil {
					t.Error("it is handed over already")
				}
				handOver = strings.Join(strings.SplitAfter(handOver, "\n")[:3], "")
			}
			paste(t, handOver)

			// From now on no flag is needed, whatever changes.
			for _, set := range []string{"image.tag=v2,replicas=2,extraArgs={--health-address=:8082}", "image.tag=v3,replicas=1", "resources.limits.memory=1Gi,policies.enabled=false"} {
				paste(t, "helm upgrade flashpod charts/flashpod --namespace flashpod-system --set '"+set+"'")
			}
			paste(t, "helm upgrade flashpod "+nextChart(t, "0.2.0", "tagline")+" --namespace flashpod-system")
			if !knows(t, "tagline") || !survives(t, "instance") {
				t.Error("the definition is the old one, or the AppInstance lost a field")
			}
			for what, uid := range identities(t) {
				if before[what] != "" && before[what] != uid && !strings.HasPrefix(what, "ValidatingAdmissionPolicy") {
					t.Errorf("%s was made again", what)
				}
			}
			paste(t, "helm uninstall flashpod --namespace flashpod-system")
			if left := installed(t); len(left) != 1 {
				t.Errorf("uninstalling left %v", left)
			}
		})
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	full, err := filepath.Abs(path)
	must(t, err)
	return full
}
