package controllers

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the golden pod templates again: the next operator then restarts every media server, one after another")

// goldenTemplate reads a pod template that was kept, and the spec that it is of.
func goldenTemplate(t *testing.T, path string) (spec string, template *corev1ac.PodTemplateSpecApplyConfiguration) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	spec, _, _ = strings.Cut(string(b), "\n")
	spec, ok := strings.CutPrefix(spec, "# spec: ")
	if !ok {
		t.Fatalf("%s does not begin with its spec", path)
	}
	template = &corev1ac.PodTemplateSpecApplyConfiguration{}
	if err := yaml.UnmarshalStrict(b, template); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return spec, template
}

// wantedTemplate is what this operator makes of a spec.
func wantedTemplate(t *testing.T, o *observed) *corev1ac.PodTemplateSpecApplyConfiguration {
	t.Helper()
	doc, err := document(o.instance)
	if err != nil {
		t.Fatal(err)
	}
	template, err := podTemplate(o.instance, imageOf(o.instance, o.image), accountName(o.instance), doc, o.scriptHash(), false)
	if err != nil {
		t.Fatal(err)
	}
	return template
}

// Another operator must not restart a pod without need: the template is a
// function of spec and image alone, and stays as it is kept here. When it has to
// change, every media server restarts with the next operator, as many at a time
// as --max-concurrent-rollouts says: write the files again with -update, and say
// in the commit why it is worth it.
func TestPodTemplateIsStable(t *testing.T) {
	files, err := filepath.Glob("testdata/template-3dc204b-*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, old := range files {
		spec, _ := goldenTemplate(t, old)
		now := strings.Replace(old, "-3dc204b", "", 1)
		want := wantedTemplate(t, observe(t, spec))
		if *update {
			b, err := yaml.Marshal(want)
			if err == nil {
				err = os.WriteFile(now, append([]byte("# spec: "+spec+"\n"), b...), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		_, kept := goldenTemplate(t, now)
		if is, err := same(kept, want); err != nil || !is {
			t.Errorf("%s is not what this operator makes (%v): the next operator would restart every media server", now, err)
		}
	}
}

// A media server of 3dc204b can read what this operator lets it serve, where
// nothing is asked for that it does not know.
func TestDocumentOfBeforeStays(t *testing.T) {
	for _, name := range []string{"least", "full"} {
		spec, old := goldenTemplate(t, "testdata/template-3dc204b-"+name+".yaml")
		if now := wantedTemplate(t, observe(t, spec)); now.Annotations[annotationDocument] != old.Annotations[annotationDocument] {
			t.Errorf("%s: the document of %s is another than before", name, spec)
		}
	}
}
